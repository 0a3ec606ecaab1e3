"""What a gain on the target cost elsewhere: joint regions, the Pareto front, exchange rates, retention."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from smallsteps.errors import DATA, UserError
from smallsteps.stats.model import Floats, Interval, as_scores
from smallsteps.stats.students_t import DifferenceTest, t_quantile


@dataclass(frozen=True, slots=True)
class Ellipse:
    """Joint confidence region of (target change, generic change).

    Attributes:
        x: centre, first axis.
        y: centre, second axis.
        radius_x: half width along the first axis.
        radius_y: half width along the second axis.
        correlation: of the two errors; 0 for different items and fixed weights.
    """

    x: float
    y: float
    radius_x: float
    radius_y: float
    correlation: float = 0.0

    def outline(self, points: int = 64) -> list[tuple[float, float]]:
        """Points on the boundary, counter-clockwise, closed by the caller."""
        angle = 2 * np.pi * np.arange(points) / points
        u, v = np.cos(angle), np.sin(angle)
        ys = self.correlation * u + math.sqrt(1 - self.correlation**2) * v
        return [
            (float(self.x + self.radius_x * a), float(self.y + self.radius_y * b))
            for a, b in zip(u, ys, strict=True)
        ]


def joint_region(
    x: DifferenceTest, y: DifferenceTest, confidence: float = 0.95, correlation: float = 0.0
) -> Ellipse | None:
    """Ellipse that holds both true changes together with this confidence; None if an axis has no error.

    Half widths are sqrt(2 F(confidence; 2, df)) standard errors with the smaller df: for many items 2.45 and
    not 1.96, the price of claiming two things at once.
    """
    if x.standard_error is None or y.standard_error is None:
        return None
    df = min(x.df or math.inf, y.df or math.inf)
    if math.isinf(df) or df > 1e6:
        scale = math.sqrt(float(special.chdtri(2, 1 - confidence)))
    else:
        scale = math.sqrt(2 * float(special.fdtri(2, df, confidence)))
    return Ellipse(x.estimate, y.estimate, scale * x.standard_error, scale * y.standard_error, correlation)


def probability_on_front(target: Floats, generic: Floats) -> tuple[float, ...]:
    """Share of joint bootstrap draws (draws x k on each axis) in which each system is on the front."""
    if target.shape != generic.shape:
        raise UserError("both axes need the same draws and systems", code=DATA)
    beaten = np.zeros(target.shape, dtype=bool)
    for draw, (x, y) in enumerate(zip(target, generic, strict=True)):
        order = np.lexsort((-y, -x))  # from the right; of equal targets the one that kept more first
        highest = np.maximum.accumulate(y[order])
        below = np.zeros(len(order), dtype=bool)
        below[1:] = highest[:-1] >= y[order][1:]
        for place in np.flatnonzero((np.diff(x[order]) == 0) & (np.diff(y[order]) == 0)):
            below[place + 1] = below[place]  # equal on both axes: neither beats the other
        beaten[draw, order] = below
    return tuple(float(share) for share in (~beaten).mean(axis=0))


def hypervolume(points: ArrayLike, reference: tuple[float, float]) -> float:
    """Area dominated by the points above a reference point (chance level of each axis), maximising both."""
    p = as_scores(points, "points", ndim=2)
    above = p[(p[:, 0] > reference[0]) & (p[:, 1] > reference[1])]
    area, height = 0.0, reference[1]
    for x, y in sorted(map(tuple, above.tolist()), reverse=True):
        if y > height:
            area += (x - reference[0]) * (y - height)
            height = y
    return area


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two estimates; `interval` is None, with a reason, where the ratio is not determined."""

    estimate: float | None
    interval: Interval | None
    note: str = ""


def fieller(
    numerator: float,
    numerator_variance: float,
    denominator: float,
    denominator_variance: float,
    critical: float,
    covariance: float = 0.0,
) -> Interval | None:
    """Fieller's (1954) interval of a ratio; None if the denominator's interval holds 0 (unbounded then)."""
    t2 = critical * critical
    a = denominator**2 - t2 * denominator_variance
    if a <= 0:
        return None
    b = numerator * denominator - t2 * covariance
    c = numerator**2 - t2 * numerator_variance
    root = math.sqrt(max(b * b - a * c, 0.0))
    return Interval((b - root) / a, (b + root) / a)


def exchange_rate(
    gain: DifferenceTest,
    change: DifferenceTest,
    confidence: float = 0.95,
    *,
    covariance: float = 0.0,
    df: float | None = None,
) -> Ratio:
    """Generic points lost per target point gained, with a Fieller interval.

    Args:
        gain: student minus base on the target.
        change: student minus base on the generic axis.
        confidence: level.
        covariance: of gain and change, from seeds and items that both share.
        df: degrees of freedom; the smaller of the two unless given.
    """
    if gain.standard_error is None or change.standard_error is None:
        return Ratio(None, None, "undefined: an axis has no standard error")
    interval = fieller(
        -change.estimate,
        change.standard_error**2,
        gain.estimate,
        gain.standard_error**2,
        t_quantile(confidence, df or min(gain.df or math.inf, change.df or math.inf)),
        -covariance,
    )
    if interval is None:
        return Ratio(None, None, "undefined: the interval of the gain contains 0")
    if gain.estimate < 0:
        return Ratio(None, None, "undefined: the target got worse")
    return Ratio(-change.estimate / gain.estimate, interval)


AT_CHANCE = "base not shown to be above chance"


def retention(
    student: DifferenceTest, base: DifferenceTest, covariance: float, df: float, confidence: float = 0.95
) -> Ratio:
    """Share of the base's ability above chance that the student kept: Fieller's interval of student / base.

    Args:
        student: the student's accuracy less chance, with its standard error; base: likewise.
        covariance: of the two, from shared items.
        df: degrees of freedom of their difference.
        confidence: level.
    """
    if base.standard_error is None or student.standard_error is None:
        return Ratio(None, None, "undefined: no standard error")
    interval = fieller(
        student.estimate,
        student.standard_error**2,
        base.estimate,
        base.standard_error**2,
        t_quantile(confidence, df),
        covariance,
    )
    if interval is None or base.estimate <= 0:
        return Ratio(None, None, AT_CHANCE)
    return Ratio(student.estimate / base.estimate, interval if interval.width > 0 else None)
