"""Keys and values of earlier rows that the next turn of a dialogue, or another prompt, begins with.

They are copied into the rows that take them over, for any model and in batches of any mix.

What would replace it: paged keys and values, of which rows hold numbers of blocks (the prefix caches of vLLM
and SGLang; transformers' continuous batching has none for CPUs).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from smallsteps.engines.fast.cache import Layers, States, in_order, states_of
from smallsteps.engines.fast.sharing import common_length

SHORTEST = 8  # tokens; gathering less than this costs more than computing it


@dataclass(frozen=True, slots=True)
class Match:
    """The first `length` tokens of a new prompt are remembered from number `start` on."""

    start: int
    length: int


@dataclass(slots=True)
class Prefixes:
    """Rows that were read, up to `limit` bytes; what does not fit is computed again."""

    limit: int
    used: int = 0
    _rows: list[tuple[tuple[int, ...], int]] = field(default_factory=list)  # tokens, number of the first
    _parts: list[States] = field(default_factory=list)  # (slots, heads, dim), row after row
    _slots: list[torch.Tensor] = field(default_factory=list)  # of the tokens, in all parts laid end to end
    _taken: tuple[int, int] = (0, 0)  # tokens and slots

    def add(
        self, tokens: Sequence[tuple[int, ...]], cache: Layers, rows: Sequence[int], mask: torch.Tensor
    ) -> None:
        """Remember `rows` of a cache whose slots hold `tokens`, and maybe more, where `mask` is set.

        Args:
            mask: (rows of the cache, slots).
        """
        size = mask.shape[1] * sum(2 * layer.keys[0, :, :1].nbytes for layer in cache.layers)
        room = min(len(rows), (self.limit - self.used) // max(size, 1))
        if room <= 0:
            return
        index = torch.tensor(list(rows[:room]), device=mask.device)
        valid = mask.index_select(0, index)
        count, slots = self._taken
        for ids, held in zip(tokens, valid.sum(1).tolist(), strict=False):
            self._rows.append((ids, count))
            count += held
        self._parts.append(states_of(cache, index))
        self._slots.append(valid.flatten().nonzero()[:, 0] + slots)
        self._taken = count, slots + valid.numel()
        self.used += room * size

    def __len__(self) -> int:
        return len(self._rows)

    def matcher(self) -> Matcher:
        """The remembered rows, ready to be searched; the memory itself is emptied."""
        found = Matcher(sorted(self._rows), self._parts, self._slots)
        self._rows, self._parts, self._slots, self._taken, self.used = [], [], [], (0, 0), 0
        return found


class Matcher:
    """Longest common prefixes with remembered rows: in sorted order the best one is a neighbour."""

    def __init__(
        self, rows: list[tuple[tuple[int, ...], int]], parts: list[States], slots: list[torch.Tensor]
    ) -> None:
        """Rows in sorted order; parts and slots as in `Prefixes`."""
        self._rows = rows
        self._slots = torch.cat(slots) if slots else torch.empty(0)
        self._store: States = [
            (torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer]))
            for layer in zip(*parts, strict=True)
        ]

    def find(self, tokens: tuple[int, ...]) -> Match | None:
        """The remembered row that shares most with `tokens`; at least one token is left to compute."""
        place = bisect_left(self._rows, tokens, key=lambda row: row[0])
        best: Match | None = None
        for ids, start in self._rows[max(place - 1, 0) : place + 1]:
            shared = min(common_length(ids, tokens), len(tokens) - 1)
            if shared >= SHORTEST and (best is None or shared > best.length):
                best = Match(start, shared)
        return best

    def gather(self, matches: Sequence[Match | None], slots: int, capacity: int) -> States:
        """Buffers of (rows, heads, capacity, dim), in which each match ends at slot `slots`.

        Elsewhere they hold copies of other tokens, which a mask has to hide.
        """
        device = self._slots.device
        starts = torch.tensor([m.start if m else 0 for m in matches], device=device)[:, None]
        lengths = torch.tensor([m.length if m else 1 for m in matches], device=device)[:, None]
        places = torch.arange(capacity, device=device) - (slots - lengths)
        index = self._slots[starts + torch.minimum(places.clamp_(min=0), lengths - 1)].flatten()

        def rows(part: torch.Tensor) -> torch.Tensor:
            chosen = part.index_select(0, index).view(len(matches), capacity, *part.shape[1:])
            return in_order(chosen.transpose(1, 2))

        return [(rows(keys), rows(values)) for keys, values in self._store]
