"""From outcomes to a trade-off report."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable
from smallsteps.problems import Role
from smallsteps.reports.compare.pairing import check_comparable, grade_all, students_of, tasks_of
from smallsteps.reports.tradeoff.axes import (
    Axis,
    Grades,
    accuracy,
    bootstrap_axes,
    change,
    make_axis,
    seed_correlation,
)
from smallsteps.stats.noninferiority import NonInferiority, noninferior_t
from smallsteps.stats.scaling import LinearFit, linear_fit
from smallsteps.stats.students_t import DifferenceTest
from smallsteps.stats.tradeoff import (
    Ellipse,
    Ratio,
    Retention,
    exchange_rate,
    hypervolume,
    joint_region,
    probability_on_front,
    retention,
)

RESAMPLES = 2000
RNG_SEED = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What to weigh against what.

    Attributes:
        base: the student that all are compared with, usually the untrained model.
        target, generic: task patterns; empty takes tasks of that role.
        chance: chance accuracy by task; others are taken as 0.
        margin: generic loss that is acceptable, as a proportion; None asks no verdict.
        sizes: parameters by student, for a scaling fit.
        allow: differences between runs that are allowed.
        confidence: of intervals and regions.
        students: to use, in this order (a trajectory, if they are checkpoints); empty takes all.
    """

    base: str
    target: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()
    chance: Mapping[str, float] | None = None
    margin: float | None = None
    sizes: Mapping[str, float] | None = None
    allow: Collection[str] = ()
    confidence: float = 0.95
    students: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One student.

    Attributes:
        student: its name; seeds: training seeds.
        target, generic: accuracies.
        gain, loss: change against the base on the two axes (loss is a change too: negative is a loss).
        region: joint confidence region of both changes.
        rate: generic points lost per target point gained.
        kept: share of the base's generic ability above chance that is left.
        on_front: share of bootstrap draws in which it is on the Pareto front.
        within: non-inferiority on the generic axis; None if no margin was named.
    """

    student: str
    seeds: int
    target: float
    generic: float
    gain: DifferenceTest
    loss: DifferenceTest
    region: Ellipse | None
    rate: Ratio
    kept: Retention
    on_front: float
    within: NonInferiority | None


@dataclass(frozen=True, slots=True)
class TradeoffReport:
    """All students against one base, in the order of the input (a trajectory, if they are checkpoints)."""

    base: str
    base_target: float
    base_generic: float
    base_on_front: float
    target: Axis
    generic: Axis
    points: tuple[Point, ...]
    hypervolume: float
    reference: tuple[float, float]
    scaling: tuple[LinearFit, LinearFit] | None
    confidence: float
    notes: tuple[str, ...] = ()


def build(table: OutcomeTable, wish: Wish, notes: Sequence[str] = ()) -> TradeoffReport:
    """Weigh every student against the base.

    Raises:
        UserError: unknown base or tasks, or runs that are not comparable.
    """
    students, tasks = students_of(table), tasks_of(table)
    if wish.base not in students:
        raise unknown_name("student", wish.base, students, code=DATA)
    for name in wish.students:
        if name not in students:
            raise unknown_name("student", name, students, code=DATA)
    others = [student for student in wish.students or students if student != wish.base]
    students = [wish.base, *others]
    if not others:
        raise UserError(f"only the base '{wish.base}' is there", fix="give a student to weigh", code=DATA)
    target, generic = (
        make_axis(Role.TARGET, wish.target, tasks),
        make_axis(Role.GENERIC, wish.generic, tasks),
    )
    shared = set(target.tasks) & set(generic.tasks)
    if shared:
        raise UserError(f"task '{min(shared)}' is on both axes", fix="put it on one of them")
    used = [*target.tasks, *generic.tasks]
    for task in wish.chance or {}:
        if task not in used:
            raise unknown_name("task", task, used, where="--chance", code=DATA)
    graded = grade_all(table, used)
    remarks = [*notes, *_check(graded, students, wish.base, used, wish.allow)]
    if len(students) > 1:
        draws = bootstrap_axes((target, generic), graded, [wish.base, *others], RESAMPLES, RNG_SEED)
        front = probability_on_front(draws[0], draws[1])
    points = tuple(
        _point(student, graded, target, generic, wish, front[1 + i]) for i, student in enumerate(others)
    )
    reference = _chance_level(target, graded, wish), _chance_level(generic, graded, wish)
    places = [(accuracy(target, graded, s), accuracy(generic, graded, s)) for s in [wish.base, *others]]
    return TradeoffReport(
        wish.base,
        *places[0],
        front[0],
        target,
        generic,
        points,
        hypervolume(places, reference),
        reference,
        _scaling(points, wish.sizes),
        wish.confidence,
        tuple(dict.fromkeys(remarks)),
    )


def _check(
    graded: Grades, students: Sequence[str], base: str, tasks: Sequence[str], allow: Collection[str]
) -> list[str]:
    notes: list[str] = []
    for task in tasks:
        for student in students:
            if (student, task) not in graded:
                raise UserError(f"'{student}' has no outcomes of task '{task}'", code=DATA)
            if student != base:
                notes += check_comparable(graded[student, task], graded[base, task], allow)
    return notes


def _point(student: str, graded: Grades, target: Axis, generic: Axis, wish: Wish, on_front: float) -> Point:
    gain = change(target, graded, student, wish.base, wish.confidence)
    loss = change(generic, graded, student, wish.base, wish.confidence)
    correlation = seed_correlation(target, generic, graded, student, gain, loss)
    items = sum(len(graded[student, task].items) for task in generic.tasks)
    return Point(
        student,
        len(graded[student, target.tasks[0]].seeds),
        accuracy(target, graded, student),
        accuracy(generic, graded, student),
        gain,
        loss,
        joint_region(gain, loss, wish.confidence, correlation),
        exchange_rate(gain, loss, wish.confidence),
        _kept(student, graded, generic, wish),
        on_front,
        noninferior_t(loss, items, wish.margin) if wish.margin is not None else None,
    )


def _kept(student: str, graded: Grades, generic: Axis, wish: Wish) -> Retention:
    """Retention over all generic items, each task's chance taken off its own items."""
    new, old = [], []
    for task in generic.tasks:
        chance = (wish.chance or {}).get(task, 0.0)
        new.append(graded[student, task].by_seed().mean(axis=0) - chance)
        old.append(graded[wish.base, task].by_seed().mean(axis=0) - chance)
    return retention(np.concatenate(new), np.concatenate(old), confidence=wish.confidence)


def _chance_level(axis: Axis, graded: Grades, wish: Wish) -> float:
    weights = axis.weights(graded, wish.base)
    return float(sum(w * (wish.chance or {}).get(task, 0.0) for task, w in weights.items()))


def _scaling(
    points: Sequence[Point], sizes: Mapping[str, float] | None
) -> tuple[LinearFit, LinearFit] | None:
    if not sizes:
        return None
    known = [point.student for point in points]
    for name in sizes:
        if name not in known:
            raise unknown_name("student", name, known, where="--size", code=DATA)
    chosen = [point for point in points if point.student in sizes]
    x = [math.log10(sizes[point.student]) for point in chosen]
    return linear_fit(x, [p.target for p in chosen]), linear_fit(x, [p.generic for p in chosen])
