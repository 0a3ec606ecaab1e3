"""Decoder-only models: prefill in slices, one shared decoding batch that rows enter and leave."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers.cache_utils import Cache

from smallsteps.engines.cache import cache_from, join, new_cache, select_rows
from smallsteps.engines.decode import Row
from smallsteps.engines.prefixes import Match, Matcher, Prefixes, gather


@dataclass(frozen=True, slots=True)
class CausalForward:
    """The model's forward, with only the arguments that this architecture takes."""

    model: Any
    accepted: frozenset[str]

    @staticmethod
    def of(model: Any) -> CausalForward:
        return CausalForward(model, frozenset(inspect.signature(model.forward).parameters))

    def __call__(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: Cache | None = None,
        tail: int = 1,
    ) -> torch.Tensor:
        """Logits of the last `tail` tokens, (rows, tail, vocabulary); token tensors are (rows, length)."""
        options: dict[str, Any] = {"position_ids": positions, "logits_to_keep": tail}
        options = {name: value for name, value in options.items() if name in self.accepted}
        output = self.model(
            input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=cache is not None, **options
        )
        logits: torch.Tensor = output.logits[:, -tail:]
        return logits


def left_padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (rows, longest), and a mask of the same shape that is False on the padding."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    mask = torch.arange(width, device=device)[None] >= (width - lengths)[:, None]
    return ids, mask


@dataclass(slots=True)
class CausalStepper:
    """The decoding batch of a causal model; slots are aligned at the last token of every row.

    Attributes:
        forward, pad, device: the model, a token for padding, where tensors live.
        prefill_tokens: most padded prompt tokens in one forward.
        matcher: rows of the last call whose prefixes can be taken over.
        memory: where finished rows go for the next call; None forgets them.
    """

    forward: CausalForward
    pad: int
    device: torch.device
    prefill_tokens: int
    matcher: Matcher | None = None
    memory: Prefixes | None = None
    joins: bool = True
    reused: int = 0
    computed: int = 0
    _cache: Cache = field(default_factory=new_cache)
    _mask: torch.Tensor | None = None
    _positions: torch.Tensor | None = None

    def enter(self, rows: Sequence[Row], limit: int) -> tuple[int, torch.Tensor]:
        """Prefill a slice of the waiting rows; samples of one prompt are computed once."""
        taken, prompts = self._slice(rows[:limit])
        matches = [self.matcher.find(ids) if self.matcher else None for ids in prompts]
        cache, mask, logits = self._prefill(list(prompts), matches)
        copies = torch.tensor([prompts[row.ids] for row in rows[:taken]], device=self.device)
        if taken > len(prompts):
            select_rows(cache, copies)
            mask, logits = mask.index_select(0, copies), logits.index_select(0, copies)
        positions = torch.tensor([len(row.ids) for row in rows[:taken]], device=self.device)
        self._join(cache, mask, positions)
        return taken, logits

    def advance(self, tokens: torch.Tensor) -> torch.Tensor:
        """One token further in every row."""
        assert self._mask is not None
        assert self._positions is not None
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=True)
        logits = self.forward(tokens[:, None], self._mask, self._positions[:, None], self._cache)
        self._positions = self._positions + 1
        return logits[:, -1]

    def keep(self, rows: Sequence[Row], alive: Sequence[int]) -> None:
        """Drop finished rows, and the slots that only they used."""
        assert self._mask is not None
        assert self._positions is not None
        if self.memory is not None:
            living = set(alive)
            gone = [i for i in range(len(rows)) if i not in living]
            # a row's cache holds all its tokens but the last; rows that ended earlier went on with others
            tokens = [(*rows[i].ids, *rows[i].tokens[:-1]) for i in gone]
            self.memory.add(tokens, self._cache, gone, self._mask)
        if not alive:
            self._cache, self._mask, self._positions = new_cache(), None, None
            return
        index = torch.tensor(list(alive), device=self.device)
        mask = self._mask.index_select(0, index)
        first = int(mask.any(0).int().argmax())
        select_rows(self._cache, index, first)
        self._mask, self._positions = mask[:, first:], self._positions.index_select(0, index)

    def _slice(self, rows: Sequence[Row]) -> tuple[int, dict[tuple[int, ...], int]]:
        prompts: dict[tuple[int, ...], int] = {}
        width = 0
        for taken, row in enumerate(rows):
            if row.ids not in prompts:
                width = max(width, len(row.ids))
                if prompts and width * (len(prompts) + 1) > self.prefill_tokens:
                    return taken, prompts
                prompts[row.ids] = len(prompts)
        return len(rows), prompts

    def _prefill(
        self, prompts: list[tuple[int, ...]], matches: list[Match | None]
    ) -> tuple[Cache, torch.Tensor, torch.Tensor]:
        """Cache, mask (rows, slots) and last logits (rows, vocabulary) of the prompts."""
        known = [match.length if match else 0 for match in matches]
        ids, mask = left_padded([p[k:] for p, k in zip(prompts, known, strict=True)], self.pad, self.device)
        slots = max(known)
        offset = torch.tensor(known, device=self.device)[:, None]
        positions = (mask.long().cumsum(1) - 1).clamp(min=0) + offset
        layers = gather(matches, slots)
        cache = new_cache() if layers is None else cache_from(layers)
        if layers is not None:
            mask = torch.cat([torch.arange(slots, device=self.device)[None] >= slots - offset, mask], dim=1)
        self.reused += sum(known)
        self.computed += sum(len(p) for p in prompts) - sum(known)
        return cache, mask, self.forward(ids, mask, positions, cache)[:, -1]

    def _join(self, cache: Cache, mask: torch.Tensor, positions: torch.Tensor) -> None:
        if self._mask is None or self._positions is None:
            self._cache, self._mask, self._positions = cache, mask, positions
            return
        join(self._cache, cache)
        width = max(self._mask.shape[1], mask.shape[1])
        both = [torch.nn.functional.pad(m, (width - m.shape[1], 0), value=False) for m in (self._mask, mask)]
        self._mask, self._positions = torch.cat(both), torch.cat([self._positions, positions])
