"""Several tests at once: adjusted p-values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smallsteps.errors import UserError
from smallsteps.stats.model import Floats


def _checked(pvalues: Sequence[float] | Floats) -> Floats:
    array = np.asarray(pvalues, dtype=np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():  # a NaN fails both comparisons
        raise UserError("p-values must be a list of numbers between 0 and 1")
    return array


def holm_array(pvalues: Sequence[float] | Floats) -> Floats:
    """Holm's step-down adjustment (Holm 1979) as an array in the order given. Valid under any dependence."""
    array = _checked(pvalues)
    order = np.argsort(array, kind="stable")
    factors = array.size - np.arange(array.size)
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * array[order]))
    return adjusted


def holm(pvalues: Sequence[float] | Floats) -> list[float]:
    """Holm's adjusted p-values in the order given; controls the family-wise error under any dependence."""
    return [float(p) for p in holm_array(pvalues)]
