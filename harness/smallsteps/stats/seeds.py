"""Method A against method B over training seeds: items and seeds both vary, and both are counted.

The test itself is that of every contrast, see `smallsteps.stats.crossed`. Here: what to buy more of, and how
noisy training would have to be to erase a difference of two checkpoints.
"""

from __future__ import annotations

import math
from typing import Literal

from smallsteps.stats.crossed import VarianceParts
from smallsteps.stats.students_t import t_quantile

ONE_SEED = "1 seed: no method-level claim"


def what_to_buy(parts: VarianceParts) -> Literal["seeds", "items"] | None:
    """Which of the two would lower the variance more; None if nothing varies."""
    if parts.seeds == parts.items == 0:
        return None
    return "seeds" if parts.seeds >= parts.items else "items"


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
