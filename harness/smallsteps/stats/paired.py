"""Two 0/1 runs on the same items: exact test, score interval, exact bootstrap, effect sizes.

Everything here follows from four counts, in closed form or by enumeration; nothing is resampled, so the same
counts always give the same bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import fft, special

from smallsteps.errors import DATA, UserError
from smallsteps.stats.model import (
    Floats,
    Interval,
    Ints,
    PairedCounts,
    as_scores,
    check_confidence,
    is_binary,
)
from smallsteps.stats.proportions import clopper_pearson_interval, two_sided_z

# Quantiles are read off a cumulative sum of floating-point numbers; this much is rounding.
SLACK = 1e-12
# 60 halvings of an interval of length 2 leave less than one unit in the last place of a double near 1.
HALVINGS = 60


def paired_counts(a: ArrayLike, b: ArrayLike) -> PairedCounts:
    """Counts from two 0/1 score vectors in the same item order.

    Raises:
        UserError: lengths differ, a score is missing, or scores are not all 0 or 1.
    """
    first, second = as_scores(a, "A"), as_scores(b, "B")
    if first.size != second.size:
        raise UserError(
            f"A has {first.size} items and B has {second.size}: runs must be graded on the same items",
            code=DATA,
        )
    if not (is_binary(first) and is_binary(second)):
        raise UserError("scores are not all 0 or 1: use the test for partial credit", code=DATA)
    right_a, right_b = int(first.sum()), int(second.sum())
    both = int((first * second).sum())
    return PairedCounts(both, right_a - both, right_b - both, first.size - right_a - right_b + both)


def mcnemar_exact_array(b: Ints, c: Ints) -> Floats:
    """Two-sided exact McNemar p-values of many tables; 1 where nothing is discordant."""
    p = 2.0 * special.bdtr(np.minimum(b, c).astype(np.float64), np.asarray(b + c), 0.5)
    return np.asarray(np.minimum(1.0, p), dtype=np.float64)


def mcnemar_exact(counts: PairedCounts) -> float:
    """Exact conditional McNemar test, two-sided: p = min(1, 2 F(min(b, c); b + c, 1/2)).

    It is the exact sign-flip permutation test on the item differences. 1 if no item is discordant.
    """
    smaller = min(counts.only_a, counts.only_b)
    return min(1.0, 2.0 * float(special.bdtr(smaller, counts.discordant, 0.5)))


def mcnemar_midp_array(b: Ints, c: Ints) -> Floats:
    """Mid-p McNemar p-values of many tables; 1 where nothing is discordant."""
    smaller = np.minimum(b, c).astype(np.float64)
    at_most = special.bdtr(smaller, np.asarray(b + c), 0.5)
    below = np.where(smaller > 0, special.bdtr(np.maximum(smaller - 1, 0), np.asarray(b + c), 0.5), 0.0)
    # 2 F(k) - pmf(k) = F(k) + F(k - 1), which does not cancel; equal counts lose half of their pmf only
    p = np.where(np.asarray(b) == np.asarray(c), 1.0 - (at_most - below) / 2, at_most + below)
    return np.asarray(np.where(np.asarray(b + c) == 0, 1.0, p), dtype=np.float64)


def mcnemar_midp(counts: PairedCounts) -> float:
    """Mid-p McNemar test (Fagerland, Lydersen and Laake 2013); 1 if no item is discordant.

    Closer to its nominal level than the exact test, but able to exceed it: shown beside it, never instead.
    """
    smaller, m = min(counts.only_a, counts.only_b), counts.discordant
    if m == 0:
        return 1.0
    at_most = float(special.bdtr(smaller, m, 0.5))
    below = float(special.bdtr(smaller - 1, m, 0.5)) if smaller else 0.0
    return 1.0 - (at_most - below) / 2 if counts.only_a == counts.only_b else at_most + below


def tango_score_array(b: Ints, c: Ints, n: Ints, delta: Floats) -> Floats:
    """Tango's (1998) score statistic T(delta) for H0: accuracy A - accuracy B = delta. Broadcasts.

    T(0) squared is the asymptotic McNemar chi-square. 0/0 (no discordant item at delta 0) is taken as 0.
    """
    quadratic = 2.0 * n
    linear = -b - c + (2.0 * n - b + c) * delta
    constant = -c * delta * (1.0 - delta)
    root = np.sqrt(np.maximum(linear * linear - 4.0 * quadratic * constant, 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        # the larger root of the quadratic, by whichever of the two forms does not cancel
        q = np.where(linear > 0, -2.0 * constant / (root + linear), (root - linear) / (2.0 * quadratic))
        variance = np.maximum(n * (2.0 * q + delta * (1.0 - delta)), 0.0)
        numerator = b - c - n * delta
        score = np.where(numerator == 0, 0.0, numerator / np.sqrt(variance))
    return np.asarray(score, dtype=np.float64)


def tango_lower_array(b: Ints, c: Ints, n: Ints, z: float) -> Floats:
    """Lower Tango limits: the delta below the estimate at which T = z, by bisection (T falls in delta)."""
    difference = (b - c) / n
    low, high = np.full_like(difference, -1.0), np.array(difference, dtype=np.float64)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        too_low = tango_score_array(b, c, n, middle) > z
        low = np.where(too_low, middle, low)
        high = np.where(too_low, high, middle)
    return high


def tango_interval_array(b: Ints, c: Ints, n: Ints, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Tango limits of many tables at once; the upper limit is the lower one of the swapped table."""
    z = two_sided_z(confidence)
    return tango_lower_array(b, c, n, z), -tango_lower_array(c, b, n, z)


