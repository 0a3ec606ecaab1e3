"""Several tests at once: adjusted p-values, and "better on at least u of N"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from smallsteps.errors import UserError
from smallsteps.stats.model import Floats


def _checked(pvalues: Sequence[float] | Floats) -> Floats:
    array = np.asarray(pvalues, dtype=np.float64)
    if array.ndim != 1 or not ((array >= 0) & (array <= 1)).all():  # a NaN fails both comparisons
        raise UserError("p-values must be a list of numbers between 0 and 1")
    return array


def bonferroni(pvalues: Sequence[float] | Floats) -> list[float]:
    """p times the number of tests, at most 1."""
    array = _checked(pvalues)
    return [float(p) for p in np.minimum(1.0, array * array.size)]


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


def benjamini_hochberg(pvalues: Sequence[float] | Floats) -> list[float]:
    """Adjusted p-values of Benjamini and Hochberg (1995): exploratory screens, independent or positive."""
    return _step_up(_checked(pvalues), 1.0)


def benjamini_yekutieli(pvalues: Sequence[float] | Floats) -> list[float]:
    """Benjamini and Yekutieli (2001): the false discovery rate under any dependence."""
    array = _checked(pvalues)
    return _step_up(array, float(np.sum(1.0 / np.arange(1, array.size + 1))))


def _step_up(array: Floats, penalty: float) -> list[float]:
    order = np.argsort(array, kind="stable")[::-1]
    factors = penalty * array.size / np.arange(array.size, 0, -1)
    adjusted = np.empty_like(array)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(factors * array[order]))
    return [float(p) for p in adjusted]


@dataclass(frozen=True, slots=True)
class PartialConjunction:
    """ "The effect is there on at least u of N benchmarks" for every u.

    Attributes:
        pvalues: p-value of "at least u of N", at position u - 1.
        count: largest u with a p-value at or below alpha; 0 if none.
        method: how p-values were combined.
    """

    pvalues: tuple[float, ...]
    count: int
    alpha: float
    method: Literal["bonferroni", "fisher"]


def partial_conjunction(
    pvalues: Sequence[float] | Floats,
    alpha: float = 0.05,
    method: Literal["bonferroni", "fisher"] = "bonferroni",
) -> PartialConjunction:
    """On how many benchmarks is it better (Dror et al. 2017, after Benjamini and Heller 2008).

    Args:
        pvalues: one per benchmark, one-sided for "better on".
        method: `bonferroni` holds under any dependence between benchmarks (shared templates, shared training
            data); `fisher` needs independent benchmarks.
    """
    array = np.sort(_checked(pvalues))
    total = array.size
    raw = np.empty(total)
    for u in range(1, total + 1):
        rest = array[u - 1 :]
        if method == "bonferroni":
            raw[u - 1] = (total - u + 1) * rest[0]
        else:
            with np.errstate(divide="ignore"):
                statistic = -2.0 * np.sum(np.log(rest))
            raw[u - 1] = special.chdtrc(2 * rest.size, statistic)
    cumulative = np.minimum(1.0, np.maximum.accumulate(raw))
    count = int(np.count_nonzero(cumulative <= alpha))
    return PartialConjunction(tuple(float(p) for p in cumulative), count, alpha, method)
