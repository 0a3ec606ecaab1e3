"""From outcomes to a comparison: rows for every pair, one family of p-values, and what follows from it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from smallsteps.comparing.family import adjusted_rows, family_size
from smallsteps.comparing.graded import (
    ALLOWABLE,
    Graded,
    Key,
    check_comparable,
    grade_all,
    students_of,
    tasks_of,
)
from smallsteps.comparing.model import Across, Report, Row
from smallsteps.comparing.rows import compare_unit
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.comparing.standings import board_of
from smallsteps.comparing.suites import known_suites, named_suites
from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable
from smallsteps.startup import collector_paused
from smallsteps.stats.students_t import DifferenceTest

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What to compare.

    Attributes:
        tasks: tasks to use; empty takes all.
        students: students to use, in order; empty takes all.
        baseline: compare each of the others with this one; None compares all pairs.
        suites: `NAME=PATTERN` options.
        allow: differences that are allowed: `scoring`.
        confidence: of intervals.
        same_seeds: equal seeds of two methods share initialisation and data order.
        samples_as: how several samples of an item are read: `mean`, `majority` or `pass@K`.
        fixed: students that are one given model (an untrained base), not a draw from a method.
        margin: of equivalence tests, as a proportion; None makes none.
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
    margin: float | None = None


@collector_paused()
def build(
    table: OutcomeTable,
    question: Question,
    sources: Sequence[str] = (),
    notes: Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Compare students pair by pair, adjust over all tests of the report, and rank three students or more.

    Args:
        table: outcomes of two students or more.
        question: what to compare.
        sources: where the outcomes came from; notes: choices made while reading.
        progress: called with (pairs done, pairs in all).

    Raises:
        UserError: fewer than two students, nothing in common, or runs that are not comparable.
    """
    for name in question.allow:
        if name not in ALLOWABLE:
            raise unknown_name("difference to allow", name, ALLOWABLE)
    students = _students(table, question)
    tasks = tasks_of(table, question.tasks)
    graded = {
        key: run for key, run in grade_all(table, tasks, question.samples_as).items() if key[0] in students
    }
    tasks = [task for task in tasks if any(key[1] == task for key in graded)]
    units = units_of(tasks, question.suites)
    _check_fixed(graded, question.fixed)
    sheet = Sheet(graded, units, question.fixed, question.confidence, question.same_seeds)
    remarks = list(notes)
    if question.samples_as != "mean":
        remarks.append(f"samples of an item are read as {question.samples_as}")
    remarks += [*missing_notes(sheet, students, units), *shared_items(sheet, tasks)]
    pairs = _pairs(students, question.baseline)
    rows: list[Row] = []
    for done, (a, b) in enumerate(pairs, start=1):
        for unit in units:
            if sheet.has(a, unit) and sheet.has(b, unit):
                remarks += check_unit(sheet, a, b, unit, question.allow)
                if question.same_seeds:
                    _check_pairable(sheet, a, b, unit)
                rows.append(compare_unit(sheet, a, b, unit, margin=question.margin))
        if progress is not None:
            progress(done, len(pairs))
    if not rows:
        missing = [note for note in remarks if "no outcomes of" in note]
        raise UserError(
            "no two students have outcomes of the same task or suite"
            + (f": {missing[0]}" if missing else ""),
            fix="evaluate them on the same tasks, or name the shared ones with --task",
            code=DATA,
        )
    means = [found for pair in pairs if (found := _across(sheet, pair, units)) is not None]
    rows, means = adjusted_rows(rows, means)
    boards = [] if question.baseline else [board_of(unit.name, rows, students) for unit in units]
    return Report(
        tuple(sources),
        family_size(rows, means),
        tuple(rows),
        tuple(means),
        tuple(board for board in boards if board is not None),
        question.confidence,
        tuple(dict.fromkeys(remarks)),
    )


def units_of(tasks: Sequence[str], suites: Sequence[str] = ()) -> list[Unit]:
    """Tasks on their own first, then suites: those of shipped benchmarks, and those named by an option."""
    known = known_suites(tasks) | named_suites(suites, tasks)
    inside = {task for members in known.values() for task in members}
    alone = [Unit(task, (task,)) for task in tasks if task not in inside]
    return alone + [Unit(name, tuple(members), suite=True) for name, members in known.items()]


def _check_fixed(graded: Mapping[Key, Graded], fixed: Collection[str]) -> None:
    for (student, task), run in graded.items():
        if student in fixed and len(run.seeds) > 1:
            raise UserError(
                f"'{student}' has {len(run.seeds)} seeds, so it is not one given model",
                where=f"--fixed, task '{task}'",
                fix="leave it out of --fixed",
                code=DATA,
            )


def shared_items(sheet: Sheet, tasks: Sequence[str]) -> list[str]:
    """A note where tasks have items of the same name: they are taken for the same questions."""
    keys = {task: set(sheet.items(task)) for task in tasks if sheet.layouts[task].clusters is None}
    for first, second in itertools.combinations(keys, 2):
        if keys[first] & keys[second]:
            return [
                f"items of {first} and {second} have the same names and count as the same questions where "
                "tasks are taken together; give them other names if they are not"
            ]
    return []


def missing_notes(sheet: Sheet, students: Sequence[str], units: Iterable[Unit]) -> list[str]:
    """Notes on students without outcomes of a task, which are left out of it."""
    notes = []
    for unit in units:
        lacking = [student for student in students if not sheet.has(student, unit)]
        if lacking and len(lacking) < len(students):
            names = ", ".join(f"'{student}'" for student in lacking)
            verb = "has" if len(lacking) == 1 else "have"
            notes.append(f"{names} {verb} no outcomes of {unit.name}, and {verb} no part in it")
    return notes


def check_unit(sheet: Sheet, a: str, b: str, unit: Unit, allow: Collection[str]) -> list[str]:
    """Notes on what differs between two students on a unit.

    Raises:
        UserError: they are not comparable.
    """
    return [
        f"{task}: {note}"
        for task in unit.tasks
        for note in check_comparable(sheet.graded[a, task], sheet.graded[b, task], allow)
    ]


def _check_pairable(sheet: Sheet, a: str, b: str, unit: Unit) -> None:
    if sheet.seeds(a, unit.tasks) != sheet.seeds(b, unit.tasks):
        raise UserError(
            f"seeds of '{a}' and '{b}' differ, so they cannot be paired",
            where=f"task '{unit.name}'",
            fix="leave out --same-seeds",
            code=DATA,
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


def _pairs(students: list[str], baseline: str | None) -> list[tuple[str, str]]:
    if baseline:
        return [(student, baseline) for student in students if student != baseline]
    return list(itertools.combinations(students, 2))


def _across(sheet: Sheet, pair: tuple[str, str], units: Sequence[Unit]) -> Across | None:
    a, b = pair
    shared = [unit for unit in units if sheet.has(a, unit) and sheet.has(b, unit)]
    if len(shared) < 2:
        return None
    return Across(a, b, tuple(unit.name for unit in shared), 0, 0, mean_difference(sheet, a, b, shared))


def mean_difference(sheet: Sheet, a: str, b: str, units: Sequence[Unit]) -> DifferenceTest:
    """A minus B, mean over units that are fixed and count the same; seeds are shared by all of them."""
    weights = {task: weight / len(units) for unit in units for task, weight in sheet.weights(unit).items()}
    test = sheet.contrast({a: weights, b: {task: -w for task, w in weights.items()}}).test
    return replace(test, method=f"mean over {len(units)} fixed tasks; {test.method}")
