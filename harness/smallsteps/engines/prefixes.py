"""Keys and values of the last call's rows, which the next turn of a dialogue begins with."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from smallsteps.engines.cache import Layers, buffer, layers_of

SHORTEST = 8  # tokens; gathering less than this costs more than computing it
States = list[tuple[torch.Tensor, torch.Tensor]]  # keys and values, layer by layer


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows that finished together: layers of (rows, heads, slots, dim), and which slots hold tokens."""

    layers: States
    valid: torch.Tensor


@dataclass(frozen=True, slots=True)
class Match:
    """A row of a block whose first `length` tokens are those of a new prompt."""

    block: Block
    row: int
    length: int


@dataclass(slots=True)
class Prefixes:
    """Finished rows of one call, up to `limit` bytes; what does not fit is computed again."""

    limit: int
    used: int = 0
    _rows: list[tuple[tuple[int, ...], Block, int]] = field(default_factory=list)

    def add(
        self, tokens: Sequence[tuple[int, ...]], cache: Layers, rows: Sequence[int], mask: torch.Tensor
    ) -> None:
        """Remember `rows` of a cache whose slots hold `tokens` where `mask` (rows, slots) is set."""
        size = sum(2 * layer.keys[0, :, :1].nbytes for layer in cache.layers) * mask.shape[1]
        room = min(len(rows), (self.limit - self.used) // max(size, 1))
        if room <= 0:
            return
        index = torch.tensor(list(rows[:room]), device=mask.device)
        block = Block(layers_of(cache, index), mask.index_select(0, index))
        self.used += room * size
        self._rows += [(tokens[i], block, i) for i in range(room)]

    def matcher(self) -> Matcher:
        """What was remembered, ready to be searched; the memory itself starts anew."""
        found = Matcher(sorted(self._rows, key=lambda row: row[0]))
        self._rows, self.used = [], 0
        return found


class Matcher:
    """Longest common prefixes with remembered rows: in sorted order the best one is a neighbour."""

    def __init__(self, rows: list[tuple[tuple[int, ...], Block, int]]) -> None:
        self._rows = rows
        self._keys = [row[0] for row in rows]

    def find(self, tokens: tuple[int, ...]) -> Match | None:
        """The remembered row that shares most with `tokens`; at least one token is left to compute."""
        place = bisect_left(self._keys, tokens)
        best: Match | None = None
        for i in (place - 1, place):
            if 0 <= i < len(self._rows):
                shared = min(_common(self._keys[i], tokens), len(tokens) - 1)
                if shared >= SHORTEST and (best is None or shared > best.length):
                    best = Match(self._rows[i][1], self._rows[i][2], shared)
        return best


def _common(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return size
    low, high = 0, size  # a[:low] == b[:low] always holds
    while low < high - 1:
        middle = (low + high) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle
    return low


def gather(matches: Sequence[Match | None], slots: int, capacity: int) -> States | None:
    """Buffers of (rows, heads, capacity, dim), in which each match ends at slot `slots`."""
    blocks: dict[int, list[int]] = {}
    for i, match in enumerate(matches):
        if match is not None:
            blocks.setdefault(id(match.block), []).append(i)
    result: States = []
    for rows in blocks.values():
        found = [m for i in rows if (m := matches[i]) is not None]
        block = found[0].block
        device = block.valid.device
        source = torch.tensor([m.row for m in found], device=device)
        # the slots that hold tokens, in order: a stable sort puts them before the empty ones
        order = torch.sort((~block.valid[source]).to(torch.uint8), dim=1, stable=True).indices
        lengths = torch.tensor([m.length for m in found], device=device)
        wanted = torch.arange(slots, device=device)[None] - (slots - lengths)[:, None]
        index = order.gather(1, wanted.clamp(0, order.shape[1] - 1))
        target = torch.tensor(rows, device=device)
        for depth, (keys, values) in enumerate(block.layers):
            if depth == len(result):
                result.append(
                    (_zeros(keys, matches, slots, capacity), _zeros(values, matches, slots, capacity))
                )
            for into, part in zip(result[depth], (keys, values), strict=True):
                into[target, :, :slots] = part[source[:, None], :, index].transpose(1, 2)
    return result or None


def _zeros(like: torch.Tensor, matches: Sequence[Match | None], slots: int, capacity: int) -> torch.Tensor:
    """A buffer that is zero where no match will be copied to."""
    zeros = buffer(like, len(matches), capacity)
    zeros[:, :, slots:].zero_()
    if None in matches:
        zeros.zero_()
    return zeros
