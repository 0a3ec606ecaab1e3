"""From outcomes to a trade-off: what each student gained on the target, and what that cost."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from smallsteps.comparing.axes import Axis, Change, change, make_axis
from smallsteps.comparing.chance import chance_of_unit
from smallsteps.comparing.compare import check_unit, missing_notes
from smallsteps.comparing.family import adjust
from smallsteps.comparing.formats import FormatShare, format_share
from smallsteps.comparing.graded import grade_all, students_of, tasks_of
from smallsteps.comparing.model import ALPHA
from smallsteps.comparing.places import Place, places
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.comparing.trajectories import Trajectory, follow, transfer_axis
from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable
from smallsteps.problems import Measure, Role, measure_of
from smallsteps.stats.noninferiority import NonInferiority, Verdict, noninferior_paired, noninferior_t
from smallsteps.stats.scaling import LinearFit, linear_fit
from smallsteps.stats.students_t import DifferenceTest
from smallsteps.stats.tradeoff import (
    AT_CHANCE,
    Ellipse,
    Ratio,
    exchange_rate,
    hypervolume,
    retention,
)


@dataclass(frozen=True, slots=True)
class TradeoffQuestion:
    """What to weigh against what.

    Attributes:
        base: the student that all are compared with, usually the untrained model.
        target, generic: task patterns; empty takes tasks of that role.
        suites: `NAME=PATTERN` options.
        chance: chance accuracy by task or suite, where the benchmarks do not say it.
        margin: generic loss that is acceptable, as a proportion; None asks no verdict.
        sizes: parameters by student, for a scaling fit.
        allow: differences between runs that are allowed.
        confidence: of intervals and regions.
        students: to use, in this order (a trajectory, if they are checkpoints); empty takes all.
        chosen: of students with checkpoints: tokens of the one that was chosen.
    """

    base: str
    target: tuple[str, ...] = ()
    generic: tuple[str, ...] = ()
    suites: tuple[str, ...] = ()
    chance: Mapping[str, float] | None = None
    margin: float | None = None
    sizes: Mapping[str, float] | None = None
    allow: Collection[str] = ()
    confidence: float = 0.95
    students: tuple[str, ...] = ()
    chosen: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Ability:
    """The same generic ability measured by likelihood, where an answer's form cannot hide it.

    Attributes:
        student, base: accuracies.
        change: student minus base; adjusted: its p over the report's family.
        kept: share of the base's ability above chance that is left.
    """

    student: float
    base: float
    change: DifferenceTest
    kept: Ratio
    adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One student.

    Attributes:
        student: its name; seeds: training seeds.
        target, generic: accuracies.
        gain, loss: change against the base on the two axes (loss is a change too: negative is a loss).
        gain_adjusted, loss_adjusted: p-values over the report's family.
        correlation: of the errors of gain and loss, from seeds and items that both share.
        region: joint confidence region of both changes.
        rate: generic points lost per target point gained.
        kept: share of the base's generic ability above chance that is left.
        form: how much of the generic loss had no usable answer.
        ability: the generic change by likelihood; None where that was not measured.
        on_front: share of bootstrap draws in which it is on the Pareto front.
        within: non-inferiority on the generic axis, its verdict by adjusted p-values; None if no margin was
        named.
    """

    student: str
    seeds: int
    target: float
    generic: float
    gain: DifferenceTest
    loss: DifferenceTest
    region: Ellipse | None
    correlation: float
    rate: Ratio
    kept: Ratio
    form: FormatShare | None
    ability: Ability | None
    on_front: float
    within: NonInferiority | None
    gain_adjusted: float | None = None
    loss_adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class TradeoffReport:
    """All students against one base, in the order of the input (a trajectory, if they are checkpoints).

    Attributes:
        reference: chance level of each axis, None where it is not known; corner of the hypervolume.
        hypervolume: area above the reference that the students dominate; None where a level is not known.
        tests: size of the family that p-values are adjusted over.
        trajectories: students with several checkpoints among all of them.
    """

    base: str
    base_target: float
    base_generic: float
    base_on_front: float
    target: Axis
    generic: Axis
    likelihood: Axis | None
    points: tuple[Point, ...]
    hypervolume: float | None
    reference: tuple[float | None, float | None]
    scaling: tuple[LinearFit, LinearFit] | None
    confidence: float
    tests: int
    notes: tuple[str, ...] = ()
    trajectories: tuple[Trajectory, ...] = ()


