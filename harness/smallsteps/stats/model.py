"""Plain data shared by the statistics: intervals, paired counts, and the checks on what comes in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smallsteps.errors import DATA, UserError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A closed interval on the scale of what it is an interval for (proportions, not points)."""

    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    def contains(self, value: float) -> bool:
        return self.low <= value <= self.high

    def mirrored(self) -> Interval:
        """The interval of the negated quantity."""
        return Interval(-self.high, -self.low)


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """The four counts that hold all there is to know about two 0/1 runs on the same items.

    Attributes:
        both: items both A and B have right.
        only_a: items only A has right (b in the literature).
        only_b: items only B has right (c).
        neither: items both have wrong.

    Raises:
        UserError: a negative count, or no item at all.
    """

    both: int
    only_a: int
    only_b: int
    neither: int

    def __post_init__(self) -> None:
        cells = (self.both, self.only_a, self.only_b, self.neither)
        if any(int(cell) != cell or cell < 0 for cell in cells):
            raise UserError(f"paired counts must be whole and not negative, got {cells}", code=DATA)
        if not any(cells):
            raise UserError("no items to compare: all four paired counts are 0", code=DATA)

    @property
    def n(self) -> int:
        return self.both + self.only_a + self.only_b + self.neither

    @property
    def discordant(self) -> int:
        """Items that exactly one of the two has right (m)."""
        return self.only_a + self.only_b

    @property
    def difference(self) -> float:
        """Accuracy of A minus accuracy of B."""
        return (self.only_a - self.only_b) / self.n

    @property
    def discordance(self) -> float:
        """Share of discordant items (psi)."""
        return self.discordant / self.n

    @property
    def accuracy_a(self) -> float:
        return (self.both + self.only_a) / self.n

    @property
    def accuracy_b(self) -> float:
        return (self.both + self.only_b) / self.n

    @property
    def standard_error(self) -> float | None:
        """sd(d_i, ddof=1)/sqrt(n) of the item differences (Miller 2024); None for a single item."""
        n, m, net = self.n, self.discordant, self.only_a - self.only_b
        return math.sqrt((m * n - net * net) / (n * n * (n - 1))) if n > 1 else None

    def swapped(self) -> PairedCounts:
        """The same table with A and B exchanged."""
        return PairedCounts(self.both, self.only_b, self.only_a, self.neither)


def as_scores(values: ArrayLike, name: str, *, ndim: int = 1) -> Floats:
    """Finite float scores of the given dimension.

    Raises:
        UserError: wrong dimension, empty, or a NaN or infinite score.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != ndim:
        raise UserError(f"{name}: expected {ndim}-dimensional scores, got shape {array.shape}", code=DATA)
    if array.size == 0:
        raise UserError(f"{name}: no items", code=DATA)
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        raise UserError(
            f"{name}: {bad} of {array.size} scores are missing or not finite",
            fix="give every item a score; a failed generation counts as 0",
            code=DATA,
        )
    return array


def is_binary(values: Floats) -> bool:
    """True if every score is 0 or 1."""
    return bool(((values == 0.0) | (values == 1.0)).all())


def check_confidence(confidence: float) -> float:
    """The confidence level itself, if it is one."""
    if not 0.0 < confidence < 1.0:
        raise UserError(f"confidence must lie strictly between 0 and 1, got {confidence}")
    return confidence


def group_index(labels: Sequence[object] | Ints) -> Ints:
    """Number of each label in the order of first appearance; codes from 0 stay as they are."""
    if isinstance(labels, np.ndarray):
        return labels
    position: dict[object, int] = {}
    return np.array([position.setdefault(label, len(position)) for label in labels], dtype=np.int64)


def grouped(values: Floats, labels: Sequence[object] | Ints) -> tuple[Floats, Ints]:
    """Sum and size of each group, in the order of first appearance.

    Raises:
        UserError: not one label per value.
    """
    if len(labels) != values.size:
        raise UserError(f"{values.size} items but {len(labels)} labels", code=DATA)
    index = group_index(labels)
    sums = np.asarray(np.bincount(index, weights=values), dtype=np.float64)
    return sums, np.bincount(index).astype(np.int64)
