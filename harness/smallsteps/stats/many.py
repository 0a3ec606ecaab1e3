"""Many systems on the same items: an overall test, all pairs, simultaneous intervals, ranks, P(best)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from smallsteps.errors import DATA, UserError
from smallsteps.stats.families import holm_array
from smallsteps.stats.model import Floats, Interval, Ints, as_scores, is_binary
from smallsteps.stats.paired import mcnemar_exact_array, tango_interval_array
from smallsteps.stats.ranking import RankInterval, compact_letters, rank_intervals


@dataclass(frozen=True, slots=True)
class OverallTest:
    """Chi-square test of "all systems are equally accurate"."""

    statistic: float
    df: int
    pvalue: float


def cochran_q(scores: ArrayLike) -> OverallTest:
    """Cochran's Q on items x systems 0/1 scores (Cochran 1950); p = 1 where no item tells systems apart."""
    y = as_scores(scores, "scores", ndim=2)
    if not is_binary(y):
        raise UserError("Cochran's Q needs 0/1 scores", code=DATA)
    k = y.shape[1]
    columns, rows = y.sum(axis=0), y.sum(axis=1)
    spread = float(k * rows.sum() - np.sum(rows * rows))
    if k < 2 or spread == 0:
        return OverallTest(0.0, max(k - 1, 0), 1.0)
    statistic = (k - 1) * float(k * np.sum(columns**2) - columns.sum() ** 2) / spread
    return OverallTest(statistic, k - 1, float(special.chdtrc(k - 1, statistic)))