def build(table: OutcomeTable, question: TradeoffQuestion, notes: Sequence[str] = ()) -> TradeoffReport:
    """Weigh every student against the base.

    Raises:
        UserError: unknown base or tasks, or runs that are not comparable.
    """
    students, tasks = students_of(table), tasks_of(table)
    base = question.base
    for name in (base, *question.students):
        if name not in students:
            raise unknown_name("student", name, students, code=DATA)
    target = make_axis(Role.TARGET, question.target, tasks, question.suites)
    generic = make_axis(Role.GENERIC, question.generic, tasks, question.suites)
    shared = set(target.tasks) & set(generic.tasks)
    if shared:
        raise UserError(f"task '{min(shared)}' is on both axes", fix="put it on one of them")
    likelihood = _likelihood_axis(tasks, {*target.tasks, *generic.tasks})
    transfer = transfer_axis(students, tasks, [*target.tasks, *generic.tasks])
    axes = [axis for axis in (target, generic, likelihood, transfer) if axis is not None]
    units = [part for axis in axes for part in axis.parts]
    _check_chance(question.chance or {}, units)
    graded = grade_all(table, [task for unit in units for task in unit.tasks])
    sheet = Sheet(graded, units, (base,), question.confidence)
    others = [student for student in question.students or students if student != base]
    needed = [*target.parts, *generic.parts]
    if lacking := [unit.name for unit in needed if not sheet.has(base, unit)]:
        raise UserError(f"the base '{base}' has no outcomes of {lacking[0]}", code=DATA)
    remarks = [*notes, *missing_notes(sheet, [base, *others], units)]
    others = [student for student in others if all(sheet.has(student, unit) for unit in needed)]
    if not others:
        raise UserError(
            f"no student but the base '{base}' has outcomes of all tasks",
            fix="evaluate one on them",
            code=DATA,
        )
    for student in others:
        remarks += [
            note for unit in needed for note in check_unit(sheet, student, base, unit, question.allow)
        ]
    before, *rest = places(sheet, [base, *others], dict.fromkeys(others, base), target, generic)
    points, tests = _adjusted([_point(sheet, place, target, generic, likelihood, question) for place in rest])
    target_level, generic_level = (_chance_level(sheet, axis, question) for axis in (target, generic))
    return TradeoffReport(
        base,
        before.target,
        before.generic,
        before.on_front,
        target,
        generic,
        likelihood,
        tuple(points),
        _hypervolume((before, *rest), target_level, generic_level),
        (target_level, generic_level),
        _scaling(points, question.sizes),
        question.confidence,
        tests,
        tuple(dict.fromkeys(remarks)),
        follow(
            sheet,
            [base, *others],
            {"target": target, "generic": generic, "transfer": transfer, "ability": likelihood},
            question.chosen or {},
        ),
    )


def _likelihood_axis(tasks: Sequence[str], used: Collection[str]) -> Axis | None:
    chosen = [task for task in tasks if task not in used and measure_of(task) is Measure.LIKELIHOOD]
    return make_axis(Role.GENERIC, chosen, chosen) if chosen else None


def _check_chance(given: Mapping[str, float], units: Sequence[Unit]) -> None:
    known = [*(unit.name for unit in units), *(task for unit in units for task in unit.tasks)]
    for name in given:
        if name not in known:
            raise unknown_name("task or suite", name, dict.fromkeys(known), where="--chance", code=DATA)


def _point(
    sheet: Sheet,
    place: Place,
    target: Axis,
    generic: Axis,
    likelihood: Axis | None,
    question: TradeoffQuestion,
) -> Point:
    base, student = question.base, place.student
    gain, loss = place.gain, place.loss
    assert gain is not None
    assert loss is not None
    seeds = sheet.seeds(student, [*target.tasks, *generic.tasks])
    return Point(
        student,
        len(seeds) if seeds is not None else 0,
        place.target,
        place.generic,
        gain,
        loss,
        place.region,
        place.correlation,
        exchange_rate(gain, loss, question.confidence, covariance=place.covariance),
        kept_above_chance(sheet, student, base, generic, question.chance or {}),
        format_share(sheet, student, base, generic.tasks),
        _ability(sheet, student, base, likelihood, question),
        place.on_front,
        None
        if question.margin is None
        else within_margin(change(sheet, generic, student, base), question.margin),
    )


