"""The table of the first screen: every student on target, transfer and generic tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from smallsteps.comparing.rows import side_of
from smallsteps.problems import Measure, measure_of
from smallsteps.problems.tasks import parse_task
from smallsteps.reports.numbers import ALPHA, DASH, decimals, points
from smallsteps.reports.study.generic import Change, GenericColumn
from smallsteps.reports.study.inputs import TaskRole
from smallsteps.reports.study.runs import Column, Runs

if TYPE_CHECKING:
    from smallsteps.reports.study.report import StudyReport

Mark = Literal["", "lost", "kept", "gained"]
ROLE_TITLES: dict[TaskRole, str] = {"target": "Target", "transfer": "Transfer", "generic": "Generic"}
BY_LIKELIHOOD = "Likelihood"


@dataclass(frozen=True, slots=True)
class FrontCell:
    """One accuracy of the first table.

    Attributes:
        accuracy, low, high: with its 95 % interval, as proportions; None where it was not evaluated.
        note: why there is none.
    """

    accuracy: float | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class FrontColumn:
    """One column of the first table: a target, the mean over all transfer tasks, or a generic suite.

    Attributes:
        title: what readers see; note: below it.
        role: of its tasks.
        column: name of the column it shows, empty for a mean over several.
        cells: one for each student.
    """

    title: str
    note: str
    role: TaskRole
    column: str
    cells: tuple[FrontCell, ...]


def front_columns(runs: Runs, students: Sequence[str]) -> tuple[FrontColumn, ...]:
    """The accuracies of the first table, without marks.

    One column for each role, the mean over its tasks, each counting the same. Generic tasks whose answers are
    written and those chosen by likelihood are two. Of a benchmark under several prompts, the first counts.
    """
    found = []
    for role in ROLE_TITLES:
        members = [column for column in runs.columns if column.role == role]
        chosen = [column for column in members if _by_likelihood(column)]
        written = [column for column in members if column not in chosen]
        groups = [_one_a_benchmark(written), _one_a_benchmark(chosen)] if role == "generic" else [members]
        found += [_column(runs, students, role, group) for group in groups if group]
    return tuple(found)


def _by_likelihood(column: Column) -> bool:
    return measure_of(column.tasks[0].name) is Measure.LIKELIHOOD


def _one_a_benchmark(columns: list[Column]) -> list[Column]:
    found: dict[str, Column] = {}
    for column in columns:
        parts = parse_task(column.tasks[0].name)
        found.setdefault(parts.benchmark if parts else column.name, column)
    return list(found.values())


def _column(runs: Runs, students: Sequence[str], role: TaskRole, shown: list[Column]) -> FrontColumn:
    cells = tuple(_cell(runs, name, shown) for name in students)
    one = shown[0] if len(shown) == 1 else None
    note = short_title(one.title) if one else f"mean of {len(shown)} tasks"
    title = BY_LIKELIHOOD if role == "generic" and _by_likelihood(shown[0]) else ROLE_TITLES[role]
    return FrontColumn(title, note, role, one.name if one else "", cells)


def _cell(runs: Runs, student: str, shown: list[Column]) -> FrontCell:
    units = [column.unit for column in shown]
    tasks = tuple(task for unit in units for task in unit.tasks)
    if not all(runs.sheet.has(student, unit) for unit in units):
        return FrontCell(None, None, None, "not evaluated")
    if runs.sheet.seeds(student, tasks) is None:
        return FrontCell(None, None, None, "other seeds on some tasks")
    if len(units) == 1:
        side = side_of(runs.sheet, student, units[0])
        accuracy, interval = side.accuracy, side.interval
    else:
        weights = {
            task: share / len(units) for unit in units for task, share in runs.sheet.weights(unit).items()
        }
        accuracy = runs.sheet.accuracy(student, weights)
        interval = runs.sheet.contrast({student: weights}).test.interval
    if interval is None:
        return FrontCell(accuracy, None, None)
    return FrontCell(accuracy, max(0.0, interval.low), min(1.0, interval.high))


def short_title(title: str) -> str:
    """A title without the name of its benchmark: "Micro-world: more steps" is "more steps"."""
    return title.rsplit(": ", 1)[-1].replace("_", " ")


def decided(change: Change) -> bool:
    """Whether a change in generic ability is decided in the report's family."""
    return change.adjusted is not None and change.adjusted <= ALPHA


def marked(report: StudyReport, column: FrontColumn) -> list[tuple[FrontCell, Mark, str]]:
    """The cells of a column, marked by the verdicts of this report's tests."""
    suite = next((g for g in report.generic if g.column == column.column), None)
    found = []
    for student, cell in zip(report.students, column.cells, strict=True):
        mark, words = _mark_of(report, column, suite, student.name)
        found.append((cell, mark, words))
    return found


def _mark_of(
    report: StudyReport, column: FrontColumn, suite: GenericColumn | None, student: str
) -> tuple[Mark, str]:
    if suite is not None:
        change = suite.change(student)
        if change is None:
            return (
                "",
                "" if student != report.reference or not suite.at_chance else "not shown to be above chance",
            )
        if not decided(change):
            return "kept", "no loss shown"
        return ("lost", "lost") if change.comparison.difference < 0 else ("gained", "gained")
    return "", ""


def shown_accuracy(cell: FrontCell) -> tuple[str, str]:
    """Accuracy and interval in per cent."""
    if cell.accuracy is None:
        return DASH, cell.note
    if cell.low is None or cell.high is None:
        return points(cell.accuracy, 1), ""
    places = min(1, decimals(cell.low, cell.high))
    return points(cell.accuracy, places), f"{points(cell.low, places)}–{points(cell.high, places)}"
