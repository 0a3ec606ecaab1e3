"""The examples of each optimiser step: length-bucketed, within a token budget, planned in advance.

The order is a function of lengths, budget, duration and seed alone. So a resumed training reads exactly what
an uninterrupted one would, and token counts are known before it starts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smallsteps.errors import UserError

Indices = NDArray[np.int64]
# Rows are padded to a multiple: of few shapes a processor's library makes few kernels (a new one costs oneDNN
# as much time as running it). Of multiples of 8 more would be padding than that saves.
MULTIPLE = 4
PACKED = 256  # the same for the one row of packed examples


@dataclass(frozen=True, slots=True)
class Plan:
    """Example indices of every optimiser step, with the padded tokens each costs."""

    steps: list[Indices]
    padded: NDArray[np.int64]

    def totals(self, per_example: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cumulative sum over the steps, shape (steps,), of a count that each example carries."""
        return np.cumsum([int(per_example[rows].sum()) for rows in self.steps], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Budget:
    """Shares of a training's tokens by format.

    Attributes:
        formats: index of each example's format, shape (examples,).
        shares: of each format, shape (formats,); they are taken relative to their sum.
    """

    formats: NDArray[np.int64]
    shares: NDArray[np.float64]


class _Draws:
    """Examples of each format in shuffled passes, such that every format keeps its share."""

    def __init__(self, budget: Budget, tokens: NDArray[np.int64], generator: np.random.Generator) -> None:
        self.tokens, self.generator = tokens, generator
        self.pools = [np.flatnonzero(budget.formats == index) for index in range(len(budget.shares))]
        self.shares = budget.shares / budget.shares.sum()
        self.left: list[list[int]] = [[] for _ in self.pools]
        self.owed = np.zeros(len(self.pools))  # tokens by which a format is behind its share

    def epoch(self, part: float) -> Indices:
        """The examples of (a part of) an epoch, shuffled."""
        self.owed += part * self.shares * int(self.tokens.sum())
        drawn: list[int] = []
        for index, pool in enumerate(self.pools):
            while self.owed[index] > 0:
                if not self.left[index]:
                    self.left[index] = self.generator.permutation(pool).tolist()
                chosen = self.left[index].pop()
                drawn.append(chosen)
                self.owed[index] -= self.tokens[chosen]
        return self.generator.permutation(np.array(drawn, dtype=np.int64))


def plan(
    lengths: NDArray[np.int64],
    source_lengths: NDArray[np.int64],
    *,
    batch_tokens: int,
    steps: int | None,
    epochs: float | None,
    seed: int,
    budget: Budget | None = None,
    packed: bool = False,
) -> Plan:
    """Lay out a training.

    Each epoch is shuffled, sorted by length (equal lengths stay shuffled) and cut into batches within the
    budget; the batches are shuffled. What does not fill the last batch of an epoch moves to the next epoch,
    so that only the last step of a training may be small.

    Args:
        lengths: decoder tokens of each example, shape (examples,).
        source_lengths: encoder tokens, zeros for a decoder-only model.
        batch_tokens: largest number of padded tokens, encoder's and decoder's together, of one step.
        steps: stop after so many steps; or
        epochs: after so many passes.
        seed: of every shuffle.
        budget: shares of the tokens by format. An epoch is then as many tokens as all examples have together,
            and a format runs through its examples faster or slower than once.
        packed: examples are laid end to end instead of padded, so that a step holds any lengths: batches are
            cut from the shuffled order as it is.

    Raises:
        UserError: one example alone is over the budget.
    """
    longest = int((lengths + source_lengths).max())
    if longest > batch_tokens:
        raise UserError(
            f"the longest example has {longest} tokens, more than batch_tokens = {batch_tokens}",
            fix=f"raise batch_tokens to at least {longest}",
        )
    generator = np.random.default_rng(np.random.SeedSequence([seed, 0x5355]))
    remaining = math.inf if epochs is None else math.ceil(epochs * len(lengths))
    draws = None if budget is None else _Draws(budget, lengths + source_lengths, generator)
    carried = nothing = np.empty(0, dtype=np.int64)
    planned: list[Indices] = []
    while remaining > 0 and (steps is None or len(planned) < steps):
        part = min(remaining, len(lengths))
        remaining -= part
        if draws is None:
            order = generator.permutation(len(lengths))[: int(part)]
        else:
            order = draws.epoch(part / len(lengths))
        order = np.concatenate([carried, order])
        batches = (
            joined(order, lengths, batch_tokens)
            if packed
            else cut(order, lengths, source_lengths, batch_tokens)
        )
        carried = batches.pop() if remaining > 0 and len(batches) > 1 else nothing
        planned += [batches[i] for i in generator.permutation(len(batches))]
    planned = planned[:steps]
    if packed:
        costs = [packed_width(int(lengths[rows].sum()), batch_tokens) for rows in planned]
    else:
        costs = [cost(rows, lengths, source_lengths) for rows in planned]
    return Plan(planned, np.array(costs, dtype=np.int64))


def width(longest: int, limit: int) -> int:
    """Padded length of rows of which the longest has so many tokens, never more than `limit`."""
    return min(-(-longest // MULTIPLE) * MULTIPLE, limit)


def packed_width(tokens: int, limit: int) -> int:
    """Length of a row of so many packed tokens, filled up; never more than `limit`, if they are not."""
    return max(tokens, min(-(-tokens // PACKED) * PACKED, limit))


def joined(order: Indices, lengths: NDArray[np.int64], batch_tokens: int) -> list[Indices]:
    """Cut an order into runs of at most so many tokens."""
    ends = np.cumsum(lengths[order])
    batches: list[Indices] = []
    start = before = 0
    while start < len(order):
        stop = int(np.searchsorted(ends, before + batch_tokens, side="right"))
        batches.append(order[start:stop])
        start, before = stop, int(ends[stop - 1])
    return batches


def cost(rows: Indices, lengths: NDArray[np.int64], source_lengths: NDArray[np.int64]) -> int:
    """Padded tokens of one batch."""
    return len(rows) * sum(
        width(int(each[rows].max()), int(each.max())) for each in (lengths, source_lengths)
    )


def cut(
    order: Indices, lengths: NDArray[np.int64], source_lengths: NDArray[np.int64], batch_tokens: int
) -> list[Indices]:
    """Cut a shuffled order into batches within the budget, so that little is padding."""
    if not source_lengths.any():
        return _fill(order[np.argsort(lengths[order], kind="stable")], lengths, source_lengths, batch_tokens)
    # Two lengths cannot both be sorted. Sort by source into strips and by target within a strip; the number
    # of strips that wastes least depends on the two spreads, so a few are tried.
    tried = {}
    for strips in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64):
        if strips > max(1, len(order) // 4):
            break
        batches = _fill(
            _strips(order, lengths, source_lengths, strips), lengths, source_lengths, batch_tokens
        )
        tried[strips] = (sum(cost(rows, lengths, source_lengths) for rows in batches), batches)
    return min(tried.items(), key=lambda item: (item[1][0], item[0]))[1][1]


def _strips(
    order: Indices, lengths: NDArray[np.int64], source_lengths: NDArray[np.int64], strips: int
) -> Indices:
    by_source = order[np.argsort(source_lengths[order], kind="stable")]
    parts = []
    for number, strip in enumerate(np.array_split(by_source, strips)):
        part = strip[np.argsort(lengths[strip], kind="stable")]
        parts.append(part if number % 2 == 0 else part[::-1])  # neighbours at a strip's edge stay alike
    return np.concatenate(parts)


def _fill(
    order: Indices, lengths: NDArray[np.int64], source_lengths: NDArray[np.int64], batch_tokens: int
) -> list[Indices]:
    """Greedily cut an order into runs whose padded size stays within the budget."""
    batches: list[Indices] = []
    start = target = source = 0
    most_target, most_source = int(lengths.max()), int(source_lengths.max())
    for position, (length, source_length) in enumerate(
        zip(lengths[order].tolist(), source_lengths[order].tolist(), strict=True)
    ):
        wider_target, wider_source = max(target, length), max(source, source_length)
        padded = width(wider_target, most_target) + width(wider_source, most_source)
        if (position - start + 1) * padded > batch_tokens:
            batches.append(order[start:position])
            start, wider_target, wider_source = position, length, source_length
        target, source = wider_target, wider_source
    batches.append(order[start:])
    return batches