def kept_above_chance(sheet: Sheet, student: str, base: str, axis: Axis, given: Mapping[str, float]) -> Ratio:
    """Share of the base's accuracy above chance on an axis that the student kept, seeds and items counted.

    No ratio where the base is not shown to be above chance (one-sided 5 %).
    """
    level = 0.0
    for part in axis.parts:
        found = chance_of_unit(sheet, part, given)
        if found is None:
            return Ratio(
                None, None, f"chance level of {part.name} not known: give --chance {part.name}=SHARE"
            )
        level += found / len(axis.parts)
    weights = axis.weights(sheet)
    if (why := sheet.level((student, base), axis.tasks))[0] == "none":
        return Ratio(None, None, why[1])
    mine, theirs = (sheet.contrast({name: weights}).test for name in (student, base))
    one_sided = sheet.contrast({base: weights}, 1 - 2 * ALPHA).test.interval
    if one_sided is None or one_sided.low <= level:
        return Ratio(None, None, AT_CHANCE)
    mine, theirs = (replace(test, estimate=test.estimate - level) for test in (mine, theirs))
    ratio = mine.estimate / theirs.estimate
    against = {task: -ratio * w for task, w in weights.items()}
    df = sheet.contrast({student: weights, base: against}).test.df
    covariance = sheet.covariance({student: weights}, {base: weights})
    return retention(mine, theirs, covariance, df or math.inf, sheet.confidence)


def _ability(
    sheet: Sheet, student: str, base: str, axis: Axis | None, question: TradeoffQuestion
) -> Ability | None:
    if axis is None or not all(sheet.has(name, part) for name in (student, base) for part in axis.parts):
        return None
    weights = axis.weights(sheet)
    return Ability(
        sheet.accuracy(student, weights),
        sheet.accuracy(base, weights),
        change(sheet, axis, student, base).test,
        kept_above_chance(sheet, student, base, axis, question.chance or {}),
    )


def within_margin(loss: Change, margin: float) -> NonInferiority:
    """Whether a loss of `margin` (a proportion) is excluded, before any correction for several tests."""
    if loss.counts is not None:
        return noninferior_paired(loss.counts, margin)
    return noninferior_t(loss.test, loss.items, margin)


def _adjusted(points: Sequence[Point]) -> tuple[list[Point], int]:
    """One Holm family: gains, losses, both sides of each margin, changes by likelihood."""
    margins = [point.within.pvalue if point.within else None for point in points]
    pvalues = [
        *(point.gain.pvalue for point in points),
        *(point.loss.pvalue for point in points),
        *margins,
        *(None if p is None else 1 - p for p in margins),
        *(point.ability.change.pvalue if point.ability else None for point in points),
    ]
    found, n = adjust(pvalues), len(points)
    out = []
    for i, point in enumerate(points):
        within, ability = point.within, point.ability
        if within is not None:
            within = _decided(within, found[2 * n + i], found[3 * n + i], found[n + i])
        if ability is not None:
            ability = replace(ability, adjusted=found[4 * n + i])
        out.append(
            replace(point, gain_adjusted=found[i], loss_adjusted=found[n + i], within=within, ability=ability)
        )
    return out, sum(p is not None for p in pvalues)


def _decided(
    within: NonInferiority, inside: float | None, beyond: float | None, loss: float | None
) -> NonInferiority:
    verdict = Verdict.INCONCLUSIVE
    if inside is not None and inside <= ALPHA:
        verdict = Verdict.PASS
    elif beyond is not None and beyond <= ALPHA:
        verdict = Verdict.FAIL
    worse = within.difference < 0 and loss is not None and loss <= ALPHA
    return replace(within, verdict=verdict, regressed=worse)


def _chance_level(sheet: Sheet, axis: Axis, question: TradeoffQuestion) -> float | None:
    levels = [chance_of_unit(sheet, part, question.chance or {}) for part in axis.parts]
    known = [level for level in levels if level is not None]
    return sum(known) / len(levels) if len(known) == len(levels) else None


def _hypervolume(found: Sequence[Place], target: float | None, generic: float | None) -> float | None:
    if target is None or generic is None:  # an unknown level is never taken to be 0
        return None
    return hypervolume([(place.target, place.generic) for place in found], (target, generic))


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
