"""Paired comparison of partial credit (token F1, share of k samples): paired t and sign-flip permutation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from smallsteps.stats.model import Floats, Interval, Ints, as_scores
from smallsteps.stats.proportions import two_sided_z
from smallsteps.stats.students_t import DifferenceTest, no_test, t_test

# Differences that are multiples of 1/scale for one of these scales are flipped exactly.
MAX_SCALE = 120
MAX_WORK = 200_000_000
RESAMPLES = 10_000


def paired_t(differences: ArrayLike, confidence: float = 0.95) -> DifferenceTest:
    """Student's paired t on item differences; no test with one item or without any variation."""
    d = as_scores(differences, "differences")
    estimate = float(d.mean())
    if d.size == 1:
        return no_test(estimate, "paired t", "one item: no standard error")
    return t_test(estimate, float(d.var(ddof=1)) / d.size, d.size - 1, confidence, "paired t")


def unvarying_interval(difference: float, n: int, confidence: float = 0.95) -> Interval:
    """Interval of a mean difference that was the same on all n items, for scores between 0 and 1.

    A share of items up to Wilson's upper limit of 0 in n, z^2/(n + z^2), may differ otherwise by as much as
    the scores allow. With difference 0 it is Tango's interval of a table without discordant items.
    """
    z2 = two_sided_z(confidence) ** 2
    share = z2 / (n + z2)
    return Interval(difference - share * (1 + difference), difference + share * (1 - difference))


@dataclass(frozen=True, slots=True)
class SignFlip:
    """Two-sided sign-flip permutation test of a sum.

    Attributes:
        pvalue: P(|flipped sum| >= |observed sum|); ties count, as they must for discrete scores.
        method: `exact` if all 2^n flips were accounted for, else `monte carlo`.
        monte_carlo_error: standard error of a Monte-Carlo p-value; 0 for an exact one.
    """

    pvalue: float
    method: Literal["exact", "monte carlo"]
    monte_carlo_error: float = 0.0


def sign_flip(differences: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> SignFlip:
    """Flip the sign of each difference with probability 1/2 and compare sums.

    Exact by convolution where differences are multiples of a common fraction (0/1 scores, shares of k
    samples, cluster sums of these), else by `resamples` draws with p = (1 + hits)/(resamples + 1).
    """
    d = as_scores(differences, "differences")
    magnitude, count = np.unique(np.abs(d[d != 0]), return_counts=True)
    if magnitude.size == 0:
        return SignFlip(1.0, "exact")
    observed = abs(float(d.sum()))
    units = _lattice(magnitude)
    if magnitude.size == 1:  # a sign test
        m = int(count[0])
        smaller = (m - round(observed / float(magnitude[0]))) // 2
        return SignFlip(min(1.0, 2 * float(special.bdtr(smaller, m, 0.5))), "exact")
    if units is not None and int(units @ count) * int(count.sum()) <= MAX_WORK:
        net = round(observed * float(units[0]) / float(magnitude[0]))
        return SignFlip(_lattice_tail(units, count, net), "exact")
    rng = np.random.default_rng(seed)
    hits = 0
    tolerance = 1e-9 * float(magnitude.sum())
    for start in range(0, resamples, 1000):
        size = (min(1000, resamples - start), magnitude.size)
        ups = rng.binomial(count, 0.5, size=size)
        sums = (2.0 * ups - count) @ magnitude
        hits += int(np.count_nonzero(np.abs(sums) >= observed - tolerance))
    p = (1 + hits) / (resamples + 1)
    return SignFlip(p, "monte carlo", math.sqrt(p * (1 - p) / resamples))


def _lattice(magnitude: Floats) -> Ints | None:
    for scale in range(1, MAX_SCALE + 1):
        scaled = magnitude * scale
        whole = np.round(scaled)
        if np.abs(scaled - whole).max() < 1e-9 * scale:
            units = whole.astype(np.int64)
            return np.asarray(units // np.gcd.reduce(units), dtype=np.int64)
    return None


def _lattice_tail(units: Ints, count: Ints, net: int) -> float:
    """P(|sum of randomly signed units| >= net), by adding one binomial number of ups per distinct unit.

    All terms are positive, so that tiny tails keep their relative accuracy, which a Fourier transform loses.
    """
    if net == 0:
        return 1.0
    reach = int(units @ count)
    pmf = np.ones(1)
    for unit, times in zip(units.tolist(), count.tolist(), strict=True):
        ups = np.arange(times + 1)
        log_choose = special.gammaln(times + 1) - special.gammaln(ups + 1) - special.gammaln(times - ups + 1)
        weights = np.exp(log_choose - times * np.log(2.0))
        grown = np.zeros(pmf.size + unit * times)
        for shift, weight in zip((unit * ups).tolist(), weights.tolist(), strict=True):
            grown[shift : shift + pmf.size] += weight * pmf
        pmf = grown
    # index k stands for ups worth k units, a sum of 2 k - reach
    return min(1.0, 2 * float(pmf[(reach + net + 1) // 2 :].sum()))
