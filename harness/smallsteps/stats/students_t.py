"""A difference with its standard error, tested against Student's t: the shape most procedures end in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from scipy import special

from smallsteps.stats.model import Interval, check_confidence

# Scores lie in [0, 1]: a variance below this is what rounding leaves of 0, and anything would be significant.
NOISE = 1e-24


@dataclass(frozen=True, slots=True)
class DifferenceTest:
    """An estimate, how sure it is, and what was done.

    Attributes:
        estimate: A minus B, in proportions.
        standard_error: None where it cannot be estimated (one item, one cluster, no variation at all).
        df: degrees of freedom of t; None with the standard error.
        pvalue: two-sided, against 0; None where no test is possible.
        interval: None where no test is possible. Never of width 0.
        method: the procedure in words.
        note: why something is None, or what the reader must know; empty when there is nothing to add.
    """

    estimate: float
    standard_error: float | None
    df: float | None
    pvalue: float | None
    interval: Interval | None
    method: str
    note: str = ""


@lru_cache(maxsize=4096)
def t_quantile(confidence: float, df: float) -> float:
    """Two-sided Student t quantile; df may be infinite."""
    tail = (1 + check_confidence(confidence)) / 2
    return float(special.ndtri(tail) if math.isinf(df) else special.stdtrit(df, tail))


def df_of_quantile(confidence: float, quantile: float) -> float:
    """Degrees of freedom at which Student's t has this two-sided quantile; infinite below the normal one."""
    if quantile <= t_quantile(confidence, math.inf):
        return math.inf
    return float(special.stdtridf((1 + confidence) / 2, quantile))


def t_tail(t: float, df: float) -> float:
    """P(T > t) for Student's t; df may be infinite."""
    return float(special.ndtr(-t) if math.isinf(df) else special.stdtr(df, -t))


def t_test(
    estimate: float, variance: float | None, df: float, confidence: float, method: str, note: str = ""
) -> DifferenceTest:
    """Test an estimate with a variance and degrees of freedom; no interval if the variance is None or 0."""
    if variance is None or not variance > NOISE or not df > 0:
        return no_test(estimate, method, note or "no variation between items: no standard error")
    error = math.sqrt(variance)
    half = t_quantile(confidence, df) * error
    p = min(1.0, 2 * t_tail(abs(estimate) / error, df))
    return DifferenceTest(estimate, error, df, p, Interval(estimate - half, estimate + half), method, note)


def no_test(
    estimate: float, method: str, note: str, *, standard_error: float | None = None, df: float | None = None
) -> DifferenceTest:
    """A descriptive result: the estimate, and why there is no more."""
    return DifferenceTest(estimate, standard_error, df, None, None, method, note)
