"""Items that come in clusters (passages, templates, families): clusters are the units that vary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.stats.crossed import Arm, Design, contrast_test
from smallsteps.stats.model import Ints, as_scores, grouped
from smallsteps.stats.partial import SignFlip, sign_flip
from smallsteps.stats.students_t import DifferenceTest


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


def intraclass_correlation(differences: ArrayLike, labels: Sequence[object] | Ints) -> float | None:
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


def design_effect(
    differences: ArrayLike, labels: Sequence[object] | Ints
) -> tuple[float | None, float | None]:
    """(ICC, design effect 1 + (m - 1) ICC with m = sum m_g^2 / n, at least 1/n); None where undefined."""
    d = as_scores(differences, "differences")
    icc = intraclass_correlation(d, labels)
    if icc is None:
        return None, None
    _, sizes = grouped(d, labels)
    return icc, max(1 / d.size, 1 + (float(np.sum(sizes**2)) / d.size - 1) * icc)


def cluster_t(
    differences: ArrayLike, labels: Sequence[object], confidence: float = 0.95
) -> ClusterComparison:
    """Cluster-robust t of the mean difference over items.

    S_g = sum of (d_i - mean) in cluster g; SE = sqrt(G/(G-1) sum S_g^2)/n; t with G - 1 degrees of freedom
    (Miller 2024, appendix, with the finite-cluster factor). Sign-flip permutation flips whole clusters.
    """
    d = as_scores(differences, "differences")
    sums, _ = grouped(d, labels)
    groups, n = int(sums.size), int(d.size)
    icc, design = design_effect(d, labels)
    effective = None if design is None else n / design
    arm = Arm(d[None, :], np.full(n, 1 / n))
    test, _ = contrast_test(
        [arm], Design.of(n, clusters=labels), confidence, method=f"cluster t, {groups} clusters"
    )
    flips = sign_flip(sums) if test.pvalue is not None else None
    return ClusterComparison(test, flips, groups, n, icc, design, effective)
