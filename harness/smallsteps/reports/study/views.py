"""The report's numbers as the rows and cells of its tables; shared by HTML and Markdown."""

from __future__ import annotations

from typing import Any

from smallsteps.problems import Measure
from smallsteps.reports.numbers import (
    DASH,
    MINUS,
    count,
    decimals,
    large,
    listed,
    p_value,
    plural,
    points,
    rate,
    signed,
    span,
)
from smallsteps.reports.study.cells import ITEMS_T, SEEDS_T, WILSON, Cell
from smallsteps.reports.study.claims import ClaimTest
from smallsteps.reports.study.comparisons import Comparison, SeedPair
from smallsteps.reports.study.generic import Change, GenericColumn
from smallsteps.reports.study.inputs import StudentInfo
from smallsteps.reports.study.layouts import LayoutPair
from smallsteps.reports.study.notes import METHOD, ONE_SEED, SEVERAL_SEEDS
from smallsteps.reports.study.report import StudyReport
from smallsteps.reports.study.runs import FAILURES, Column
from smallsteps.stats.tradeoff import Ratio

ROLE_NAMES = {"target": "Target", "transfer": "Transfer", "generic": "Generic ability"}
INTERVALS = {
    WILSON: "Wilson's for one run on independent items",
    ITEMS_T: "over items for one run on a suite, clusters or partial credit",
    SEEDS_T: "over seeds and items for several runs",
}
DETAIL_NOTE = (
    "Flexible rule: the last stated answer counts. Strict rule: only the exact answer format counts; shown "
    "where it differs. Responses without a usable answer count as wrong under both. Tokens: mean of a "
    "response."
)
FRONT_NOTE = (
    "“On the front” is the share of joint bootstrap draws in which no student is better on both the target "
    "and this suite; it describes and tests nothing."
)
VERDICT_NAMES = {
    "confirmed": "confirmed",
    "contradicted": "the opposite",
    "undecided": "cannot be told apart",
    "not_shown": "not shown",
    "identical": "identical items",
    "both_wrong": "all items wrong",
    "at_chance": "neither above chance",
    "missing": "not evaluated",
}


def cell_value(cell: Cell) -> str:
    """Accuracy in per cent."""
    if cell.accuracy is None or cell.low is None or cell.high is None:
        return DASH
    return points(cell.accuracy, places_of(cell))


def cell_span(cell: Cell) -> str:
    """Interval of the accuracy, or why there is none."""
    if cell.low is None or cell.high is None:
        return cell.missing
    return span(cell.low, cell.high, places_of(cell))


def places_of(cell: Cell) -> int:
    """Decimals that the interval supports."""
    if cell.low is None or cell.high is None:
        return 1
    return min(1, decimals(cell.low, cell.high))


def interval_note(report: StudyReport) -> str:
    """What the ranges of the accuracies are."""
    kinds = list(dict.fromkeys(INTERVALS[c.interval] for c in report.cells if c.interval in INTERVALS))
    means = "Means over seeds. " if report.seeds[1] > 1 else ""
    return f"{means}Ranges are 95% intervals: {listed(kinds)}." if kinds else means.rstrip()


def column_notes(report: StudyReport, column: Column) -> list[str]:
    """The column's own note, and n."""
    n = next((c.n for c in report.cells if c.column == column.name and c.seeds), 0)
    return [part for part in (column.note, f"n = {count(n)}" if n else "") if part]


def role_groups(report: StudyReport) -> list[tuple[str, int]]:
    """Neighbouring columns of one role: (name, number)."""
    groups: list[tuple[str, int]] = []
    for column in report.columns:
        name = ROLE_NAMES[column.role]
        if groups and groups[-1][0] == name:
            groups[-1] = (name, groups[-1][1] + 1)
        else:
            groups.append((name, 1))
    return groups


def seed_name(seed: int | None) -> str:
    """A seed as text."""
    return DASH if seed is None else str(seed)


def seed_of(pair: SeedPair) -> str:
    """The seed of a pair of checkpoints, of which one may have none."""
    return seed_name(pair.seed_a if pair.seed_a is not None else pair.seed_b)


def detail_rows(report: StudyReport) -> list[list[str]]:
    """One row per student, column and seed."""
    titles = {c.name: c.title for c in report.columns}
    rows = []
    for cell in report.cells:
        for s in cell.seeds:
            places = min(1, decimals(s.low, s.high))
            differs = s.strict is not None and abs(s.strict - s.accuracy) > 1e-12
            rows.append(
                [
                    report.student(cell.student).title,
                    titles[cell.column],
                    seed_name(s.seed),
                    count(s.n),
                    count(round(s.right)) if abs(s.right - round(s.right)) < 1e-9 else f"{s.right:.1f}",
                    points(s.accuracy, places),
                    span(s.low, s.high, places),
                    points(s.strict, places) if differs and s.strict is not None else "same",
                    *(rate(s.status.get(name, 0.0)) for name in FAILURES),
                    DASH if s.tokens is None else f"{s.tokens:.1f}",
                ]
            )
            if s.strict is None:
                rows[-1][7] = DASH
    return rows


