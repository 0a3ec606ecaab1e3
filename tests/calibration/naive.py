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


def loss_passes_without_seeds(new: np.ndarray, old: np.ndarray, strata: np.ndarray, margin: float) -> bool:
    """A trade-off that averages seeds first and counts items alone; scores are seeds x items."""
    d = new.mean(axis=0) - old.mean(axis=0)
    parts = [d[strata == s] for s in np.unique(strata)]
    error = math.sqrt(sum(part.size**2 * float(part.var(ddof=1)) / part.size for part in parts)) / d.size
    return bool(error > 0 and (d.mean() + margin) / error > 1.6449)


def mean_of_tasks_is_independent(a: list[np.ndarray], b: list[np.ndarray]) -> float:
    """A mean over tasks whose errors are added as if seeds were not shared, with a normal quantile."""
    total = variance = 0.0
    for x, y in zip(a, b, strict=True):  # seeds x items
        d = x.mean(axis=0) - y.mean(axis=0)
        seeds = float(x.mean(axis=1).var(ddof=1)) / len(x) + float(y.mean(axis=1).var(ddof=1)) / len(y)
        rest = sum(
            float(((z - z.mean(0) - z.mean(1)[:, None] + z.mean()) ** 2).sum())
            / ((len(z) - 1) * (z.shape[1] - 1) * z.size)
            for z in (x, y)
        )
        items = float(d.var(ddof=1)) / d.size
        total, variance = total + float(d.mean()), variance + max(seeds + items - rest, seeds, items)
    return two_sided(total / math.sqrt(variance)) if variance else 1.0


def pairs_without_clusters(scores: np.ndarray) -> float:
    """Smallest Bonferroni-corrected McNemar p over pairs of students x items, clusters forgotten."""
    k = len(scores)
    smallest = 1.0
    for i in range(k):
        for j in range(i + 1, k):
            b, c = int((scores[i] > scores[j]).sum()), int((scores[i] < scores[j]).sum())
            smallest = min(smallest, 2 * float(special.bdtr(min(b, c), b + c, 0.5)) if b + c else 1.0)
    return min(1.0, smallest * k * (k - 1) / 2)


def better_on_some_task(scores: np.ndarray) -> bool:
    """Partial conjunction, one-sided and pair by pair, on students x tasks x items: outside any family."""
    k, tasks, _ = scores.shape
    for i in range(k):
        for j in range(k):
            up = (scores[i] > scores[j]).sum(axis=1)
            m = up + (scores[i] < scores[j]).sum(axis=1)
            if i != j and tasks * float(special.bdtrc(up - 1, m, 0.5)[up > 0].min(initial=1.0)) <= 0.05:
                return True
    return False


def seeds_without_clusters(a: np.ndarray, b: np.ndarray) -> float:
    """A method-level test whose items are taken for independent."""
    return mean_of_tasks_is_independent([a], [b])
