"""Method A against method B over training seeds: items and seeds both vary, and both are counted.

The test itself is that of every contrast, see `smallsteps.stats.crossed`. Here: what to buy more of, what
permuting seeds can reach, and how noisy training would have to be to erase a difference of two checkpoints.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.errors import UserError
from smallsteps.stats.crossed import VarianceParts
from smallsteps.stats.model import as_scores
from smallsteps.stats.students_t import t_quantile

ONE_SEED = "1 seed: no method-level claim"


def what_to_buy(parts: VarianceParts) -> Literal["seeds", "items"] | None:
    """Which of the two would lower the variance more; None if nothing varies."""
    if parts.seeds == parts.items == 0:
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
