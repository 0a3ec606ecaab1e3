"""From outcomes to a comparison report."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable
from smallsteps.reports.compare.model import Across, Board, Report, Row, Standing
from smallsteps.reports.compare.pairing import (
    ALLOWABLE,
    Graded,
    check_comparable,
    grade_all,
    students_of,
    tasks_of,
)
from smallsteps.reports.compare.suites import families_of, known_suites, named_suites
from smallsteps.reports.compare.testing import compare_on_suite, compare_pair, side_of
from smallsteps.stats.families import holm, partial_conjunction
from smallsteps.stats.many import bootstrap_means, probability_best, rank_systems, simultaneous_intervals
from smallsteps.stats.students_t import DifferenceTest, no_test, t_test

Progress = Callable[[int, int], None]
RESAMPLES = 10_000
RNG_SEED = 0
MAX_JOINT = 30  # students; beyond, the joint bootstrap of all pairs costs minutes


@dataclass(frozen=True, slots=True)
class Question:
    """What to compare.

    Attributes:
        tasks: tasks to use; empty takes all that the students share.
        students: students to use, in order; empty takes all.
        baseline: compare each of the others with this one; None compares all pairs.
        suites: `NAME=PATTERN` options.
        allow: differences that are allowed: `prompts`, `scoring`.
        confidence: of intervals.
        same_seeds: equal seeds of two methods share initialisation and data order.
        samples_as: how several samples of an item are read: `mean`, `majority` or `pass@K`.
        fixed: students that are one given model (an untrained base), not a draw from a method.
    """

    tasks: tuple[str, ...] = ()
    students: tuple[str, ...] = ()
    baseline: str | None = None
    suites: tuple[str, ...] = ()
    allow: Collection[str] = ()
    confidence: float = 0.95
    same_seeds: bool = False
    samples_as: str = "mean"
    fixed: Collection[str] = ()


def build(
    table: OutcomeTable,
    question: Question,
    sources: Sequence[str] = (),
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Compare students pair by pair, correct over the family, and rank them where there are three or more.

    Args:
        table: outcomes of two students or more.
        question: what to compare.
        sources: where the outcomes came from; notes: choices made while reading.
        progress: called with (steps done, steps in all).

    Raises:
        UserError: fewer than two students, nothing in common, or runs that are not comparable.
    """
    for name in question.allow:
        if name not in ALLOWABLE:
            raise unknown_name("difference to allow", name, ALLOWABLE)
    students = _students(table, question)
    tasks = tasks_of(table, question.tasks)
    graded = grade_all(table, tasks, question.samples_as)
    _all_there(graded, students, tasks)
    pairs = _pairs(students, question.baseline)
    remarks = list(notes)
    if question.samples_as != "mean":
        remarks.append(f"samples of an item are read as {question.samples_as}")
    for a, b in pairs:
        for task in tasks:
            remarks += [
                f"{task}: {n}" for n in check_comparable(graded[a, task], graded[b, task], question.allow)
            ]
    suites = known_suites(tasks) | named_suites(question.suites, tasks)
    steps = len(pairs) + (len(tasks) if len(students) > 2 else 0)
    rows: list[Row] = []
    for done, pair in enumerate(pairs, start=1):
        rows += _rows_of(pair, tasks, suites, graded, question)
        if progress is not None:
            progress(done, steps)
    rows = _with_holm(rows)
    tests = sum(row.p is not None for row in rows)
    family = f"{tests} test{'' if tests == 1 else 's'} of this report"
    across = tuple(_across(pair, rows, suites, question.confidence) for pair in pairs)
    boards: list[Board] = []
    for done, task in enumerate(tasks if len(students) > 2 else (), start=1):
        boards += _board(students, task, graded, question.confidence)
        if progress is not None:
            progress(len(pairs) + done, steps)
    return Report(
        tuple(sources),
        family,
        tuple(rows),
        tuple(one for one in across if one is not None),
        tuple(boards),
        question.confidence,
        tuple(dict.fromkeys(remarks)),
    )


def _students(table: OutcomeTable, question: Question) -> list[str]:
    known = students_of(table)
    for name in (*question.students, *question.fixed, *([question.baseline] if question.baseline else [])):
        if name not in known:
            raise unknown_name("student", name, known, code=DATA)
    chosen = list(question.students) or known
    if question.baseline and question.baseline not in chosen:
        chosen.append(question.baseline)
    if len(chosen) < 2:
        raise UserError(
            f"only one student there: '{chosen[0]}'" if chosen else "no student there",
            fix="give a second run, or outcomes with two students",
            code=DATA,
        )
    return chosen