def answer_column(report: StudyReport) -> Column:
    """The column whose responses show what an answer costs."""
    return next((c for c in report.columns if c.role == "target"), report.columns[0])


def tokens_per_answer(report: StudyReport, student: StudentInfo) -> str:
    """Mean tokens of a response on that column."""
    tokens = report.cell(student.name, answer_column(report).name).tokens
    return DASH if tokens is None else f"{tokens:.0f}"


def parts_text(student: StudentInfo) -> str:
    """The parts, with the steps of each and how often it saw its examples, where known."""
    texts = []
    for name, value in student.parts.items():
        steps, passes = (value.get("steps"), value.get("passes")) if isinstance(value, dict) else (None, None)
        if isinstance(steps, int) and isinstance(passes, float):
            texts.append(f"{name} ({count(steps)} steps, {passes:.2g} passes)")
        else:
            texts.append(str(name))
    return ", ".join(texts) or DASH


def comparison_cells(found: Comparison | None) -> dict[str, str]:
    """Difference, interval, p and discordant items as text."""
    if found is None:
        return dict.fromkeys(("difference", "interval", "p", "discordant"), DASH)
    places = 1 if found.low is None or found.high is None else decimals(found.low, found.high)
    interval = DASH if found.low is None or found.high is None else span(found.low, found.high, places)
    pair = found.pairs[0] if found.pairs else None
    more = f" (seed {seed_of(pair)})" if pair and len(found.pairs) > 1 else ""
    return {
        "difference": signed(found.difference, places),
        "interval": interval,
        "p": p_value(found.p).removeprefix("= "),
        "discordant": f"{count(len(pair.won))} / {count(len(pair.lost))}{more}" if pair else DASH,
    }


def notes_of(test: ClaimTest) -> list[str]:
    """Notes on one test, as sentences."""
    found = test.comparison
    notes: list[str] = []
    if found is None:
        return notes
    if len(found.pairs) > 1:
        each = [f"{seed_of(p)}: {signed(p.difference, 1)} (exact p {p_value(p.p)})" for p in found.pairs]
        notes.append(f"Seed by seed, not adjusted: {'; '.join(each)}.")
    if found.shares is not None:
        notes.append("Variance: seeds {:.0%}, items {:.0%}, seed by item {:.0%}.".format(*found.shares))
    if found.clusters is not None:
        notes.append(f"The units of the test are {plural(found.clusters, 'cluster')} of items.")
    large = found.at_large
    if large is not None and large.test.interval is not None:
        low, high = large.test.interval.low, large.test.interval.high
        notes.append(
            f"With its {plural(large.families, 'family', 'families')} as a sample of tasks: "
            f"{signed(large.test.estimate, 1)} points, 95% interval {span(low, high, 1)}."
        )
    return notes + [f"{note[0].upper()}{note[1:]}." for note in found.notes if note]


def layout_view(report: StudyReport, pair: LayoutPair) -> dict[str, Any]:
    """One Socratic-against-CoT table."""
    a, b = report.student(pair.a), report.student(pair.b)
    if pair.diagnostic:
        note = (
            "Diagnostic: uses gold sub-questions, not a competitor. Its errors are those of the solver alone."
        )
    elif pair.ratio is None:
        note = "Training compute is not known for both."
    else:
        tokens = f"{large(a.training_tokens)} against {large(b.training_tokens)} training tokens"
        matched = "matched" if pair.matched else f"not matched: {pair.ratio:.2f} times as many"
        note = f"{tokens}, {matched}."
        if a.supervised_tokens and b.supervised_tokens:
            note += f" {large(a.supervised_tokens)} against {large(b.supervised_tokens)} of them supervised."
    rows = []
    for column, found in zip(report.columns, pair.comparisons, strict=True):
        if found is None:
            continue
        cells = comparison_cells(found)
        places = 1 if found.low is None or found.high is None else decimals(found.low, found.high)
        rows.append(
            [
                column.title,
                points(found.accuracy_a, places),
                points(found.accuracy_b, places),
                cells["difference"],
                cells["interval"],
                cells["p"],
                cells["discordant"],
            ]
        )
    return {"title": f"{a.title} against {b.title}", "a": a.title, "b": b.title, "note": note, "rows": rows}