@dataclass(frozen=True, slots=True)
class AllPairs:
    """All pairs of k systems on one benchmark; arrays over pairs (i < j) in lexicographic order.

    Attributes:
        first: index i of each pair.
        second: index j.
        only_first: items only i has right.
        only_second: items only j has right.
        pvalues: exact McNemar.
        adjusted: Holm over the pairs of this benchmark.
        n: items.
    """

    first: Ints
    second: Ints
    only_first: Ints
    only_second: Ints
    pvalues: Floats
    adjusted: Floats
    n: int

    def differences(self) -> Floats:
        return np.asarray((self.only_first - self.only_second) / self.n, dtype=np.float64)

    def intervals(self, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Marginal Tango intervals of all pairs."""
        return tango_interval_array(self.only_first, self.only_second, np.int64(self.n), confidence)  # type: ignore[arg-type]


def all_pairs(scores: ArrayLike) -> AllPairs:
    """Exact McNemar for every pair of columns of an items x systems 0/1 matrix, Holm over the pairs."""
    y = as_scores(scores, "scores", ndim=2)
    if not is_binary(y):
        raise UserError("all pairs by McNemar need 0/1 scores", code=DATA)
    if y.shape[1] < 2:
        raise UserError("comparing needs at least two systems", code=DATA)
    both = np.rint(y.T @ y).astype(np.int64)  # sums of 0/1 products are whole and exact below 2^53
    right = np.diagonal(both)
    first, second = np.triu_indices(y.shape[1], 1)
    only_first = right[first] - both[first, second]
    only_second = right[second] - both[first, second]
    pvalues = mcnemar_exact_array(only_first, only_second)
    return AllPairs(first, second, only_first, only_second, pvalues, holm_array(pvalues), y.shape[0])


@dataclass(frozen=True, slots=True)
class Ranking:
    """k systems in order, as far as the items allow.

    Attributes:
        scores: accuracy of each system.
        ranks: rank interval of each.
        letters: compact letter display.
        overall: Cochran's Q.
        pairs: all pairs with Holm-adjusted p-values.
    """

    scores: tuple[float, ...]
    ranks: tuple[RankInterval, ...]
    letters: tuple[str, ...]
    overall: OverallTest
    pairs: AllPairs


def rank_systems(scores: ArrayLike, alpha: float = 0.05) -> Ranking:
    """Ranks and letters from Holm-corrected exact McNemar over all pairs of an items x systems matrix."""
    y = as_scores(scores, "scores", ndim=2)
    pairs = all_pairs(y)
    means = np.asarray(y.mean(axis=0), dtype=np.float64)
    decided = pairs.adjusted <= alpha
    ahead = pairs.only_first > pairs.only_second
    k = y.shape[1]
    better = np.zeros((k, k), dtype=np.bool_)
    better[pairs.first, pairs.second] = decided & ahead
    better[pairs.second, pairs.first] = decided & ~ahead
    return Ranking(
        tuple(float(mean) for mean in means),
        rank_intervals(better),
        compact_letters(better | better.T, means),
        cochran_q(y),
        pairs,
    )


def bootstrap_means(scores: ArrayLike, resamples: int = 10_000, seed: int = 0) -> Floats:
    """Joint bootstrap of the k means over items: resamples x k, the same items for all systems in a draw.

    Equal rows are merged first; one multinomial over the distinct rows then stands for n draws of items.
    """
    y = as_scores(scores, "scores", ndim=2)
    rows, counts = np.unique(y, axis=0, return_counts=True)
    n = y.shape[0]
    rng = np.random.default_rng(seed)
    out = np.empty((resamples, y.shape[1]))
    block = max(1, 4_000_000 // rows.shape[0])
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        if rows.shape[0] <= n // 2:
            weights = rng.multinomial(n, counts / n, size=stop - start)
            out[start:stop] = weights @ rows / n
        else:
            for r in range(start, stop):
                out[r] = np.bincount(rng.integers(0, n, n), minlength=n) @ y / n
    return out


@dataclass(frozen=True, slots=True)
class SimultaneousIntervals:
    """Intervals of all pairwise differences that hold together.

    Attributes:
        critical: the .95 quantile of max |t|; between 1.96 and Bonferroni's.
        pairs: (i, j) of each interval.
        differences: mean i - mean j.
        intervals: None for a pair that never differs.
        resamples: bootstrap draws.
    """

    critical: float | None
    pairs: tuple[tuple[int, int], ...]
    differences: tuple[float, ...]
    intervals: tuple[Interval | None, ...]
    resamples: int


def simultaneous_intervals(
    scores: ArrayLike, confidence: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> SimultaneousIntervals:
    """Studentised max-|t| intervals by a joint bootstrap over items (partial credit is fine)."""
    y = as_scores(scores, "scores", ndim=2)
    n, k = y.shape
    first, second = np.triu_indices(k, 1)
    means = y.mean(axis=0)
    # item variance of d = y_i - y_j from the covariance matrix, for the sample and for each resample
    error = _pair_errors(y.T @ y / n, means, first, second, n)
    names = tuple((int(i), int(j)) for i, j in zip(first, second, strict=True))
    differences = means[first] - means[second]
    usable = error > 0
    if n < 2 or not usable.any():
        nothing: tuple[Interval | None, ...] = (None,) * len(names)
        return SimultaneousIntervals(None, names, tuple(map(float, differences)), nothing, 0)
    rows, counts = np.unique(y, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    largest = np.empty(resamples)
    block = max(1, 2_000_000 // max(rows.shape[0], first.size, k * k))
    products = (rows[:, :, None] * rows[:, None, :]).reshape(rows.shape[0], k * k)
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        weights = rng.multinomial(n, counts / n, size=stop - start) / n
        drawn = weights @ rows
        second_moments = (weights @ products).reshape(-1, k, k)
        draw_error = _pair_errors(second_moments, drawn, first, second, n)
        shift = np.abs((drawn[:, first] - drawn[:, second]) - differences)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(draw_error > 0, shift / draw_error, 0.0)
        largest[start:stop] = t[:, usable].max(axis=1)
    critical = float(np.quantile(largest, confidence))
    half = critical * error
    intervals = tuple(
        Interval(float(d - h), float(d + h)) if ok else None
        for d, h, ok in zip(differences, half, usable, strict=True)
    )
    return SimultaneousIntervals(critical, names, tuple(map(float, differences)), intervals, resamples)


def _pair_errors(moments: Floats, means: Floats, first: Ints, second: Ints, n: int) -> Floats:
    """Standard errors of pair differences from second moments (..., k, k) and means (..., k)."""
    square = moments[..., first, first] + moments[..., second, second] - 2 * moments[..., first, second]
    gap = means[..., first] - means[..., second]
    variance = np.maximum(square - gap * gap, 0.0)
    variance = np.where(variance < 1e-14, 0.0, variance)
    return np.asarray(np.sqrt(variance / max(n - 1, 1)), dtype=np.float64)


def probability_best(means: Floats) -> tuple[float, ...]:
    """Share of bootstrap draws (draws x k) in which each system is top; ties are split."""
    top = means >= means.max(axis=1, keepdims=True) - 1e-12
    return tuple(float(share) for share in (top / top.sum(axis=1, keepdims=True)).mean(axis=0))


@dataclass(frozen=True, slots=True)
class FriedmanTest:
    """Friedman's test over data sets, with Iman and Davenport's F and the Nemenyi critical difference."""

    ranks: tuple[float, ...]
    chi_square: float
    f_statistic: float | None
    critical_difference: float
    datasets: int


def friedman_from_ranks(ranks: ArrayLike, datasets: int, alpha: float = 0.05) -> FriedmanTest:
    """Friedman statistics from average ranks (Demsar 2006).

    Raises:
        UserError: fewer than 10 data sets: powerless then, use item-level tests.
    """
    from scipy import stats

    if datasets < 10:
        raise UserError(
            f"ranking over {datasets} data sets is powerless",
            fix="with fewer than 10 benchmarks use the item-level tests",
        )
    average = as_scores(ranks, "ranks")
    k = average.size
    chi = 12 * datasets / (k * (k + 1)) * (float(np.sum(average**2)) - k * (k + 1) ** 2 / 4)
    rest = datasets * (k - 1) - chi
    f = (datasets - 1) * chi / rest if rest > 0 else None
    q = float(stats.studentized_range.ppf(1 - alpha, k, math.inf)) / math.sqrt(2)
    return FriedmanTest(
        tuple(float(r) for r in average), chi, f, q * math.sqrt(k * (k + 1) / (6 * datasets)), datasets
    )