def _all_there(graded: dict[tuple[str, str], Graded], students: list[str], tasks: list[str]) -> None:
    for task in tasks:
        have = [student for student in students if (student, task) in graded]
        lack = [student for student in students if (student, task) not in graded]
        if lack:
            raise UserError(
                f"task '{task}' has outcomes of '{have[0] if have else 'nobody'}' but none of '{lack[0]}'",
                fix="evaluate all on the same tasks, or name the shared ones with --task",
                code=DATA,
            )


def _pairs(students: list[str], baseline: str | None) -> list[tuple[str, str]]:
    if baseline:
        return [(student, baseline) for student in students if student != baseline]
    return list(itertools.combinations(students, 2))


def _rows_of(
    pair: tuple[str, str],
    tasks: list[str],
    suites: dict[str, list[str]],
    graded: dict[tuple[str, str], Graded],
    question: Question,
) -> list[Row]:
    a, b = pair
    inside = {task for members in suites.values() for task in members}
    rows = [
        compare_pair(
            graded[a, t],
            graded[b, t],
            question.confidence,
            same_seeds=question.same_seeds,
            fixed=question.fixed,
        )
        for t in tasks
        if t not in inside
    ]
    for name, members in suites.items():
        families = families_of(members, {task: graded[a, task] for task in members})
        both = [(graded[a, task], graded[b, task]) for task in members]
        rows.append(compare_on_suite(name, both, families, question.confidence, question.fixed))
    return rows


def _with_holm(rows: list[Row]) -> list[Row]:
    tested = [index for index, row in enumerate(rows) if row.p is not None]
    adjusted = holm([row.p for row in rows if row.p is not None])
    out = list(rows)
    for index, p in zip(tested, adjusted, strict=True):
        out[index] = replace(rows[index], adjusted=p)
    return out


def _across(
    pair: tuple[str, str], rows: list[Row], suites: dict[str, list[str]], confidence: float
) -> Across | None:
    mine = [
        row for row in rows if (row.a.student, row.b.student) == pair and row.p is not None and row.interval
    ]
    if len(mine) < 2:
        return None
    better = [_one_sided(row, +1) for row in mine]
    worse = [_one_sided(row, -1) for row in mine]
    return Across(
        *pair,
        tuple(row.task for row in mine),
        partial_conjunction(better),
        partial_conjunction(worse),
        _mean_difference(mine, confidence),
    )


def _one_sided(row: Row, sign: int) -> float:
    """Half of the two-sided p where the difference has the sign asked for: valid for each test used here."""
    assert row.p is not None
    towards = row.difference * sign
    return row.p / 2 if towards > 0 else min(1.0, 1 - row.p / 2) if towards < 0 else 1.0


def _mean_difference(rows: list[Row], confidence: float) -> DifferenceTest:
    """Mean of the differences with tasks fixed: SE = sqrt(sum SE_j^2)/J."""
    estimate = float(np.mean([row.difference for row in rows]))
    method = f"mean over {len(rows)} fixed tasks"
    errors = [_standard_error(row) for row in rows]
    if any(error is None for error in errors):
        return no_test(estimate, method, "a task has no standard error")
    variance = sum(error**2 for error in errors if error is not None) / len(rows) ** 2
    return t_test(estimate, variance, math.inf, confidence, method)


def _standard_error(row: Row) -> float | None:
    for test in (
        row.suite.on_items if row.suite else None,
        row.clusters.test if row.clusters else None,
        row.seeds.test if row.seeds else None,
        row.partial,
    ):
        if test is not None:
            return test.standard_error
    return row.checkpoint.counts.standard_error if row.checkpoint else None


def _board(
    students: list[str], task: str, graded: dict[tuple[str, str], Graded], confidence: float
) -> list[Board]:
    """The ranking on one task; none where scores are not one 0/1 run each."""
    runs = [graded[student, task] for student in students]
    if not all(run.binary() and len(run.seeds) == 1 for run in runs):
        return []
    for run in runs[1:]:  # with a baseline, not every pair has been checked
        check_comparable(runs[0], run, ALLOWABLE)
    y = np.column_stack([run.by_seed()[0] for run in runs])
    ranking = rank_systems(y)
    best = probability_best(bootstrap_means(y, RESAMPLES, RNG_SEED))
    standings = [
        Standing(
            student,
            ranking.scores[i],
            side_of(runs[i], confidence).interval,
            ranking.ranks[i],
            ranking.letters[i],
            best[i],
        )
        for i, student in enumerate(students)
    ]
    few = len(students) <= MAX_JOINT
    joint = simultaneous_intervals(y, confidence, RESAMPLES, RNG_SEED) if few else None
    standings.sort(key=lambda standing: -standing.accuracy)
    return [Board(task, ranking.overall, tuple(standings), joint, tuple(students))]
