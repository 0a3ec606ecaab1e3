"""Procedures that people use and should not: the negative controls of the calibration."""

from __future__ import annotations

import math

import numpy as np
from scipy import special


def two_sided(z: float) -> float:
    """Normal two-sided p-value."""
    return float(2 * special.ndtr(-abs(z)))


def unpaired_z(a: np.ndarray, b: np.ndarray) -> float:
    """Two-proportion z test that forgets the items are the same."""
    error = math.sqrt(a.mean() * (1 - a.mean()) / a.size + b.mean() * (1 - b.mean()) / b.size)
    return two_sided((a.mean() - b.mean()) / error) if error else 1.0


def iid_z(d: np.ndarray) -> float:
    """z test of a mean that takes all values for independent."""
    error = float(d.std(ddof=1)) / math.sqrt(d.size)
    return two_sided(float(d.mean()) / error) if error else 1.0


def cluster_z(sums: np.ndarray, items: int) -> float:
    """Cluster-robust standard error with a normal instead of a t quantile, equal cluster sizes."""
    groups = sums.size
    error = math.sqrt(groups / (groups - 1) * float(np.sum((sums - sums.mean()) ** 2))) / items
    return two_sided(float(sums.sum()) / items / error) if error else 1.0


def cluster_bootstrap_rejects(sums: np.ndarray, rng: np.random.Generator, resamples: int = 400) -> bool:
    """Percentile bootstrap over clusters, equal cluster sizes: 0 outside the 95 % interval."""
    groups = sums.size
    draws = rng.multinomial(groups, np.full(groups, 1 / groups), size=resamples) @ sums
    low, high = np.quantile(draws, [0.025, 0.975])
    return bool(low > 0 or high < 0)


def welch(a: np.ndarray, b: np.ndarray) -> float:
    """Welch's t over seed accuracies: items are taken as fixed."""
    va, vb = float(a.var(ddof=1)) / a.size, float(b.var(ddof=1)) / b.size
    if va + vb == 0:
        return 1.0
    df = (va + vb) ** 2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1))
    return float(2 * special.stdtr(df, -abs(a.mean() - b.mean()) / math.sqrt(va + vb)))


def wald_interval(b: np.ndarray, c: np.ndarray, n: int, z: float) -> tuple[np.ndarray, np.ndarray]:
    """Wald interval of a paired difference."""
    d = (b - c) / n
    half = z * np.sqrt(np.maximum((b + c) / n - d * d, 0) / n)
    return d - half, d + half
