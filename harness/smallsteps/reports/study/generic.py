"""Generic ability before and after specialising: what was lost, in ability and in format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smallsteps.comparing.axes import Axis
from smallsteps.comparing.chance import chance_of
from smallsteps.comparing.formats import FormatShare, format_share
from smallsteps.comparing.places import Place, places
from smallsteps.comparing.tradeoff import kept_above_chance
from smallsteps.problems import Measure, Role, measure_of, twin_of
from smallsteps.reports.study.cells import interval_of
from smallsteps.reports.study.comparisons import Comparison, compare
from smallsteps.reports.study.runs import Column, Runs
from smallsteps.stats.tradeoff import AT_CHANCE, Ratio


@dataclass(frozen=True, slots=True)
class Subtask:
    """One part of a generic suite, as a description.

    Attributes:
        name: as in the outcomes; title: what readers see.
        n: items; chance: accuracy of the best guess, None where it is not known.
        base: accuracy of the reference; low, high: its Wilson interval; None without a reference.
        above_chance: False if that interval reaches down to chance.
        students: accuracy of each student, mean over seeds; None where not evaluated.
    """

    name: str
    title: str
    n: int
    chance: float | None
    base: float | None
    low: float | None
    high: float | None
    above_chance: bool
    students: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one student on one generic column.

    Attributes:
        student: its name.
        comparison: student minus reference over the whole column.
        adjusted: its p over the report's family; at_large_adjusted: that of the families as a sample.
        kept: share of the reference's accuracy above chance that is left.
        unreadable_before: share of the reference's responses without a usable answer;
            unreadable_after: of the student's.
        form: items the reference has right and the student wrong, and those of them without an answer.
    """

    student: str
    comparison: Comparison
    kept: Ratio
    unreadable_before: float
    unreadable_after: float
    form: FormatShare | None
    adjusted: float | None = None
    at_large_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class GenericColumn:
    """One generic suite.

    Attributes:
        column: its name; title: what readers see.
        measure: by generated text, or by likelihood, which no format can hide.
        twin: column that asks the same by the other measure; None where there is none in this study.
        chance: accuracy of the best guess over all of it; None where it is not known.
        at_chance: the reference is not shown to be above chance over all of it.
        subtasks: its parts; changes: of each student.
        places: of students that have it and every target, between the two.
    """

    column: str
    title: str
    measure: Measure
    twin: str | None
    chance: float | None
    at_chance: bool
    subtasks: tuple[Subtask, ...]
    changes: tuple[Change, ...]
    places: tuple[Place, ...] = ()

    def change(self, student: str) -> Change | None:
        """The change of one student; None where it was not evaluated."""
        return next((change for change in self.changes if change.student == student), None)


def generic_column(runs: Runs, column: Column, reference: str | None, students: list[str]) -> GenericColumn:
    """The subtasks, changes and places of a generic column."""
    subtasks = _subtasks(runs, column, reference, students)
    changes: list[Change] = []
    if reference is not None and runs.sheet.has(reference, column.unit):
        changes = [
            _change(runs, column, reference, student, found)
            for student in students
            if student != reference and (found := compare(runs, student, reference, column)) is not None
        ]
    level = chance_of_column(runs, column)
    dead = bool(changes) and all(change.kept.note == AT_CHANCE for change in changes)
    return GenericColumn(
        column.name,
        column.title,
        measure_of(column.tasks[0].name),
        _twin(runs, column),
        level,
        dead,
        subtasks,
        tuple(changes),
        _places(runs, column, reference, students),
    )


def _places(runs: Runs, column: Column, reference: str | None, students: list[str]) -> tuple[Place, ...]:
    units = [other.unit for other in runs.columns if other.role == "target"]
    if not units:
        return ()
    target, generic = Axis(Role.TARGET, tuple(units)), Axis(Role.GENERIC, (column.unit,))
    tasks = [*target.tasks, *generic.tasks]
    whole = [
        name
        for name in students
        if all(runs.sheet.has(name, unit) for unit in (*units, column.unit))
        and runs.sheet.seeds(name, tasks) is not None
    ]
    bases = {} if reference is None else dict.fromkeys(whole, reference)
    return places(runs.sheet, whole, bases, target, generic) if len(whole) > 1 else ()


def chance_of_column(runs: Runs, column: Column) -> float | None:
    """Mean chance level over a column's items; None where one is not known."""
    leader = next((s for s in runs.students if runs.seeds(s, column)), None)
    if leader is None:
        return None
    run = runs.run(leader, runs.seeds(leader, column)[0], column)
    levels = {
        (key[0], part): _chance(column, key[0], part)
        for key, part in zip(run.keys, run.subtasks, strict=True)
    }
    known = [levels[key[0], part] for key, part in zip(run.keys, run.subtasks, strict=True)]
    found = [level for level in known if level is not None]
    return sum(found) / len(found) if found and len(found) == len(known) else None


def _chance(column: Column, task: str, part: str) -> float | None:
    """Chance level of an item's part: as the study gives it, else as its benchmark does."""
    info = next(t for t in column.tasks if t.name == task)
    if isinstance(info.chance, Mapping):
        return info.chance.get(part)
    if info.chance is not None:
        return float(info.chance)
    return chance_of(task, None if part in (task, info.title) else part)


def _twin(runs: Runs, column: Column) -> str | None:
    twins = {twin_of(task.name) for task in column.tasks} - {None}
    for other in runs.columns:
        if other.name != column.name and twins & {task.name for task in other.tasks}:
            return other.name
    return None


def _subtasks(runs: Runs, column: Column, reference: str | None, students: list[str]) -> tuple[Subtask, ...]:
    evaluated = [s for s in students if runs.seeds(s, column)]
    if not evaluated:
        return ()
    base = reference if reference in evaluated else None
    leader = runs.run(base or evaluated[0], runs.seeds(base or evaluated[0], column)[0], column)
    parts = np.array(leader.subtasks)
    task_of = dict(zip(leader.subtasks, (key[0] for key in leader.keys), strict=True))
    matrices = {student: runs.matrix(student, column) for student in evaluated}
    found = []
    for name in sorted(set(leader.subtasks)):
        mask = parts == name
        chance = _chance(column, task_of[name], name)
        accuracy = low = high = None
        above = True
        if base is not None:
            intervals = [interval_of(row)[0] for row in matrices[base][:, mask]]
            accuracy, low, high = float(matrices[base][:, mask].mean()), intervals[0].low, intervals[0].high
            above = chance is None or min(i.low for i in intervals) > chance
        values = {
            student: float(matrices[student][:, mask].mean()) if student in matrices else None
            for student in students
        }
        title = column.subtask_title(name)
        found.append(Subtask(name, title, int(mask.sum()), chance, accuracy, low, high, above, values))
    return tuple(found)


def _change(runs: Runs, column: Column, reference: str, student: str, found: Comparison) -> Change:
    level = chance_of_column(runs, column)
    given = {} if level is None else {column.name: level}
    unit = column.unit
    before, after = (
        sum(float(sum(run.rates[name].mean() for name in run.rates)) * len(run.items) for run in part)
        / sum(len(run.items) for run in part)
        for part in ([runs.graded[name, task] for task in unit.tasks] for name in (reference, student))
    )
    return Change(
        student,
        found,
        kept_above_chance(runs.sheet, student, reference, Axis(Role.GENERIC, (unit,)), given),
        before,
        after,
        format_share(runs.sheet, student, reference, unit.tasks),
    )
