"""Items that come in clusters (passages, templates, families): clusters are the units that vary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.stats.model import Ints, as_scores, grouped


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
