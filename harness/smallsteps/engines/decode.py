"""The generation loop shared by causal and encoder-decoder models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from smallsteps.engines.fast.switches import uses
from smallsteps.engines.protocol import Decoding, StopReason
from smallsteps.engines.sampling import sample_tokens
from smallsteps.engines.stopping import StopStrings

STEPS = 16  # batch sizes between a number of rows and half of it: oneDNN builds kernels for each size
REFILL_AT = 0.125  # share of free rows at which waiting rows enter, because each entry costs a forward


@dataclass(slots=True, eq=False)
class Row:
    """One text being generated.

    Attributes:
        prompt: index of the prompt in the call; sample: index among its samples.
        ids: prompt tokens; budget: most tokens to generate.
        draws: uniform random numbers, one a token; None is greedy.
        tokens: what was generated, the end-of-sequence token included.
        start: how many of these tokens were there before the row entered a batch.
        stop: why it ended, None while it runs; cut: the text before a stop string.
    """

    prompt: int
    sample: int
    ids: tuple[int, ...]
    budget: int
    draws: npt.NDArray[np.float64] | None = None
    tokens: list[int] = field(default_factory=list)
    start: int = 0
    stop: StopReason | None = None
    cut: str | None = None

    @property
    def given(self) -> tuple[int, ...]:
        """The tokens before the next one: the prompt, and tokens saved by an earlier process."""
        return (*self.ids, *self.tokens[: self.start]) if self.start else self.ids


class Stepper(Protocol):
    """A model with its cache for the rows that are being decoded."""

    @property
    def joins(self) -> bool:
        """Whether rows can enter while others are being decoded."""
        ...

    def enter(
        self, waiting: Sequence[Row], places: Sequence[int], leaving: Sequence[Row]
    ) -> tuple[int, torch.Tensor]:
        """Take in the first of the waiting rows.

        Args:
            places: where they may go: places of finished rows first, then new ones after the last row.
            leaving: the finished rows at the first of these places.

        Returns:
            How many were taken, and their next logits (taken, vocabulary).
        """
        ...

    def advance(self, tokens: torch.Tensor) -> torch.Tensor:
        """Feed one token a row, shape (rows,); logits (rows, vocabulary)."""
        ...

    def keep(self, rows: Sequence[Row], kept: Sequence[int]) -> None:
        """Let only these of `rows`, all rows in the cache, remain, in this order."""
        ...


@dataclass(slots=True)
class Rules:
    """When a text ends and how a token is chosen."""

    decoding: Decoding
    eos: frozenset[int]
    stops: StopStrings | None

    def extend(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        """Choose the next token of each running row and see whether that ends it."""
        if self.decoding.temperature <= 0:
            chosen = logits.max(-1).indices  # the first of equal maxima like argmax, in half its time
        else:
            draws = [0.0 if r.stop or r.draws is None else r.draws[len(r.tokens)] for r in rows]
            numbers = torch.tensor(draws, dtype=torch.float64, device=logits.device)
            chosen = sample_tokens(logits, numbers, self.decoding.temperature, self.decoding.top_p)
        for row, token in zip(rows, chosen.tolist(), strict=True):
            if row.stop is None:
                row.tokens.append(token)
                if self.stops is not None or token in self.eos or len(row.tokens) >= row.budget:
                    self._end(row, token)

    def _end(self, row: Row, token: int) -> None:
        if token in self.eos:
            row.stop = "eos"
        elif self.stops is not None and (cut := self.stops.cut(row.tokens)) is not None:
            row.stop, row.cut = "stop", cut
        elif len(row.tokens) >= row.budget:
            row.stop = "length"


def run(
    stepper: Stepper,
    rows: Sequence[Row],
    limit: int,
    rules: Rules,
    device: torch.device,
    after_step: Callable[[], None] | None = None,
) -> None:
    """Decode all rows, at most `limit` at a time, in the given order; the rows are changed in place.

    Args:
        after_step: called whenever the rows have new tokens.
    """
    waiting = list(rows)
    active: list[Row] = []
    while waiting or active:
        dead = [place for place, row in enumerate(active) if row.stop is not None]
        free = limit - len(active) + len(dead)
        if waiting and (free >= limit * REFILL_AT if stepper.joins else len(dead) == len(active)):
            if not stepper.joins:
                stepper.keep(active, [])
                active, dead = [], []
            places = [*dead, *range(len(active), limit)]
            taken, logits = stepper.enter(waiting, places, [active[place] for place in dead])
            entered, waiting = waiting[:taken], waiting[taken:]
            rules.extend(entered, logits)
            active += entered[len(dead) :]
            for place, row in zip(dead, entered, strict=False):
                active[place] = row
            if after_step is not None:
                after_step()
            continue
        if not waiting and dead:
            kept = remaining(len(active), dead)
            if len(kept) < len(active):
                stepper.keep(active, kept)
                active = [active[place] for place in kept]
        if active:
            last = torch.tensor([row.tokens[-1] for row in active], device=device)
            rules.extend(active, stepper.advance(last))
            if after_step is not None:
                after_step()


def remaining(rows: int, dead: Sequence[int]) -> list[int]:
    """Places of the rows that stay: the live ones, and dead ones as padding up to the next batch size.

    Rows within the new size keep their places; the others take the places of dead rows.
    """
    alive = rows - len(dead)
    step = 1 << max(0, (alive // STEPS).bit_length() - 1) if uses("shapes") else 1
    size = min(rows, -(-alive // step) * step)
    gone = set(dead)
    movers = [place for place in range(size, rows) if place not in gone]
    kept = list(range(size))
    for hole, mover in zip(sorted(gone), movers, strict=False):
        kept[hole] = mover
    return kept
