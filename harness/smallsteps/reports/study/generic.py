"""Generic ability before and after specialising, by suite and by subtask, with format failures beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smallsteps.outcomes import Status
from smallsteps.reports.study.cells import interval_of
from smallsteps.reports.study.comparisons import Comparison, compare
from smallsteps.reports.study.runs import Column, Run, Runs
from smallsteps.stats.strata import compare_suite


@dataclass(frozen=True, slots=True)
class Subtask:
    """One part of a generic suite.

    Attributes:
        name: as in the outcomes; title: what readers see.
        n: items; chance: accuracy of a guess.
        base: accuracy of the reference; low, high: its Wilson interval; None without a reference.
        live: True if that interval lies above chance (or there is no reference): something can be lost.
        students: accuracy of each student, mean over seeds; None where not evaluated.
    """

    name: str
    title: str
    n: int
    chance: float
    base: float | None
    low: float | None
    high: float | None
    live: bool
    students: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class SubtaskLevel:
    """Mean difference over subtasks, which are the units that vary; None where it has no estimate."""

    subtasks: int
    difference: float
    low: float | None
    high: float | None
    p: float | None
    note: str


@dataclass(frozen=True, slots=True)
class Change:
    """What specialising did to one student on one generic column.

    Attributes:
        student: its name.
        live: student minus reference over the subtasks where something can be lost; None if there are none.
        all: the same over all subtasks.
        subtask_level: over the live subtasks as a sample of tasks; None if there are none.
        unreadable_before: share of the reference's responses without an answer; after: of the student's.
        lost: items the reference has right and the student wrong (first seed, live subtasks).
        lost_unreadable: those of them where the student gave no readable answer.
    """

    student: str
    live: Comparison | None
    all: Comparison | None
    subtask_level: SubtaskLevel | None
    unreadable_before: float
    unreadable_after: float
    lost: int
    lost_unreadable: int


@dataclass(frozen=True, slots=True)
class LiveAccuracy:
    """One student's accuracy over the live subtasks: interval with one seed, range over several."""

    student: str
    n: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class GenericColumn:
    """One generic suite: subtasks, each student's accuracy where something can be lost, and its change."""

    column: str
    title: str
    subtasks: tuple[Subtask, ...]
    live: tuple[LiveAccuracy, ...]
    changes: tuple[Change, ...]

    @property
    def dead(self) -> frozenset[str]:
        """Subtasks where the reference is at chance."""
        return frozenset(s.name for s in self.subtasks if not s.live)


def generic_column(runs: Runs, column: Column, reference: str | None, students: list[str]) -> GenericColumn:
    """All there is to say on a generic column."""
    subtasks = _subtasks(runs, column, reference, students)
    dead = {s.name for s in subtasks if not s.live}
    changes: list[Change] = []
    if reference is not None and runs.seeds(reference, column):
        changed = [s for s in students if s != reference and runs.seeds(s, column)]
        changes = [_change(runs, column, reference, student, dead) for student in changed]
    live = [_live_accuracy(runs, column, student, dead) for student in students]
    return GenericColumn(
        column.name, column.title, subtasks, tuple(a for a in live if a is not None), tuple(changes)
    )


def _live_accuracy(runs: Runs, column: Column, student: str, dead: set[str]) -> LiveAccuracy | None:
    seeds = runs.seeds(student, column)
    if not seeds:
        return None
    mask = np.array([s not in dead for s in runs.run(student, seeds[0], column).subtasks])
    if not mask.any():
        return None
    matrix = runs.matrix(student, column)[:, mask]
    values = [float(row.mean()) for row in matrix]
    interval = interval_of(matrix[0])[0]
    low, high = (interval.low, interval.high) if len(values) == 1 else (min(values), max(values))
    return LiveAccuracy(student, int(mask.sum()), sum(values) / len(values), low, high)


def _subtasks(runs: Runs, column: Column, reference: str | None, students: list[str]) -> tuple[Subtask, ...]:
    evaluated = [s for s in students if runs.seeds(s, column)]
    if not evaluated:
        return ()
    base = reference if reference in evaluated else None
    leader = runs.run(base or evaluated[0], runs.seeds(base or evaluated[0], column)[0], column)
    found = []
    for name in sorted(set(leader.subtasks)):
        mask = np.array([s == name for s in leader.subtasks])
        chance = column.chance(name)
        accuracy = low = high = None
        live = True
        if base is not None:
            matrix = runs.matrix(base, column)[:, mask]
            intervals = [interval_of(row)[0] for row in matrix]
            accuracy, low, high = float(matrix.mean()), intervals[0].low, intervals[0].high
            live = min(i.low for i in intervals) > chance
        values: dict[str, float | None] = {}
        for student in students:
            seeds = runs.seeds(student, column)
            values[student] = _accuracy_on(runs, student, column, name) if seeds else None
        found.append(
            Subtask(
                name, column.subtask_title(name), int(mask.sum()), chance, accuracy, low, high, live, values
            )
        )
    return tuple(found)


def _accuracy_on(runs: Runs, student: str, column: Column, subtask: str) -> float | None:
    run = runs.run(student, runs.seeds(student, column)[0], column)
    mask = np.array([s == subtask for s in run.subtasks])
    return float(runs.matrix(student, column)[:, mask].mean()) if mask.any() else None


def _change(runs: Runs, column: Column, reference: str, student: str, dead: set[str]) -> Change:
    live = compare(runs, student, reference, column, lambda subtask: subtask not in dead)
    base = runs.run(reference, runs.seeds(reference, column)[0], column)
    after = runs.run(student, runs.seeds(student, column)[0], column)
    lost = live.pairs[0].lost if live else ()
    row_of = dict(zip(after.keys, after.rows, strict=True))
    status = runs.table.columns["status"]
    unreadable = [sum(run.status.values()) for run in _all_runs(runs, student, column)]
    return Change(
        student,
        live,
        compare(runs, student, reference, column),
        _subtask_level(runs, column, reference, student, dead) if live else None,
        sum(base.status.values()),
        sum(unreadable) / len(unreadable),
        len(lost),
        sum(1 for key in lost if status[row_of[key]] != Status.OK),
    )


def _all_runs(runs: Runs, student: str, column: Column) -> list[Run]:
    return [runs.run(student, seed, column) for seed in runs.seeds(student, column)]


def _subtask_level(runs: Runs, column: Column, reference: str, student: str, dead: set[str]) -> SubtaskLevel:
    run = runs.run(student, runs.seeds(student, column)[0], column)
    mask = np.array([s not in dead for s in run.subtasks])
    difference = runs.matrix(student, column).mean(axis=0) - runs.matrix(reference, column).mean(axis=0)
    subtasks = [s for s in run.subtasks if s not in dead]
    families = None
    if len(column.tasks) > 1:  # the cluster of a suite's item names the family of its task
        labels = [c or s for c, s, kept in zip(run.clusters, run.subtasks, mask, strict=True) if kept]
        one_each = len(set(zip(subtasks, labels, strict=True))) == len(set(subtasks))
        families = labels if one_each else None
    found = compare_suite(difference[mask], subtasks, families).beyond
    interval = found.test.interval
    return SubtaskLevel(
        found.clusters,
        found.test.estimate,
        interval.low if interval else None,
        interval.high if interval else None,
        found.test.pvalue,
        found.test.note,
    )
