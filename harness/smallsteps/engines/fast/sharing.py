"""Common beginnings of prompts, found by token ids and read once.

Prompts in sorted order that begin alike are neighbours. A run of them has one beginning: the examples of a
task, a subtask's description, the system message of a chat. Where that saves enough, a run is decoded in a
batch of its own whose rows read the beginning where it lies; else, and for models of other kinds, the rows
get copies (`remembered`). An encoder reads in both directions, so that the states of a beginning depend on
what follows: encoder-decoders share whole prompts alone.

What would replace it: automatic prefix caching of a server (vLLM, SGLang) that also runs on CPUs in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import torch

from smallsteps.engines.fast.cache import Layers, States

if TYPE_CHECKING:
    from smallsteps.engines.causal import Forward
    from smallsteps.engines.decode import Row
    from smallsteps.engines.fast.remembered import Prefixes

SHARED = 32  # tokens; prompts that begin with fewer common ones are not worth a forward of their own
LEAST = 128  # tokens not read again, below which a forward for the beginning alone costs more than it saves
STEP = 16  # tokens that take as long to read as one more step of a decoding batch of its own
Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """Distinct prompts whose first `shared` tokens are the same; 0 for prompts that share too little."""

    shared: int
    prompts: list[Tokens]

    @property
    def saved(self) -> int:
        """Tokens that need not be read again."""
        return self.shared * (len(self.prompts) - 1)


def runs(prompts: Iterable[Tokens]) -> Iterator[Run]:
    """The prompts by what they begin with; those that share nothing come last, in one run."""
    ordered = sorted(set(prompts))
    alone: list[Tokens] = []
    run, common = ordered[:1], 0
    for before, after in pairwise(ordered):
        equal = min(common_length(before, after), len(before) - 1, len(after) - 1)
        least = equal if len(run) == 1 else min(common, equal)
        if equal >= SHARED and 2 * least >= common:
            run.append(after)
            common = least
            continue
        if len(run) > 1:
            yield Run(common, run)
        else:
            alone += run
        run, common = [after], 0
    if len(run) > 1:
        yield Run(common, run)
    else:
        alone += run
    if alone:
        yield Run(0, alone)


def common_length(a: Tokens, b: Tokens) -> int:
    """How many tokens two rows have in common before they differ."""
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


class Plan(NamedTuple):
    """How the rows of a call are decoded.

    Attributes:
        together: runs whose rows are decoded apart from all others and read one beginning where it lies.
        others: rows decoded in one batch.
        copied: runs of which `others` take over copies of what they share.
    """

    together: list[tuple[Run, list[Row]]]
    others: Sequence[Row]
    copied: list[Run]


@dataclass(slots=True)
class Sharing:
    """What the rows of one call share, planned and read.

    Attributes:
        forward, device: the model, and where it lives; at_once: most tokens in one forward.
        limit: bytes for what is shared; token_bytes: keys and values of one token.
        computed: tokens read so far.
    """

    forward: Forward
    device: torch.device
    at_once: int
    limit: int
    token_bytes: int
    computed: int = 0

    def plan(self, rows: Sequence[Row], *, apart: bool) -> Plan:
        """The plan: what is worth sharing, and how. Rows stay in the given order.

        Args:
            apart: rows may be decoded apart from the others.
        """
        members: dict[Tokens, list[int]] = {}
        for place, row in enumerate(rows):
            members.setdefault(row.given, []).append(place)
        plan = Plan([], [], [])
        others: list[int] = []
        for run in runs(members):
            places = sorted(place for prompt in run.prompts for place in members[prompt])
            steps = max(rows[place].budget - rows[place].start for place in places)
            fits = run.shared * self.token_bytes <= self.limit
            if apart and fits and self.forward.shares and run.saved >= STEP * steps:
                plan.together.append((run, [rows[place] for place in places]))
                continue
            if fits and run.saved >= LEAST:
                plan.copied.append(run)
            others += places
        return plan._replace(others=[rows[place] for place in sorted(others)])

    def states(self, run: Run) -> States:
        """What the run's prompts begin with, layer by layer: (heads, slots, dim) each."""
        return states_of_row(self._read(run))

    def remember(self, copied: Sequence[Run], memory: Prefixes) -> None:
        """Read what each of these runs shares into the memory, as far as it has room."""
        for run in sorted(copied, key=lambda run: -run.saved):
            if memory.used + run.shared * self.token_bytes <= self.limit:
                mask = torch.ones((1, run.shared), dtype=torch.bool, device=self.device)
                memory.add([run.prompts[0][: run.shared]], self._read(run), [0], mask)

    def _read(self, run: Run) -> Layers:
        cache: Layers = self.forward.new_cache()
        read_beginning(self.forward, cache, run.prompts[0][: run.shared], self.device, self.at_once)
        self.computed += run.shared
        return cache


def read_beginning(
    forward: Forward, cache: Layers, ids: Sequence[int], device: torch.device, at_once: int
) -> None:
    """Fill an empty cache with the keys and values of one row, at most `at_once` tokens in one forward."""
    for start in range(0, len(ids), at_once):
        part = torch.tensor([ids[start : start + at_once]], device=device)
        end = start + part.shape[1]
        mask = torch.ones((1, end), dtype=torch.bool, device=device)
        forward(part, mask, torch.arange(start, end, device=device)[None], cache)


def states_of_row(cache: Layers) -> States:
    """Keys and values of a cache of one row, layer by layer: (heads, slots, dim) each."""
    return [(layer.keys[0].contiguous(), layer.values[0].contiguous()) for layer in cache.layers]
