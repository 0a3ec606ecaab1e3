"""The report as one HTML file: no network, one script of our own, every text escaped."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from smallsteps.reports.numbers import ALPHA, DASH, count, p_value, plural
from smallsteps.reports.page.forest import ForestAxis, forest_axis, forest_row, forest_scale
from smallsteps.reports.page.rendering import mark, render
from smallsteps.reports.study import costs, front, plots, views
from smallsteps.reports.study.declaration import declared_note, heading
from smallsteps.reports.study.generic import GenericColumn
from smallsteps.reports.study.headlines import headlines
from smallsteps.reports.study.learning_views import (
    budget_figures,
    budget_table,
    dev_figures,
    has_learning,
    loss_figures,
    loss_table,
    path_figures,
    stop_table,
)
from smallsteps.reports.study.report import StudyReport
from smallsteps.reports.study.runs import FAILURES
from smallsteps.reports.study.words import compute_sentence, reading_note, sentence_of, statements

PACKAGE = "smallsteps.reports.study"
KIND_NAMES = {
    "better": "better",
    "worse": "the opposite",
    "undecided": "undecided",
    "cost": "lost",
    "kept": "no loss shown",
    "gained": "gained",
    "chance": "not above chance",
    "format": "no usable answer",
    "limits": "note",
}
_KIND_MARKS = {
    "better": ("circle", "v-confirmed"),
    "worse": ("diamond", "v-contradicted"),
    "cost": ("down", "v-contradicted"),
    "gained": ("triangle", "v-confirmed"),
}
_VERDICT_MARKS = {"confirmed": ("circle", "v-confirmed"), "contradicted": ("diamond", "v-contradicted")}


def to_html(report: StudyReport) -> str:
    """The page, with every graded item in compressed blocks inside."""
    index = {student.name: i for i, student in enumerate(report.students)}
    compared = [t.comparison for claim in report.claims for t in claim.tests if t.comparison is not None]
    axis = forest_axis(value for c in compared for value in (c.low, c.high, c.difference))
    context: dict[str, Any] = {
        "report": report,
        "first_anchor": "accuracy",
        "steps": _steps,
        "titles": {s.name: s.title for s in report.students},
        "reference": report.reference,
        "index": index,
        "facts": _facts(report),
        "headlines": headlines(report),
        "front": [_front_view(report, column) for column in report.front],
        "front_marks": _marks_note(report),
        **_front_plot(report),
        "cost_plot": plots.cost(report),
        "contents": _contents(report),
        "reading_note": reading_note(report),
        "statements": statements(report),
        "kind_names": KIND_NAMES,
        "kind_mark": lambda kind: mark(*_KIND_MARKS.get(kind, ("square", "v-undecided"))),
        "verdict_mark": lambda verdict: mark(*_VERDICT_MARKS.get(verdict, ("square", "v-undecided"))),
        "interval_note": views.interval_note(report),
        "role_groups": views.role_groups(report),
        "column_notes": lambda column: views.column_notes(report, column),
        "cell_value": views.cell_value,
        "cell_span": views.cell_span,
        "items_link": items_link,
        "strip": plots.strip,
        "detail_rows": views.detail_rows(report),
        "failures": FAILURES,
        "compute": compute_sentence(report),
        "answer_column": views.answer_column(report).title,
        "tokens_per_answer": lambda student: views.tokens_per_answer(report, student),
        "parts_text": views.parts_text,
        "cost_header": costs.HEADER,
        "cost_rows": costs.rows(report) if report.costs else [],
        "cost_note": costs.note(report) if report.costs else "",
        "family_note": _family_note(report),
        "claims": [_claim_view(report, number, axis) for number in range(len(report.claims))],
        "layouts": [views.layout_view(report, pair) for pair in report.layouts],
        "generic": [_generic_view(report, i) for i in range(len(report.generic))],
        "generic_note": views.generic_note(report),
        "detail_note": views.DETAIL_NOTE,
        "learning": _learning_view(report),
        "method_notes": views.method_notes(report),
        "provenance": views.provenance_rows(report.provenance),
    }
    return render(PACKAGE, "page.html.j2", context, report.items)


def items_link(column: str, a: str = "", b: str = "", show: str = "all") -> str:
    """The address of a filter of the list of items; `items.js` reads it."""
    given = {"task": column, "a": a, "b": b, "show": show}
    return f"#items?{urlencode({name: value for name, value in given.items() if value})}"


def _front_view(report: StudyReport, column: front.FrontColumn) -> dict[str, Any]:
    cells = [(*front.shown_accuracy(cell), mark, words) for cell, mark, words in front.marked(report, column)]
    return {"title": column.title, "note": column.note, "cells": cells}


def _marks_note(report: StudyReport) -> str:
    marks = {mark for column in report.front for _, mark, _ in front.marked(report, column)}
    words = {"lost": "▼ below the base", "gained": "▲ above the base"}
    text = ", ".join(shown for mark, shown in words.items() if mark in marks)
    return f"{text}, by a test of this report." if text else ""


def _front_plot(report: StudyReport) -> dict[str, Any]:
    """The trade-off over the first generic suite that can be drawn."""
    for suite in report.generic:
        if plot := plots.trade_off(report, suite, height=330):
            return {"front_plot": plot, "front_note": _marks_of_plane(report, suite)}
    return {"front_plot": Markup(""), "front_note": ""}


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
    if report.costs:
        found.insert(3, ("costs", "Endpoints"))
    if report.layouts:
        found.append(("layouts", "Socratic and CoT"))
    if report.generic:
        found.append(("generic", "Cost"))
    if has_learning(report):
        found.append(("learning", "Learning"))
    return [*found, ("items", "Items"), ("method", "Method"), ("provenance", "Provenance")]


def _family_note(report: StudyReport) -> str:
    return (
        f"{declared_note(report)} With p-values adjusted over all {plural(report.tests, 'test')} of this "
        f"report, the probability of any false verdict is at most {ALPHA:.0%}. "
        "Points to the right of the dotted line favour the student named first."
    )


def _claim_view(report: StudyReport, number: int, axis: ForestAxis) -> dict[str, Any]:
    claim, rows = report.claims[number], []
    for test in claim.tests:
        c = test.comparison
        look = "undecided" if test.verdict == "not_shown" else test.verdict
        rows.append(
            {
                "id": test.id,
                "title": test.title,
                "size": f"n = {count(c.n)}" if c else "",
                "forest": forest_row(c.difference, c.low, c.high, axis, look) if c else "",
                **views.comparison_cells(c),
                "p": p_value(test.p).removeprefix("= ") if test.p is not None else DASH,
                "holm": p_value(test.holm).removeprefix("= ") if test.holm is not None else DASH,
                "link": items_link(test.column, claim.better, claim.than, "differ") if c else "",
                "verdict": look,
                "verdict_name": views.VERDICT_NAMES[test.verdict],
                "sentence": sentence_of(report, claim, test),
                "notes": views.notes_of(test),
            }
        )
    return {
        "text": heading(report, number),
        "rows": rows,
        "axis": forest_scale(axis) if any(row["forest"] for row in rows) else "",
    }


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
        "caption": _caption(report, suite),
        "header": views.change_header(report, suite),
        "rows": changes,
        "students": [report.student(name).title for name in names],
        "subtasks": views.subtask_rows(suite),
    }


def _learning_view(report: StudyReport) -> list[dict[str, Any]]:
    """Groups of pictures, each with the table that says the same; empty ones are left out."""
    dev, paths = dev_figures(report), path_figures(report)
    found = [
        ("Training loss", loss_figures(report), loss_table(report), _band_note(report)),
        ("At the checkpoints", [*paths, *dev], stop_table(report), _ring_note(report)),
    ]
    for budget in report.budgets:
        note = (
            "Accuracies on the test items, with 95% intervals, against the quantity that the recipes declare."
        )
        title = f"Over {budget.title}"
        found.append((title, budget_figures(report, budget), budget_table(report, budget), note))
    groups = [{"title": t, "figures": f, "table": table, "note": n} for t, f, table, n in found]
    return [group for group in groups if group["figures"]]


def _band_note(report: StudyReport) -> str:
    several = report.seeds[1] > 1
    band = "Lines are means over seeds, bands reach from the lowest seed to the highest. " if several else ""
    return f"{band}Losses of different objectives or tokenizers are not on one scale."


def _ring_note(report: StudyReport) -> str:
    several = report.seeds[1] > 1
    band = " Lines are means over seeds, bands reach from the lowest to the highest." if several else ""
    return (
        f"Measured during training, never on test items. Rings mark the chosen checkpoint of each seed.{band}"
    )


def _caption(report: StudyReport, suite: GenericColumn) -> str:
    target = plots.target_title(report)
    return f"{target[0].upper()}{target[1:]} against {suite.title}. {_marks_of_plane(report, suite)}"


def _marks_of_plane(report: StudyReport, suite: GenericColumn) -> str:
    """What ellipses, arrows and the dashed line of a trade-off are."""
    words = ""
    if any(place.region is not None for place in suite.places):
        words = "Ellipses: 95% joint region of both changes; arrows lead from the base. "
    front = plots.front_sentence(report, suite)
    return (
        f"{words}Dashed: the Pareto front, where no student is better on both axes. Share of joint bootstrap "
        f"draws in which a student is on it, a description and not a test: {front}."
    )
