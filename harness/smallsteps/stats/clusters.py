"""Items that come in clusters (passages, templates, families): clusters are the units that vary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.stats.model import as_scores, grouped
from smallsteps.stats.partial import SignFlip, sign_flip
from smallsteps.stats.students_t import NOISE, DifferenceTest, no_test, t_test

MIN_CLUSTERS = 6


@dataclass(frozen=True, slots=True)
class ClusterComparison:
    """A difference tested with clusters as the units that vary.

    Attributes:
        test: cluster t with G - 1 degrees of freedom; descriptive only under 6 clusters.
        sign_flip: sign-flip permutation by whole clusters; None under 6 clusters.
        clusters: G.
        items: n.
        icc: intraclass correlation of the differences (one-way ANOVA estimator); None if undefined.
        design_effect: 1 + (m - 1) ICC with m = sum m_g^2 / n, at least 1/n; None if undefined.
        effective_items: n / design effect.
    """

    test: DifferenceTest
    sign_flip: SignFlip | None
    clusters: int
    items: int
    icc: float | None
    design_effect: float | None
    effective_items: float | None


def intraclass_correlation(differences: ArrayLike, labels: Sequence[object]) -> float | None:
    """One-way ANOVA estimator of the ICC; None with one cluster, all singletons, or no variation."""
    d = as_scores(differences, "differences")
    sums, sizes = grouped(d, labels)
    groups, n = sums.size, d.size
    if groups < 2 or groups == n:
        return None
    means = sums / sizes
    between = float(np.sum(sizes * (means - d.mean()) ** 2)) / (groups - 1)
    within = float(np.sum(d * d) - np.sum(sizes * means**2)) / (n - groups)
    typical = (n - float(np.sum(sizes**2)) / n) / (groups - 1)
    spread = between + (typical - 1) * within
    return (between - within) / spread if spread > 1e-15 else None


def cluster_t(
    differences: ArrayLike, labels: Sequence[object], confidence: float = 0.95
) -> ClusterComparison:
    """Cluster-robust t of the mean difference over items.

    S_g = sum of (d_i - mean) in cluster g; SE = sqrt(G/(G-1) sum S_g^2)/n; t with G - 1 degrees of freedom
    (Miller 2024, appendix, with the finite-cluster factor). Sign-flip permutation flips whole clusters.
    """
    d = as_scores(differences, "differences")
    sums, sizes = grouped(d, labels)
    groups, n, estimate = int(sums.size), int(d.size), float(d.mean())
    method = f"cluster t, {groups} clusters"
    icc = intraclass_correlation(d, labels)
    design = None if icc is None else max(1 / n, 1 + (float(np.sum(sizes**2)) / n - 1) * icc)
    effective = None if design is None else n / design
    if groups == 1:
        test = no_test(estimate, method, "one cluster: no standard error")
        return ClusterComparison(test, None, groups, n, icc, design, effective)
    centred = sums - sizes * estimate
    variance = groups / (groups - 1) * float(np.sum(centred**2)) / n**2
    if groups < MIN_CLUSTERS:
        error = math.sqrt(variance) if variance > NOISE else None
        note = f"{groups} clusters: descriptive only, a test needs at least {MIN_CLUSTERS}"
        test = no_test(estimate, method, note, standard_error=error, df=groups - 1)
        return ClusterComparison(test, None, groups, n, icc, design, effective)
    test = t_test(estimate, variance, groups - 1, confidence, method)
    return ClusterComparison(test, sign_flip(sums), groups, n, icc, design, effective)
