"""One variance for every difference: seeds crossed with items or clusters, strata fixed, seeds shared by all
tasks.

A statement about students is a contrast L = sum over students k and units u of w[k, u] * y[k, u], where y[k,
u] is the mean score of student k on unit u over its seeds, and w is constant within a stratum. Rows, suites,
means over tasks, trade-off axes and gates differ only in their weights. The variance of L has three parts:

    seeds     sum_k var_s(L[k, s]) / S_k      with L[k, s] = sum_u w[k, u] y[k, s, u]
    clusters  sum_g Z_g^2                     with Z_g = sum_{u in g} f_t (x_u - mean of x in its stratum)
    residual  sum_k sum_{s, g} (T[k, s, g] - mean_s T)^2 / (S_k (S_k - 1))

with x_u = sum_k w[k, u] y[k, u], f_t = sqrt(G_t / (G_t - 1)) for the G_t clusters of stratum t, and T as Z
for one seed. Seeds and clusters both contain the residual, so V = seeds + clusters - residual, and never less
than the larger of the two. One stratum, one seed and no clusters give the paired t; one seed and clusters
Miller's (2024) clustered standard error; strata the stratified one; several seeds the two-way crossed layout
by the method of moments (Searle, Casella and McCulloch 1992, chapter 4).

Degrees of freedom: Satterthwaite (1946) within the seeds of several students, and within the strata. Between
seeds and items his formula is too hopeful: three seeds whose accuracies happen to agree make the seed part
look small, and the degrees of freedom large (12 % false positives for two noisy seeds against a fixed model).
Banerjee's (1961) half width, sqrt(t_S^2 V_S + t_C^2 (V - V_S)) with a t quantile for each part, never claims
too much; the degrees of freedom here are those of the t with the same 95 % half width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from smallsteps.errors import DATA, UserError
from smallsteps.stats.model import Floats, Ints, group_index
from smallsteps.stats.students_t import NOISE, DifferenceTest, df_of_quantile, no_test, t_quantile, t_test

MIN_CLUSTERS = 6
LEVEL = 0.95  # at which the two parts' quantiles are joined
SAME_ACCURACY = "all seeds of a method gave the same accuracy: check that they are different runs"


@dataclass(frozen=True, slots=True)
class Arm:
    """One student's part of a contrast.

    Attributes:
        scores: seeds x units.
        weights: units; constant within a stratum, 0 where the student has no part.
        fixed: the student is one given model, so that its seeds do not vary.
    """

    scores: Floats
    weights: Floats
    fixed: bool = False

    def weighted(self, weights: Floats) -> Arm:
        """The same scores with other weights."""
        return replace(self, weights=weights)


@dataclass(frozen=True, slots=True)
class Design:
    """Which units vary together.

    Attributes:
        strata: stratum of each unit; clusters: cluster of each unit. A cluster may reach over several strata.
        per_stratum: clusters in each stratum.
        block: number of the block of each cluster: strata that share a cluster are one block.
        per_block: clusters in each block.
        plain: one stratum, every unit its own cluster.
    """

    strata: Ints
    clusters: Ints
    per_stratum: Ints
    block: Ints
    per_block: Ints
    plain: bool

    @property
    def units(self) -> int:
        return int(self.strata.size)

    @property
    def cluster_count(self) -> int:
        return int(self.block.size)

    @property
    def clustered(self) -> bool:
        """Some cluster holds more than one unit."""
        return self.cluster_count < self.units

    @staticmethod
    def of(
        units: int,
        strata: Sequence[object] | Ints | None = None,
        clusters: Sequence[object] | Ints | None = None,
    ) -> Design:
        """A design from labels; None for one stratum, or for units that vary on their own.

        Raises:
            UserError: not one label per unit.
        """
        for labels in (strata, clusters):
            if labels is not None and len(labels) != units:
                raise UserError(f"{units} items but {len(labels)} labels", code=DATA)
        s = np.zeros(units, dtype=np.int64) if strata is None else _codes(strata)
        c = np.arange(units, dtype=np.int64) if clusters is None else _codes(clusters)
        count = int(c.max()) + 1 if units else 0
        if count == 0 or not s.any():  # one stratum
            per_stratum = np.array([count], dtype=np.int64)
            block = np.zeros(count, dtype=np.int64)
            return Design(s, c, per_stratum, block, per_stratum, clusters is None)
        pairs = np.unique(np.stack([s, c]), axis=1)
        per_stratum = np.bincount(pairs[0], minlength=int(s.max()) + 1).astype(np.int64)
        block = _blocks(pairs, count)
        return Design(s, c, per_stratum, block, np.bincount(block).astype(np.int64), False)


def _codes(labels: Sequence[object] | Ints) -> Ints:
    if isinstance(labels, np.ndarray):
        return np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return group_index(labels)


def _blocks(pairs: Ints, clusters: int) -> Ints:
    """Block of each cluster: strata that share clusters, found by joining strata."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    strata = int(pairs[0].max()) + 1
    edges = coo_matrix(
        (np.ones(pairs.shape[1]), (pairs[0], strata + pairs[1])), shape=(strata + clusters, strata + clusters)
    )
    _, labels = connected_components(edges, directed=False)
    return np.unique(labels[strata:], return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True, slots=True)
