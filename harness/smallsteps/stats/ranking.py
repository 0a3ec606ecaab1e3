"""Ranks with their uncertainty: rank intervals, and letters for groups that cannot be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smallsteps.stats.model import Floats

Decisions = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class RankInterval:
    """Ranks a system may have, 1 the best: 1 + surely better ones ... k - surely worse ones."""

    low: int
    high: int


def rank_intervals(better: Decisions) -> tuple[RankInterval, ...]:
    """Rank intervals from a k x k matrix, better[i, j] true if i is significantly better than j.

    The decisions must control the family-wise error (Holm, or simultaneous intervals) for all intervals to
    hold together (Mogstad, Romano, Shaikh and Wilhelm 2024).
    """
    k = better.shape[0]
    worse_than = better.sum(axis=0)
    better_than = better.sum(axis=1)
    return tuple(RankInterval(1 + int(worse_than[i]), k - int(better_than[i])) for i in range(k))


def compact_letters(different: Decisions, scores: Floats) -> tuple[str, ...]:
    """Letters such that two systems share one if and only if they are not significantly different.

    Insert-and-absorb (Piepho 2004). Letters are handed out from the best score down; a shared letter means
    "not distinguishable", not "equal". After z come (aa), (ab), ...: no name reads as two.

    Args:
        different: symmetric k x k decisions.
        scores: one per system, for the order of the letters.
    """
    k = different.shape[0]
    order = sorted(range(k), key=lambda i: (-scores[i], i))
    columns: list[int] = [(1 << k) - 1]  # bit sets of positions in `order`
    for p in range(k):
        for q in range(p + 1, k):
            if not different[order[p], order[q]]:
                continue
            pair = (1 << p) | (1 << q)
            split = [column for column in columns if column & pair == pair]
            if not split:
                continue
            kept = [column for column in columns if column & pair != pair]
            fresh = {column & ~(1 << bit) for column in split for bit in (p, q)}
            columns = _absorb(kept, fresh)
    columns.sort(key=lambda column: tuple(bit for bit in range(k) if column >> bit & 1))
    names = [_letters(index) for index in range(len(columns))]
    letters = [""] * k
    for position, system in enumerate(order):
        letters[system] = "".join(
            name for name, column in zip(names, columns, strict=True) if column >> position & 1
        )
    return tuple(letters)


def _absorb(kept: list[int], fresh: set[int]) -> list[int]:
    """Drop new columns that are contained in another one; the kept ones are maximal already."""
    result = list(kept)
    for column in sorted(fresh, key=lambda bits: (-bits.bit_count(), bits)):
        if not any(column & other == column for other in result):
            result.append(column)
    return result


def _letters(index: int) -> str:
    name = ""
    index += 1
    while index:
        index, digit = divmod(index - 1, 26)
        name = chr(97 + digit) + name
    return name if len(name) == 1 else f"({name})"
