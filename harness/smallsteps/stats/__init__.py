"""Statistics from numpy and scipy alone: no files, no models, the same numbers for the same input."""

from smallsteps.stats.families import holm
from smallsteps.stats.model import Interval, PairedCounts
from smallsteps.stats.paired import (
    cohen_g,
    conditional_odds_ratio,
    exact_bootstrap_interval,
    mcnemar_exact,
    mcnemar_midp,
    paired_counts,
    tango_interval,
)
from smallsteps.stats.proportions import clopper_pearson_interval, wilson_interval

__all__ = [
    "Interval",
    "PairedCounts",
    "clopper_pearson_interval",
    "cohen_g",
    "conditional_odds_ratio",
    "exact_bootstrap_interval",
    "holm",
    "mcnemar_exact",
    "mcnemar_midp",
    "paired_counts",
    "tango_interval",
    "wilson_interval",
]