class VarianceParts:
    """Parts of the variance of a difference; they add up to `total`.

    Attributes:
        seeds: between training seeds; shrinks with more seeds only.
        items: between items or clusters; shrinks with more items only.
        residual: seed by item; shrinks with either.
    """

    seeds: float
    items: float
    residual: float

    @property
    def total(self) -> float:
        return self.seeds + self.items + self.residual

    def shares(self) -> tuple[float, float, float] | None:
        """Shares of seeds, items and residual; None if nothing varies."""
        total = self.total
        return (self.seeds / total, self.items / total, self.residual / total) if total > 0 else None


@dataclass(frozen=True, slots=True)
class Moments:
    """Moment estimates of one contrast.

    Attributes:
        estimate: L.
        seeds: seed part of each arm whose seeds vary; seeds_df: its degrees of freedom.
        clusters: cluster part of each block; clusters_df: its degrees of freedom.
        residual: seed-by-cluster part.
    """

    estimate: float
    seeds: Floats
    seeds_df: Floats
    clusters: Floats
    clusters_df: Floats
    residual: float

    @property
    def variance(self) -> float:
        """V, floored at its seed and its cluster part."""
        seeds, clusters = float(self.seeds.sum()), float(self.clusters.sum())
        return max(seeds + clusters - self.residual, seeds, clusters)

    @property
    def df(self) -> float:
        """Degrees of freedom of the t with Banerjee's 95 % half width; 0 where nothing varies."""
        seeds_df, clusters_df = _joined(self.seeds, self.seeds_df), _joined(self.clusters, self.clusters_df)
        total, seeds = self.variance, float(self.seeds.sum())
        if not seeds > 0:
            return clusters_df
        if not total > seeds:
            return seeds_df
        share = seeds / total
        half = share * t_quantile(LEVEL, seeds_df) ** 2 + (1 - share) * t_quantile(LEVEL, clusters_df) ** 2
        return df_of_quantile(LEVEL, math.sqrt(half))

    def parts(self) -> VarianceParts:
        """The variance split without counting the residual twice."""
        seeds = max(0.0, float(self.seeds.sum()) - self.residual)
        clusters = max(0.0, float(self.clusters.sum()) - self.residual)
        return VarianceParts(seeds, clusters, max(0.0, self.variance - seeds - clusters))


def _joined(parts: Floats, dfs: Floats) -> float:
    """Satterthwaite's degrees of freedom of a sum of independent parts; 0 if nothing varies."""
    spread = float(np.sum(parts**2 / dfs))
    return float(parts.sum()) ** 2 / spread if spread > 0 else 0.0


def moments(arms: Sequence[Arm], design: Design, *, paired: bool = False) -> Moments:
    """Moment estimates of a contrast.

    Args:
        arms: one per student.
        design: of the units.
        paired: seed s of all arms shares initialisation and data order; only sums over arms vary then.

    Raises:
        UserError: numbers of units differ, or of seeds where they are paired.
    """
    parts = [arm.scores * arm.weights for arm in arms]  # seeds x units
    for part in parts:
        if part.shape[1] != design.units:
            raise UserError(f"{part.shape[1]} items a seed and {design.units} in the design", code=DATA)
    if paired:
        varying = [part for part, arm in zip(parts, arms, strict=True) if not arm.fixed]
        if len({len(part) for part in varying}) > 1:
            numbers = " and ".join(str(len(part)) for part in varying)
            raise UserError(f"paired seeds need the same number of them, got {numbers}", code=DATA)
        given = [part.mean(axis=0, keepdims=True) for part, arm in zip(parts, arms, strict=True) if arm.fixed]
        parts, fixed = [sum(varying), *given], [False] + [True] * len(given)  # type: ignore[list-item]
    else:
        fixed = [arm.fixed for arm in arms]
    unit_sums = np.sum([part.mean(axis=0) for part in parts], axis=0)
    totals = cluster_totals(unit_sums[None, :], design)[0]
    blocks = np.bincount(design.block, weights=totals**2, minlength=design.per_block.size)
    seeds, seeds_df, residual = [], [], 0.0
    for part, is_fixed in zip(parts, fixed, strict=True):
        count = len(part)
        if is_fixed or count < 2:
            continue
        seeds.append(float(part.sum(axis=1).var(ddof=1)) / count)
        seeds_df.append(count - 1.0)
        within = cluster_totals(part, design)
        residual += float(np.sum((within - within.mean(axis=0)) ** 2)) / (count * (count - 1))
    # one cluster in a block has no degree of freedom; `problem_of` keeps such a design from a test
    df = np.maximum(design.per_block - 1, 1).astype(np.float64)
    return Moments(
        float(unit_sums.sum()),
        np.array(seeds),
        np.array(seeds_df),
        np.asarray(blocks, dtype=np.float64),
        df,
        residual,
    )


