"""Where students are between target and generic ability: joint regions, and who is on the Pareto front."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smallsteps.comparing.axes import Axis, bootstrap_axes, change
from smallsteps.comparing.sheet import Sheet
from smallsteps.stats.students_t import DifferenceTest
from smallsteps.stats.tradeoff import Ellipse, joint_region, probability_on_front

RESAMPLES = 2000
RNG_SEED = 0
# Fewer draws where students times items pass a million scores.
LARGE, FEWER = 1_000_000, 200


@dataclass(frozen=True, slots=True)
class Place:
    """One student on two axes.

    Attributes:
        student: its name; base: the student that it is compared with, None without one.
        target, generic: accuracies.
        gain, loss: changes against the base on the two axes; None without a base.
        correlation, covariance: of the errors of both changes, from seeds and items that both share.
        region: joint confidence region of both changes; None without a base or an error.
        on_front: share of joint bootstrap draws in which nobody is better on both axes; no test.
    """

    student: str
    base: str | None
    target: float
    generic: float
    gain: DifferenceTest | None
    loss: DifferenceTest | None
    correlation: float
    covariance: float
    region: Ellipse | None
    on_front: float


def places(
    sheet: Sheet, students: Sequence[str], bases: Mapping[str, str], target: Axis, generic: Axis
) -> tuple[Place, ...]:
    """The places of students that have every task of both axes.

    Args:
        sheet: graded runs.
        students: in this order.
        bases: of each student; one that is not among the students counts as none.
        target, generic: the axes.
    """
    scores = len(students) * sum(sheet.size(part) for axis in (target, generic) for part in axis.parts)
    resamples = RESAMPLES if scores <= LARGE else FEWER
    draws = bootstrap_axes(sheet, (target, generic), list(students), resamples, RNG_SEED)
    front = probability_on_front(draws[0], draws[1])
    found = []
    for name, share in zip(students, front, strict=True):
        gain = loss = region = None
        correlation = covariance = 0.0
        base = bases.get(name)
        base = base if base in students and base != name else None
        if base is not None:
            gain, loss = change(sheet, target, name, base).test, change(sheet, generic, name, base).test
            correlation, covariance = shared_error(sheet, name, base, target, generic)
            region = joint_region(gain, loss, sheet.confidence, correlation)
        right, up = (sheet.accuracy(name, axis.weights(sheet)) for axis in (target, generic))
        errors = correlation, covariance
        found.append(Place(name, base, right, up, gain, loss, *errors, region, float(share)))
    return tuple(found)


def shared_error(sheet: Sheet, student: str, base: str, target: Axis, generic: Axis) -> tuple[float, float]:
    """(correlation, covariance) of the errors on the two axes, from seeds and items that both share."""
    tasks = [*target.tasks, *generic.tasks]
    if sheet.level((student, base), tasks)[0] == "none":
        return 0.0, 0.0
    parts = [
        {student: w, base: {task: -x for task, x in w.items()}}
        for w in (target.weights(sheet), generic.weights(sheet))
    ]
    covariance = sheet.covariance(parts[0], parts[1])
    errors = [sheet.contrast(part).test.standard_error for part in parts]
    if errors[0] is None or errors[1] is None:
        return 0.0, 0.0
    return max(-0.999, min(0.999, covariance / (errors[0] * errors[1]))), covariance
