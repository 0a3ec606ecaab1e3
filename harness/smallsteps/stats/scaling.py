"""Accuracy against the logarithm of size by least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.errors import DATA, UserError
from smallsteps.stats.model import Interval, as_scores
from smallsteps.stats.students_t import t_quantile


@dataclass(frozen=True, slots=True)
class LinearFit:
    """y = intercept + slope x by least squares.

    Attributes:
        slope: per unit of x.
        intercept: at x = 0.
        slope_error: standard error; None with two points (df = 0).
        intercept_error: standard error; None with two points.
        r_squared: share of variance; None if y does not vary.
        df: points - 2. With 3 or 4 sizes that is 1 or 2, and bands are wide: print it.
        sigma: residual standard deviation; None with two points.
        mean_x: mean of x.
        spread_x: sum of squares of x about its mean.
    """

    slope: float
    intercept: float
    slope_error: float | None
    intercept_error: float | None
    r_squared: float | None
    df: int
    sigma: float | None
    mean_x: float
    spread_x: float

    def band(self, x: float, confidence: float = 0.95) -> Interval | None:
        """Confidence band of the line at x; None with two points."""
        if self.sigma is None:
            return None
        n = self.df + 2
        error = self.sigma * math.sqrt(1 / n + (x - self.mean_x) ** 2 / self.spread_x)
        half = t_quantile(confidence, self.df) * error
        centre = self.intercept + self.slope * x
        return Interval(centre - half, centre + half)


def linear_fit(x: ArrayLike, y: ArrayLike) -> LinearFit:
    """Least squares line; use x = log10(parameters) for a scaling fit.

    Raises:
        UserError: lengths differ, fewer than two points, or all x equal.
    """
    xs, ys = as_scores(x, "x"), as_scores(y, "y")
    if xs.size != ys.size or xs.size < 2:
        raise UserError(f"a line needs two points or more, got {xs.size} x and {ys.size} y", code=DATA)
    spread = float(np.sum((xs - xs.mean()) ** 2))
    if spread == 0:
        raise UserError("a scaling fit needs at least two different sizes", code=DATA)
    slope = float(np.sum((xs - xs.mean()) * (ys - ys.mean()))) / spread
    intercept = float(ys.mean()) - slope * float(xs.mean())
    residual = ys - intercept - slope * xs
    rest, total = float(residual @ residual), float(np.sum((ys - ys.mean()) ** 2))
    df = int(xs.size) - 2
    r_squared = 1 - rest / total if total > 0 else None
    if df == 0:
        return LinearFit(slope, intercept, None, None, r_squared, 0, None, float(xs.mean()), spread)
    sigma = math.sqrt(rest / df)
    slope_error = sigma / math.sqrt(spread)
    intercept_error = sigma * math.sqrt(1 / xs.size + float(xs.mean()) ** 2 / spread)
    return LinearFit(
        slope, intercept, slope_error, intercept_error, r_squared, df, sigma, float(xs.mean()), spread
    )