def cluster_totals(values: Floats, design: Design) -> Floats:
    """Z of each row (seeds x units): centred within strata, scaled by sqrt(G/(G-1)), summed by cluster."""
    factors = np.sqrt(design.per_stratum / np.maximum(design.per_stratum - 1, 1))
    if design.per_stratum.size == 1:
        centred = (values - values.mean(axis=1, keepdims=True)) * factors[0]
    else:
        sizes = np.bincount(design.strata)
        means = np.stack([np.bincount(design.strata, weights=row) / sizes for row in values])
        centred = (values - means[:, design.strata]) * factors[design.strata]
    if not design.clustered:
        return np.asarray(centred[:, np.argsort(design.clusters)] if not design.plain else centred)
    return np.stack(
        [np.bincount(design.clusters, weights=row, minlength=design.cluster_count) for row in centred]
    )


def covariance(first: Sequence[Arm], second: Sequence[Arm], design: Design, *, paired: bool = False) -> float:
    """Covariance of two contrasts of the same students over the same units, from the same three parts.

    cov(L, M) = (V(L + M) - V(L - M)) / 4, before the floor; clipped so that the correlation lies within +-1.
    """
    variances = []
    for sign in (1.0, -1.0):
        mixed = [a.weighted(a.weights + sign * b.weights) for a, b in zip(first, second, strict=True)]
        m = moments(mixed, design, paired=paired)
        variances.append(float(m.seeds.sum()) + float(m.clusters.sum()) - m.residual)
    limit = math.sqrt(
        moments(first, design, paired=paired).variance * moments(second, design, paired=paired).variance
    )
    return float(np.clip((variances[0] - variances[1]) / 4, -limit, limit))


def problem_of(design: Design) -> str:
    """Why no test is possible in this design; empty where one is."""
    if design.cluster_count == 1:
        return "one cluster: no standard error" if design.units > 1 else "one item: no standard error"
    if int(design.per_stratum.min()) < 2:
        return "a stratum has one item: no standard error"
    if design.clustered and design.cluster_count < MIN_CLUSTERS:
        return f"{design.cluster_count} clusters: descriptive only, a test needs at least {MIN_CLUSTERS}"
    return ""


def contrast_test(
    arms: Sequence[Arm], design: Design, confidence: float = 0.95, *, paired: bool = False, method: str = ""
) -> tuple[DifferenceTest, Moments]:
    """Two-sided t test and interval of a contrast, with its moments.

    Args:
        arms: one per student.
        design: of the units.
        confidence: of the interval.
        paired: see `moments`.
        method: the procedure in words; made from the design when empty.
    """
    found = moments(arms, design, paired=paired)
    name = method or method_of(arms, design, paired)
    problem = problem_of(design)
    if problem:
        few = "descriptive" in problem and found.variance > NOISE
        error, df = (math.sqrt(found.variance), found.df) if few else (None, None)
        return no_test(found.estimate, name, problem, standard_error=error, df=df), found
    note = SAME_ACCURACY if found.seeds.size and not found.seeds.sum() > 0 else ""
    return t_test(found.estimate, found.variance, found.df, confidence, name, note), found


def method_of(arms: Sequence[Arm], design: Design, paired: bool) -> str:
    """The procedure in words."""
    seeds = any(len(arm.scores) > 1 and not arm.fixed for arm in arms)
    units = f"{design.cluster_count} clusters" if design.clustered else "items"
    strata = f", {design.per_stratum.size} fixed strata" if design.per_stratum.size > 1 else ""
    if seeds:
        pairs = " on seed-paired differences" if paired else ""
        return f"two-way crossed (seeds x {units}){pairs}{strata}, Banerjee t"
    if design.clustered:
        return f"cluster t, {design.cluster_count} clusters{strata}"
    return f"item mean over {design.per_stratum.size} fixed strata" if strata else "paired t"
