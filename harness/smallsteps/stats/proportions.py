"""Intervals for one accuracy. Wilson by default, Clopper-Pearson where coverage must be guaranteed."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import special

from smallsteps.errors import DATA, UserError
from smallsteps.stats.model import Floats, Interval, Ints, check_confidence


def _check(successes: int, n: int) -> None:
    if n < 1 or not 0 <= successes <= n:
        raise UserError(f"cannot estimate an accuracy from {successes} of {n} items", code=DATA)


@lru_cache(maxsize=4096)
def two_sided_z(confidence: float) -> float:
    """Normal quantile of a two-sided interval, 1.96 for .95."""
    return float(-special.ndtri((1 - check_confidence(confidence)) / 2))


@lru_cache(maxsize=1 << 16)
def wilson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson score interval (Wilson 1927). Never empty, never outside [0, 1], not 0 wide at 0 or n.

    Raises:
        UserError: no items, or more successes than items.
    """
    _check(successes, n)
    z2 = two_sided_z(confidence) ** 2
    centre = (successes + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (successes * (n - successes) / n + z2 / 4)) / (n + z2)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(low, high)


def clopper_pearson_interval(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """Exact interval by inverting the binomial test (Clopper and Pearson 1934): coverage never below nominal.

    Raises:
        UserError: no items, or more successes than items.
    """
    _check(successes, n)
    low, high = clopper_pearson_array(np.array([successes]), np.array([n]), confidence)
    return Interval(float(low[0]), float(high[0]))


def clopper_pearson_array(successes: Ints, n: Ints, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Clopper-Pearson limits of many proportions; every n at least 1."""
    tail = (1 - check_confidence(confidence)) / 2
    low = special.betaincinv(np.maximum(successes, 1), n - successes + 1, tail)
    high = special.betainccinv(successes + 1, np.maximum(n - successes, 1), tail)
    return np.where(successes == 0, 0.0, low), np.where(successes == n, 1.0, high)