def _score(b: int, c: int, n: int, delta: float) -> float:
    """`tango_score_array` of one table in plain floats, thirty times as fast for one."""
    numerator = b - c - n * delta
    if numerator == 0:
        return 0.0
    linear = -b - c + (2.0 * n - b + c) * delta
    constant = -c * delta * (1.0 - delta)
    root = math.sqrt(max(linear * linear - 8.0 * n * constant, 0.0))
    q = -2.0 * constant / (root + linear) if linear > 0 else (root - linear) / (4.0 * n)
    variance = n * (2.0 * q + delta * (1.0 - delta))
    return numerator / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, numerator)


def tango_score(counts: PairedCounts, delta: float) -> float:
    """T(delta) of one table, see `tango_score_array`."""
    return _score(counts.only_a, counts.only_b, counts.n, delta)


def _lower(b: int, c: int, n: int, z: float) -> float:
    low, high = -1.0, (b - c) / n
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if _score(b, c, n, middle) > z:
            low = middle
        else:
            high = middle
    return high


def tango_interval(counts: PairedCounts, confidence: float = 0.95) -> Interval:
    """Tango (1998) score interval of the accuracy difference.

    Never 0 wide: +-z^2/(n + z^2) if no item is discordant.
    """
    z, b, c, n = two_sided_z(confidence), counts.only_a, counts.only_b, counts.n
    return Interval(_lower(b, c, n, z), -_lower(c, b, n, z))


def bootstrap_pmf(counts: PairedCounts) -> tuple[int, Floats]:
    """The whole bootstrap distribution of the net count b* - c*: (smallest net count, probabilities).

    It is the n-fold convolution of {-1: c/n, 0: 1 - m/n, +1: b/n}, taken by FFT at as many points as hold all
    but 1e-16 of the mass (Bernstein's inequality), so that the rest cannot alias into what is read.
    """
    n, b, c = counts.n, counts.only_a, counts.only_b
    mean = b - c
    variance = (b + c) - mean * mean / n
    reach = 26.0 + math.sqrt(26.0**2 + 78.0 * variance)  # t with exp(-t^2 / (2 var + 4t/3)) < 1e-16
    size = min(2 * n + 1, 2 * math.ceil(reach) + 1)
    start = max(-n, min(mean - size // 2, n + 1 - size))
    points = fft.next_fast_len(size, real=True)
    frequency = np.exp(-2j * np.pi * np.arange(points // 2 + 1) / points)
    step = (c / n) + (1.0 - (b + c) / n) * frequency + (b / n) * frequency**2
    # `step` counts from -1 at each of the n draws; shift so that index 0 is `start`
    spectrum = step**n * np.exp(2j * np.pi * np.arange(points // 2 + 1) * ((start + n) % points) / points)
    pmf = np.maximum(fft.irfft(spectrum, points)[:size], 0.0)
    return start, pmf / pmf.sum()


def exact_bootstrap_interval(counts: PairedCounts, confidence: float = 0.95) -> Interval | None:
    """Percentile bootstrap interval of the accuracy difference, without Monte-Carlo error.

    The lower limit is the smallest k with P(net <= k) >= alpha/2; the upper one mirrors it, so that swapping
    A and B mirrors the interval exactly. None where every item has the same difference: each resample is then
    the sample, and an interval of width 0 would claim a certainty that is not there.
    """
    if counts.discordant == 0 or counts.n in (counts.only_a, counts.only_b):
        return None
    start, pmf = bootstrap_pmf(counts)
    tail = (1 - check_confidence(confidence)) / 2
    low = int(np.argmax(np.cumsum(pmf) >= tail - SLACK))
    high = pmf.size - 1 - int(np.argmax(np.cumsum(pmf[::-1]) >= tail - SLACK))
    return Interval((start + low) / counts.n, (start + high) / counts.n)


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """Conditional odds ratio b/c; `estimate` and `high` are None where they would be infinite."""

    estimate: float | None
    low: float
    high: float | None


def conditional_odds_ratio(counts: PairedCounts, confidence: float = 0.95) -> OddsRatio | None:
    """b/c with the Clopper-Pearson interval of b/(b+c) mapped by p/(1-p); None if no item is discordant."""
    if counts.discordant == 0:
        return None
    return odds_of_share(counts, clopper_pearson_interval(counts.only_a, counts.discordant, confidence))


def odds_of_share(counts: PairedCounts, share: Interval) -> OddsRatio | None:
    """`conditional_odds_ratio`, given the Clopper-Pearson interval of b/(b+c)."""
    if counts.discordant == 0:
        return None
    estimate = counts.only_a / counts.only_b if counts.only_b else None
    high = share.high / (1 - share.high) if share.high < 1 else None
    return OddsRatio(estimate, share.low / (1 - share.low), high)


def cohen_g(counts: PairedCounts) -> float | None:
    """Cohen's g = max(b, c)/m - 1/2; None if no item is discordant."""
    m = counts.discordant
    return max(counts.only_a, counts.only_b) / m - 0.5 if m else None


def can_reach(counts: PairedCounts, alpha: float = 0.05) -> bool:
    """Whether any split of these discordant items could reach two-sided significance: 2^(1-m) <= alpha."""
    return counts.discordant > 0 and 2.0 ** (1 - counts.discordant) <= alpha
