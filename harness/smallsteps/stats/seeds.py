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

from smallsteps.errors import UserError
from smallsteps.stats.crossed import Design, VarianceParts, contrast_test, difference_arms
from smallsteps.stats.model import as_scores
from smallsteps.stats.students_t import DifferenceTest, no_test, t_quantile

ONE_SEED = "1 seed: no method-level claim"


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
    """

    test: DifferenceTest
    parts: VarianceParts | None
    seeds_a: int
    seeds_b: int
    items: int
    buy: Literal["seeds", "items"] | None = None


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
    arms = difference_arms(a, b)
    seeds_a, seeds_b, items = len(arms[0].scores), len(arms[1].scores), arms[0].scores.shape[1]
    method = "two-way crossed (seeds x items), Banerjee t"
    if min(seeds_a, seeds_b) == 1 or items == 1:
        estimate = float(arms[0].scores.mean() - arms[1].scores.mean())
        note = ONE_SEED if min(seeds_a, seeds_b) == 1 else "one item: no claim about items"
        return SeedComparison(no_test(estimate, method, note), None, seeds_a, seeds_b, items)
    test, found = contrast_test(arms, Design.of(items), confidence, paired=same_seeds)
    parts = found.parts()
    return SeedComparison(test, parts, seeds_a, seeds_b, items, what_to_buy(parts))


def what_to_buy(parts: VarianceParts) -> Literal["seeds", "items"] | None:
    """Which of the two would lower the variance more; None if nothing varies."""
    if parts.total <= 0:
        return None
    return "seeds" if parts.seeds >= parts.items else "items"


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
    difference: float, item_error: float, df: float, confidence: float = 0.95
) -> float | None:
    """With one seed each: the sd between seeds at which the difference would no longer be significant.

    sigma* = sqrt((d^2/t^2 - SE_item^2)/2); None if it is not significant even between these checkpoints.

    Args:
        difference: A minus B.
        item_error: standard error over items or clusters.
        df: its degrees of freedom.
        confidence: 1 less the level of the test.
    """
    left = (difference / t_quantile(confidence, df)) ** 2 - item_error**2
    return math.sqrt(left / 2) if left > 0 else None
