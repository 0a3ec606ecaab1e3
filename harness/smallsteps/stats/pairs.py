"""All pairs of many students at once: the tests of `paired` and `crossed`, as matrices.

The contrast of two students is the difference of two vectors of cluster totals, so that the cluster part of
every pair's variance follows from one Gram matrix a block, and the seed parts add up. Same formulas, same
results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from smallsteps.stats.crossed import LEVEL, Arm, Design, cluster_totals, moments, problem_of
from smallsteps.stats.model import Floats, Ints
from smallsteps.stats.paired import mcnemar_exact_array
from smallsteps.stats.students_t import NOISE, t_quantile


@dataclass(frozen=True, slots=True)
class PairTests:
    """Every student against every other.

    Attributes:
        difference: row minus column, shape (students, students).
        p: two-sided; NaN where no test is possible, and on the diagonal.
    """

    difference: Floats
    p: Floats


def mcnemar_pairs(scores: NDArray[np.floating]) -> PairTests:
    """Exact McNemar test of each pair of 0/1 rows, shape (students, items)."""
    rows = np.ascontiguousarray(scores, dtype=np.float32)  # counts up to 2^24 are exact
    both = (rows @ rows.T).astype(np.int64)
    right = np.diagonal(both)
    only_row: Ints = right[:, None] - both
    p = mcnemar_exact_array(only_row, only_row.T)
    np.fill_diagonal(p, np.nan)
    n = rows.shape[1]
    return PairTests((right[:, None] - right[None, :]) / n, p)


def crossed_pairs(arms: Sequence[Arm], design: Design) -> PairTests:
    """`contrast_test` of each pair, seeds not paired; all arms have the same weights."""
    count = len(arms)
    own = [moments([arm], design) for arm in arms]
    estimates = np.array([found.estimate for found in own])
    difference = estimates[:, None] - estimates[None, :]
    p = np.full((count, count), np.nan)
    if problem_of(design):
        return PairTests(difference, p)
    totals = cluster_totals(np.stack([(arm.scores * arm.weights).mean(axis=0) for arm in arms]), design)
    clusters, spread = np.zeros((count, count)), np.zeros((count, count))
    for block, size in enumerate(design.per_block.tolist()):
        part = _squared_distances(totals[:, design.block == block])
        clusters += part
        spread += part**2 / max(size - 1, 1)
    seeds = np.array([float(found.seeds.sum()) for found in own])
    seed_spread = np.array([float(np.sum(found.seeds**2 / found.seeds_df)) for found in own])
    residual = np.array([found.residual for found in own])
    seed_part, seed_square = seeds[:, None] + seeds, seed_spread[:, None] + seed_spread
    total = np.maximum(seed_part + clusters - (residual[:, None] + residual), np.maximum(seed_part, clusters))
    with np.errstate(divide="ignore", invalid="ignore"):
        seed_df, cluster_df = seed_part**2 / seed_square, clusters**2 / spread
        df = _joined_df(seed_part, total, seed_df, cluster_df)
        tails = np.where(
            np.isinf(df), special.ndtr(-_t(difference, total)), special.stdtr(df, -_t(difference, total))
        )
    tested = (total > NOISE) & (df > 0)
    np.fill_diagonal(tested, False)
    p[tested] = np.minimum(1.0, 2 * tails[tested])
    return PairTests(difference, p)


def _t(difference: Floats, variance: Floats) -> Floats:
    return np.asarray(np.abs(difference) / np.sqrt(variance), dtype=np.float64)


def _squared_distances(rows: Floats) -> Floats:
    """Sum of squared differences of each pair of rows; exactly 0 for equal rows."""
    gram = rows @ rows.T
    own = np.diagonal(gram)
    found = np.maximum(own[:, None] + own[None, :] - 2 * gram, 0.0)
    found[found < 1e-12 * np.maximum(own[:, None], own[None, :])] = 0.0
    return np.asarray(found, dtype=np.float64)


def _joined_df(seeds: Floats, total: Floats, seed_df: Floats, cluster_df: Floats) -> Floats:
    """`Moments.df` for matrices."""
    df = np.where(seeds > 0, np.nan, cluster_df)
    lone = (seeds > 0) & ~(total > seeds)
    df[lone] = seed_df[lone]
    both = (seeds > 0) & (total > seeds)
    if both.any():
        share = seeds[both] / total[both]
        tail = (1 + LEVEL) / 2
        clusters = np.where(np.isnan(cluster_df[both]), 1.0, cluster_df[both])
        half = share * special.stdtrit(seed_df[both], tail) ** 2
        half += (1 - share) * special.stdtrit(clusters, tail) ** 2
        quantile = np.sqrt(half)
        normal = t_quantile(LEVEL, np.inf)
        df[both] = np.where(
            quantile <= normal, np.inf, special.stdtridf(tail, np.maximum(quantile, normal * (1 + 1e-12)))
        )
    return np.nan_to_num(df, nan=0.0, posinf=np.inf)