def change_cells(report: StudyReport, suite: GenericColumn, change: Change) -> list[tuple[str, str]]:
    """One student's row of a table of change: (value, smaller text below it)."""
    found = change.comparison
    cells = comparison_cells(found)
    places = 1 if found.low is None or found.high is None else decimals(found.low, found.high)
    form = (DASH, "")
    if change.form is not None and change.form.share is not None:
        form = (f"{change.form.lost:,.0f}", f"{rate(change.form.share)} without an answer")
    return [
        (f"{points(found.accuracy_b, places)} → {points(found.accuracy_a, places)}", ""),
        (cells["difference"], cells["interval"]),
        (DASH if change.adjusted is None else p_value(change.adjusted).removeprefix("= "), ""),
        kept_cell(change.kept),
        _at_large_cell(change),
        (f"{rate(change.unreadable_before)} → {rate(change.unreadable_after)}", ""),
        form,
        _likelihood_cell(report, suite, change.student),
        (next((rate(p.on_front) for p in suite.places if p.student == change.student), DASH), ""),
    ]


def kept_cell(kept: Ratio) -> tuple[str, str]:
    """Share of the base's accuracy above chance ("none" at or below 0), with its interval or a reason."""
    if kept.estimate is None:
        return DASH, kept.note
    below = span(kept.interval.low, kept.interval.high, 0) if kept.interval else ""
    if kept.interval is not None and kept.interval.high <= 0:
        return "none", below
    return f"{100 * kept.estimate:.0f}%".replace("-", MINUS), below


def _at_large_cell(change: Change) -> tuple[str, str]:
    large = change.comparison.at_large
    if large is None:
        return DASH, ""
    test = large.test
    if test.interval is None:
        return DASH, test.note
    places = decimals(test.interval.low, test.interval.high)
    return signed(test.estimate, places), span(test.interval.low, test.interval.high, places)


def _likelihood_cell(report: StudyReport, suite: GenericColumn, student: str) -> tuple[str, str]:
    twin = next((g for g in report.generic if g.column == suite.twin), None)
    found = twin.change(student) if twin is not None and twin.measure is Measure.LIKELIHOOD else None
    if found is None:
        return DASH, ""
    cells = comparison_cells(found.comparison)
    kept, _ = kept_cell(found.kept)
    return cells["difference"], f"kept {kept}" if found.kept.estimate is not None else found.kept.note


def change_header(report: StudyReport, suite: GenericColumn) -> list[str]:
    """Columns of the table of change, after the student."""
    changes = [c.comparison.at_large for c in suite.changes]
    large = next((a for a in changes if a is not None), None)
    families = f"At large ({plural(large.families, 'family', 'families')})" if large else "At large"
    return [
        "Before → after",
        "Change, points",
        "Adjusted p",
        "Kept above chance",
        families,
        "No answer",
        "Items lost",
        "By likelihood",
        "On the front",
    ]


def suite_text(suite: GenericColumn) -> str:
    """Size and chance level of a suite, and the parts on which the base is not above chance."""
    parts = [s for s in suite.subtasks if not s.above_chance]
    items = count(sum(s.n for s in suite.subtasks))
    text = f"{plural(len(suite.subtasks), 'subtask')}, {items} items"
    if suite.chance is not None:
        text += f"; chance is {points(suite.chance, 1)}%"
    if parts:
        text += f"; the base is not shown to be above chance on {listed([s.title for s in parts])}"
    return text


def generic_note(report: StudyReport) -> str:
    """How to read the tables of change."""
    if report.reference is None:
        return "No untrained base was given, so there is no before and after."
    base = report.student(report.reference).title
    return (
        f"Every student against {base} on the same items of the whole suite, its parts fixed. “Kept” is the "
        "share of the base's accuracy above chance that the student has (“none”: the whole interval lies at "
        "or below 0). “At large” takes the families of parts as a sample of tasks. “Items lost” are those "
        "that the base has right and the student wrong. By likelihood, allowed answers are compared and "
        f"format plays no part: a loss that only generated answers show is one of format. {FRONT_NOTE}"
    )


def subtask_rows(suite: GenericColumn) -> list[dict[str, Any]]:
    """The table by subtask."""
    rows = []
    for s in suite.subtasks:
        values = [DASH if v is None else points(v, 0) for v in s.students.values()]
        chance = DASH if s.chance is None else points(s.chance, 0)
        rows.append(
            {"title": s.title, "above_chance": s.above_chance, "cells": [count(s.n), chance, *values]}
        )
    return rows


def provenance_rows(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as (dotted name, text), sorted by name."""
    if isinstance(value, dict):
        return [row for key in sorted(value) for row in provenance_rows(value[key], f"{prefix}{key}.")]
    if isinstance(value, list) and any(isinstance(v, (dict, list)) for v in value):
        return [row for i, v in enumerate(value) for row in provenance_rows(v, f"{prefix}{i}.")]
    text = ", ".join(str(v) for v in value) if isinstance(value, list) else str(value)
    return [(prefix.removesuffix("."), text)]


def method_notes(report: StudyReport) -> list[str]:
    """How the numbers were made, as sentences."""
    notes = [*METHOD, *report.suite_notes]
    least, most = report.seeds
    if most > 1:
        notes.append(SEVERAL_SEEDS)
    if least == 1:
        notes.append(ONE_SEED)
    if report.scorers:
        notes.append(f"Scoring rules: version {listed(list(report.scorers))}.")
    return notes
