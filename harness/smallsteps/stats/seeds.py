"""Method A against method B over training seeds: items and seeds both vary, and both are counted.

Model: y[s, i], items shared by all seeds and both methods, seeds independent. The variance of the difference
of means follows from the two-way crossed layout by the method of moments, df by Satterthwaite.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.errors import DATA, UserError
from smallsteps.stats.model import Floats, as_scores
from smallsteps.stats.students_t import DifferenceTest, no_test, t_quantile, t_test

ONE_SEED = "1 seed: no method-level claim"


@dataclass(frozen=True, slots=True)
class VarianceParts:
    """Parts of the variance of the difference; they add up to `total`.

    Attributes:
        seeds: between training seeds; shrinks with more seeds only.
        items: between items; shrinks with more items only.
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
class SeedComparison:
    """Method-level comparison.

    Attributes:
        test: difference, t test and interval; no p-value with one seed.
        parts: where the variance comes from; None with one seed.
        seeds_a: seeds of A.
        seeds_b: seeds of B.
        items: items per seed.
        buy: which part of the variance is larger, and so what to buy more of; None if nothing varies.
        error_more_seeds: expected standard error with one more seed per method.
        error_more_items: expected standard error with twice the items.
    """

    test: DifferenceTest
    parts: VarianceParts | None
    seeds_a: int
    seeds_b: int
    items: int
    buy: Literal["seeds", "items"] | None = None
    error_more_seeds: float | None = None
    error_more_items: float | None = None


def _residual_mean_square(y: Floats) -> float:
    seeds, items = y.shape
    residual = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0, keepdims=True) + y.mean()
    return float(np.sum(residual * residual) / ((seeds - 1) * (items - 1)))


def _from_moments(
    estimate: float,
    arms: list[Floats],
    item_means: Floats,
    confidence: float,
    method: str,
) -> tuple[DifferenceTest, VarianceParts, float, float]:
    """Test and variance parts from the seeds x items matrices and the item differences of means."""
    items = item_means.size
    seed_parts = [float(arm.mean(axis=1).var(ddof=1)) / arm.shape[0] for arm in arms]
    residual_parts = [_residual_mean_square(arm) / arm.size for arm in arms]
    item_part = float(item_means.var(ddof=1)) / items
    seed_part, residual_part = sum(seed_parts), sum(residual_parts)
    # both parts hold the residual once; the floor keeps the estimate from falling under either of them
    variance = max(seed_part + item_part - residual_part, seed_part, item_part)
    spread = sum(part**2 / (arm.shape[0] - 1) for part, arm in zip(seed_parts, arms, strict=True))
    spread += item_part**2 / (items - 1)
    df = variance**2 / spread if spread > 0 else 0.0
    pure_seeds, pure_items = max(0.0, seed_part - residual_part), max(0.0, item_part - residual_part)
    parts = VarianceParts(pure_seeds, pure_items, max(0.0, variance - pure_seeds - pure_items))
    growth = sum(arm.shape[0] for arm in arms) / len(arms)
    more_seeds = math.sqrt(parts.items + (parts.seeds + parts.residual) * growth / (growth + 1))
    more_items = math.sqrt(parts.seeds + (parts.items + parts.residual) / 2)
    note = (
        ""
        if seed_part > 0
        else "all seeds of a method gave the same accuracy: check that they are different runs"
    )
    return t_test(estimate, variance, df, confidence, method, note), parts, more_seeds, more_items


def compare_methods(
    a: ArrayLike, b: ArrayLike, confidence: float = 0.95, *, same_seeds: bool = False
) -> SeedComparison:
    """Compare two methods from their score matrices, seeds x items, items in the same order.

    V = s2(acc_A)/S_A + s2(acc_B)/S_B + s2(item differences of seed means)/n
    - MSres_A/(n S_A) - MSres_B/(n S_B), floored at the larger of its seed and item parts.

    Args:
        a: scores of method A, one row a seed.
        b: scores of method B.
        confidence: level of the interval.
        same_seeds: rows of A and B share initialisation and data order, so that row s of both is a pair.

    Raises:
        UserError: item counts differ; or seeds are paired and their numbers differ.
    """
    first, second = as_scores(a, "A", ndim=2), as_scores(b, "B", ndim=2)
    if first.shape[1] != second.shape[1]:
        raise UserError(
            f"A has {first.shape[1]} items a seed and B has {second.shape[1]}: "
            "both must be graded on the same items",
            code=DATA,
        )
    seeds_a, seeds_b, items = first.shape[0], second.shape[0], first.shape[1]
    estimate = float(first.mean() - second.mean())
    method = "two-way crossed (seeds x items), Satterthwaite t"
    if min(seeds_a, seeds_b) == 1:
        return SeedComparison(no_test(estimate, method, ONE_SEED), None, seeds_a, seeds_b, items)
    if items == 1:
        note = "one item: no claim about items"
        return SeedComparison(no_test(estimate, method, note), None, seeds_a, seeds_b, items)
    if same_seeds:
        if seeds_a != seeds_b:
            raise UserError(
                f"paired seeds need the same number of them, got {seeds_a} and {seeds_b}", code=DATA
            )
        arms = [first - second]
        item_means = arms[0].mean(axis=0)
        method = "two-way crossed on seed-paired differences, Satterthwaite t"
    else:
        arms = [first, second]
        item_means = first.mean(axis=0) - second.mean(axis=0)
    test, parts, more_seeds, more_items = _from_moments(estimate, arms, item_means, confidence, method)
    buy: Literal["seeds", "items"] | None = None
    if parts.total > 0:
        buy = "seeds" if parts.seeds >= parts.items else "items"
    return SeedComparison(test, parts, seeds_a, seeds_b, items, buy, more_seeds, more_items)


def smallest_permutation_p(seeds_a: int, seeds_b: int, *, same_seeds: bool = False) -> float:
    """Smallest two-sided p that permuting seeds can reach: 2/C(S_A+S_B, S_A), or 2/2^S for paired seeds."""
    return min(1.0, 2 / (2**seeds_a if same_seeds else math.comb(seeds_a + seeds_b, seeds_a)))


def seed_permutation(a: ArrayLike, b: ArrayLike) -> float:
    """Exact two-sided permutation p over seed-level accuracies; ties count.

    Raises:
        UserError: more than 20 seeds in all (the enumeration would be long; use the t test).
    """
    first, second = as_scores(a, "A"), as_scores(b, "B")
    pooled = np.concatenate([first, second])
    if pooled.size > 20:
        raise UserError("permuting more than 20 seeds is not enumerated: use the t test")
    total, size = float(pooled.sum()), first.size
    observed = abs(float(first.mean() - second.mean()))
    hits = count = 0
    for chosen in itertools.combinations(range(pooled.size), size):
        part = float(pooled[list(chosen)].sum())
        hits += abs(part / size - (total - part) / (pooled.size - size)) >= observed - 1e-12
        count += 1
    return hits / count


def seed_sd_that_erases(
    difference: float, item_error: float, items: int, confidence: float = 0.95
) -> float | None:
    """With one seed each: the sd between seeds at which the difference would no longer be significant.

    sigma* = sqrt((d^2/t^2 - SE_item^2)/2); None if it is not significant even between these checkpoints.
    """
    if items < 2:
        return None
    left = (difference / t_quantile(confidence, items - 1)) ** 2 - item_error**2
    return math.sqrt(left / 2) if left > 0 else None
