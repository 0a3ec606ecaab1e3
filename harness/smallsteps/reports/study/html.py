"""The report as one HTML file: no script, no network, every text escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from smallsteps.reports.study import plots, svg, views
from smallsteps.reports.study.claims import ClaimResult
from smallsteps.reports.study.examples import Answer, ClaimItems, Item
from smallsteps.reports.study.numbers import ALPHA, DASH, count, large, p_value, plural, rate
from smallsteps.reports.study.report import StudyReport
from smallsteps.reports.study.runs import FAILURES, Column
from smallsteps.reports.study.words import compute_sentence, reading_note, sentence_of, statements

# A page stays under a megabyte; the lists of items give way first.
LIMIT = 950_000
CAPS = (40, 25, 15, 10, 6, 4, 2)
_EQUATION = re.compile(r"\b([pn]) ([=<]) (?=\S)")
KIND_NAMES = {
    "better": "better",
    "worse": "the opposite",
    "undecided": "not told apart",
    "cost": "lost",
    "kept": "no loss shown",
    "gained": "gained",
    "chance": "no claim",
    "format": "unreadable",
    "limits": "bear in mind",
}
_KIND_MARKS = {
    "better": ("circle", "v-confirmed"),
    "worse": ("diamond", "v-contradicted"),
    "cost": ("down", "v-contradicted"),
    "gained": ("triangle", "v-confirmed"),
}
_VERDICT_MARKS = {"confirmed": ("circle", "v-confirmed"), "contradicted": ("diamond", "v-contradicted")}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Templates of the report; everything is escaped, an unknown name is an error."""
    env = Environment(
        loader=PackageLoader("smallsteps.reports.study"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters.update(clip=clip, nb=nb, graded=graded, rate=rate, large=large, steps=_steps)
    return env


def clip(text: str, most: int) -> str:
    """At most so many characters, saying how many were left out."""
    text = text.strip("\n")
    return text if len(text) <= most else f"{text[:most]} … ({plural(len(text) - most, 'more character')})"


def nb(text: str) -> str:
    """The text with its small equations kept on one line: "p = 0.031", "n = 300"."""
    return _EQUATION.sub("\\1\u00a0\\2\u00a0", text)


def graded(answer: Answer) -> str:
    """The verdict on one response."""
    verdict = "right" if answer.score == 1 else "wrong" if answer.score == 0 else f"{answer.score:.2f}"
    if answer.status != "ok":
        return f"{verdict}, {answer.status}"
    return f"{verdict}, answer {clip(answer.extracted, 120)}" if answer.extracted is not None else verdict


def to_html(report: StudyReport) -> str:
    """The page; lists of items are shortened until it is under a megabyte."""
    page = ""
    for cap in CAPS:
        page = _render(report, cap)
        if len(page.encode()) <= LIMIT:
            break
    return page


def _render(report: StudyReport, cap: int) -> str:
    style = environment().loader.get_source(environment(), "style.css")[0]  # type: ignore[union-attr]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    index = {student.name: i for i, student in enumerate(report.students)}
    context: dict[str, Any] = {
        "report": report,
        "style": Markup(style),
        "style_hash": f"sha256-{digest}",
        "titles": {s.name: s.title for s in report.students},
        "reference": report.reference,
        "index": index,
        "facts": _facts(report),
        "contents": _contents(report),
        "reading_note": reading_note(report),
        "statements": statements(report),
        "kind_names": KIND_NAMES,
        "kind_mark": lambda kind: _mark(*_KIND_MARKS.get(kind, ("square", "v-undecided"))),
        "verdict_mark": lambda verdict: _mark(*_VERDICT_MARKS.get(verdict, ("square", "v-undecided"))),
        "key_mark": svg.key_mark,
        "interval_note": views.interval_note(report),
        "role_groups": views.role_groups(report),
        "column_notes": lambda column: views.column_notes(report, column),
        "cell_value": views.cell_value,
        "cell_span": views.cell_span,
        "cell_ids": {(c.student, c.column): c.id for c in report.drilldown.cells},
        "strip": plots.strip,
        "detail_rows": views.detail_rows(report),
        "failures": FAILURES,
        "compute": compute_sentence(report),
        "answer_column": views.answer_column(report).title,
        "tokens_per_answer": lambda student: views.tokens_per_answer(report, student),
        "parts_text": views.parts_text,
        "family_note": _family_note(report),
        "claims": [_claim_view(report, claim) for claim in report.claims],
        "layouts": [views.layout_view(report, pair) for pair in report.layouts],
        "generic": [_generic_view(report, i) for i in range(len(report.generic))],
        "generic_note": _generic_note(report),
        "items_note": _items_note(report),
        "claim_items": _claim_items(report, cap),
        "cell_items": _cell_items(report),
        "method_notes": views.method_notes(report),
        "provenance": views.provenance_rows(report.provenance),
    }
    return environment().get_template("page.html.j2").render(context)


def _mark(shape: str, style: str) -> Markup:
    body = svg.mark(shape, 50, 7, f"m {style}")
    return Markup(f'<svg width="14" height="14" aria-hidden="true">{body}</svg>')


def _steps(value: int | None) -> str:
    return DASH if value is None else count(value)


def _facts(report: StudyReport) -> list[tuple[str, str]]:
    responses = sum(s.n for cell in report.cells for s in cell.seeds)
    tests = sum(len(claim.tests) for claim in report.claims)
    least, most = report.seeds
    seeds = count(most) if least == most else f"{least}–{most}"
    return [
        (count(len(report.students)), "student" if len(report.students) == 1 else "students"),
        (seeds, "seed each" if most == 1 else "seeds each"),
        (count(len(report.columns)), "task" if len(report.columns) == 1 else "tasks"),
        (count(responses), "graded items"),
        (count(tests), "declared test" if tests == 1 else "declared tests"),
    ]


def _contents(report: StudyReport) -> list[tuple[str, str]]:
    found = [("summary", "In words"), ("accuracy", "Accuracy"), ("students", "Students")]
    if report.claims:
        found.append(("claims", "Claims"))
    if report.layouts:
        found.append(("layouts", "Socratic and CoT"))
    if report.generic:
        found.append(("generic", "Cost"))
    return [*found, ("items", "Items"), ("method", "Method"), ("provenance", "Provenance")]


def _family_note(report: StudyReport) -> str:
    tests = sum(len(claim.tests) for claim in report.claims)
    return (
        f"{plural(tests, 'test was', 'tests were')} declared before the results were seen. Adjusted p-values "
        f"hold the chance of any false statement among all {plural(report.tests, 'test')} of this report "
        f"at {ALPHA:.0%}. "
        "Points to the right of the dotted line favour the student named first."
    )


def _claim_view(report: StudyReport, claim: ClaimResult) -> dict[str, Any]:
    found = [t.comparison for t in claim.tests if t.comparison is not None]
    axis = plots.forest_axis(found)
    items = {entry.id: entry for entry in report.drilldown.claims}
    rows = []
    for test in claim.tests:
        c = test.comparison
        entry = items.get(test.id)
        rows.append(
            {
                "id": test.id,
                "title": test.title,
                "size": f"n = {count(c.n)}" if c else "",
                "forest": plots.forest_row(c, axis, test.verdict) if c else "",
                **views.comparison_cells(c),
                "holm": p_value(test.holm).removeprefix("= ") if test.holm is not None else DASH,
                "linked": entry is not None and entry.won_total + entry.lost_total > 0,
                "verdict": test.verdict,
                "verdict_name": views.VERDICT_NAMES[test.verdict],
                "sentence": sentence_of(report, claim, test),
                "notes": views.notes_of(test),
            }
        )
    return {"text": claim.text, "rows": rows, "axis": plots.forest_scale(axis) if found else ""}


def _generic_note(report: StudyReport) -> str:
    if report.reference is None:
        return "No untrained base was given, so there is no before and after."
    base = report.student(report.reference).title
    return (
        f"Every student against {base}, on the same items of the whole suite, its parts fixed. "
        f"“Kept” is the share of the accuracy above guessing that is left. “At large” takes the families of "
        "parts as a sample of tasks. By likelihood, the allowed answers are compared and no format can hide "
        "an ability: what only generation lost is format."
    )


def _generic_view(report: StudyReport, number: int) -> dict[str, Any]:
    suite = report.generic[number]
    names = list(suite.subtasks[0].students) if suite.subtasks else []
    changes = [
        {"student": report.student(c.student), "cells": views.change_cells(report, suite, c)}
        for c in suite.changes
    ]
    return {
        "column": suite.column,
        "title": suite.title,
        "text": views.suite_text(suite),
        "plot": plots.trade_off(report, suite),
        "caption": _caption(report, suite.title),
        "header": views.change_header(report, suite),
        "rows": changes,
        "students": [report.student(name).title for name in names],
        "subtasks": views.subtask_rows(suite),
    }


def _caption(report: StudyReport, title: str) -> str:
    target = views.answer_column(report).title
    return (
        f"Up is better kept, right is better learned. {target} against {title}. Bars are 95% intervals; "
        "arrows lead from the base."
    )


def _items_note(report: StudyReport) -> str:
    return (
        "Won: only the first-named student is right; lost: only the second. Items are taken in the order of "
        "their hashed ids, so nobody chose them. Long texts are cut and say so; lists may be shortened to "
        "keep this page small. All won and lost ids are in report.json."
        + (
            " With several seeds, items of the first pair of checkpoints are shown."
            if report.seeds[1] > 1
            else ""
        )
    )


def _claim_items(report: StudyReport, cap: int) -> list[dict[str, Any]]:
    by_id = {entry.id: entry for entry in report.drilldown.claims}
    found = []
    for claim in report.claims:
        entries = [
            _claim_entry(report, claim, by_id[test.id], test.title, cap)
            for test in claim.tests
            if test.id in by_id and by_id[test.id].won_total + by_id[test.id].lost_total > 0
        ]
        if entries:
            found.append({"text": claim.text, "entries": entries})
    return found


def _claim_entry(
    report: StudyReport, claim: ClaimResult, entry: ClaimItems, title: str, cap: int
) -> dict[str, Any]:
    a, b = report.student(claim.better).title, report.student(claim.than).title
    groups: list[tuple[str, tuple[Item, ...], str]] = []
    for total, items, first, second in (
        (entry.won_total, entry.won, a, b),
        (entry.lost_total, entry.lost, b, a),
    ):
        shown = items[:cap]
        hidden = count(total - len(shown)) if total > len(shown) else ""
        verb = "item" if total == 1 else "items"
        groups.append((f"{count(total)} {verb} that {first} has right and {second} wrong", shown, hidden))
    return {
        "id": entry.id,
        "title": title,
        "won_total": count(entry.won_total),
        "lost_total": count(entry.lost_total),
        "groups": groups,
    }


def _cell_items(report: StudyReport) -> list[dict[str, Any]]:
    columns: dict[str, Column] = {c.name: c for c in report.columns}
    found = []
    for student in report.students:
        entries = [
            {
                "id": cell.id,
                "title": columns[cell.column].title,
                "totals": ", ".join(f"{count(n)} {name}" for name, n in cell.totals.items()),
                "shown": [item for _, item in cell.items],
            }
            for cell in report.drilldown.cells
            if cell.student == student.name
        ]
        if entries:
            found.append({"title": student.title, "entries": entries})
    return found
