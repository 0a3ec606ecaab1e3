"""Decoder-only models: prefill in slices, one shared decoding batch that rows enter and leave."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from smallsteps.engines.decode import Row
from smallsteps.engines.fast.cache import Layers, States, drop_slots, fill, put_rows, roomy, select_rows
from smallsteps.engines.fast.llama import LlamaForward
from smallsteps.engines.fast.remembered import Match, Matcher, Prefixes
from smallsteps.engines.fast.switches import uses

KNOWN_TOKENS = 8  # in one forward, tokens taken over from earlier for each new one at most


class Forward(Protocol):
    """A model's logits."""

    @property
    def shares(self) -> bool:
        """Whether its caches can have a shared beginning."""
        ...

    def new_cache(self, shared: States | None = None) -> Any:
        """An empty cache of the kind that this forward takes.

        Args:
            shared: what every row begins with, (heads, slots, dim) a layer; only where it `shares`.
        """
        ...

    def __call__(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: Any = None,
        tail: int = 1,
    ) -> torch.Tensor:
        """Logits of the last `tail` tokens, (rows, tail, vocabulary); see `CausalForward`."""
        ...


def forward_of(model: Any) -> Forward:
    """The fastest way to a model's logits."""
    return (LlamaForward.of(model) if uses("llama") else None) or CausalForward.of(model)


@dataclass(frozen=True, slots=True)
class CausalForward:
    """The model's forward, with only the arguments that this architecture takes."""

    model: Any
    accepted: frozenset[str]
    shares: bool = False

    @staticmethod
    def of(model: Any) -> CausalForward:
        return CausalForward(model, frozenset(inspect.signature(model.forward).parameters))

    def new_cache(self, shared: States | None = None) -> Layers:
        """An empty cache of the kind that transformers' models take."""
        assert shared is None
        from smallsteps.engines.fast.module_cache import module_cache

        return module_cache()

    def __call__(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: Layers | None = None,
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
        context: positions that the model has; None is without limit.
        shared: keys and values of the tokens that all rows begin with, read by all rows where they lie.
        beginning: how many tokens these are.
        matcher: rows that were read before, whose prefixes can be taken over.
        memory: where finished rows go for the next call; None forgets them. Not with `shared`.
    """

    forward: Forward
    pad: int
    device: torch.device
    prefill_tokens: int
    context: int | None = None
    shared: States | None = None
    beginning: int = 0
    matcher: Matcher | None = None
    memory: Prefixes | None = None
    joins: bool = field(default_factory=lambda: uses("joins"))
    reused: int = 0
    computed: int = 0
    _cache: Layers = field(init=False)
    _mask: torch.Tensor | None = None
    _positions: torch.Tensor | None = None

    def __post_init__(self) -> None:
        self._cache = self.forward.new_cache(self.shared)

    def enter(
        self, waiting: Sequence[Row], places: Sequence[int], leaving: Sequence[Row]
    ) -> tuple[int, torch.Tensor]:
        """Prefill a slice of the waiting rows; samples of one prompt are computed once."""
        taken, prompts, matches = self._slice(waiting[: len(places)])
        self._remember(places, leaving[:taken])
        cache, mask, logits = self._prefill(list(prompts), matches)
        if taken > len(prompts):
            copies = [prompts[row.given] for row in waiting[:taken]]
            select_rows(cache, copies)
            index = torch.tensor(copies, device=self.device)
            mask, logits = mask.index_select(0, index), logits.index_select(0, index)
        positions = torch.tensor([len(row.given) for row in waiting[:taken]], device=self.device)
        more = len(waiting) > taken
        self._put(cache, mask, positions, places[:taken], room=max(places) + 1 if more else 0)
        return taken, logits

    def advance(self, tokens: torch.Tensor) -> torch.Tensor:
        """One token further in every row."""
        assert self._mask is not None
        assert self._positions is not None
        self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=True)
        logits = self.forward(tokens[:, None], self._mask, self._positions[:, None], self._cache)
        self._positions = self._positions + 1
        if self.context is not None:  # rows that have ended go on with the others, but no further
            self._positions.clamp_(max=self.context - 1)
        return logits[:, -1]

    def keep(self, rows: Sequence[Row], kept: Sequence[int]) -> None:
        """Drop rows, and the slots that only they used."""
        staying = set(kept)
        gone = [place for place in range(len(rows)) if place not in staying]
        self._remember(gone, [rows[place] for place in gone])
        if not kept or self._mask is None or self._positions is None:
            self._cache = self.forward.new_cache(self.shared)
            self._mask = self._positions = None
            return
        index = torch.tensor(list(kept), device=self.device)
        self._mask, self._positions = (
            self._mask.index_select(0, index),
            self._positions.index_select(0, index),
        )
        self._drop_empty_slots()
        select_rows(self._cache, kept)

    def _remember(self, places: Sequence[int], rows: Sequence[Row]) -> None:
        """Keep the finished rows at these places for the next call."""
        if self.memory is not None and self._mask is not None and rows:
            # a row's cache holds all its tokens but the last; rows that ended earlier went on with others
            tokens = [(*row.ids, *row.tokens[:-1]) for row in rows]
            self.memory.add(tokens, self._cache, places[: len(rows)], self._mask)

    def _drop_empty_slots(self) -> None:
        assert self._mask is not None
        first = int(self._mask.any(0).int().argmax())
        if first:
            drop_slots(self._cache, first)
            self._mask = self._mask[:, first:]

    def _slice(self, rows: Sequence[Row]) -> tuple[int, dict[tuple[int, ...], int], list[Match | None]]:
        """How many rows fit into one forward, their distinct prompts, and what is known of each."""
        prompts: dict[tuple[int, ...], int] = {}
        matches: list[Match | None] = []
        width = slots = 0
        for taken, row in enumerate(rows):
            given = row.given
            if given in prompts:
                continue
            match = self.matcher.find(given) if self.matcher else None
            length = len(given) - (match.length if match else self.beginning)
            width = max(width, length)
            slots = max(slots, len(given) - self.beginning)
            count = len(prompts) + 1
            # known tokens cost no forward, but the scores of the new ones take memory for each
            if prompts and (
                width * count > self.prefill_tokens or slots * count > KNOWN_TOKENS * self.prefill_tokens
            ):
                return taken, prompts, matches
            prompts[given] = len(prompts)
            matches.append(match)
        return len(rows), prompts, matches

    def _prefill(
        self, prompts: list[tuple[int, ...]], matches: list[Match | None]
    ) -> tuple[Layers, torch.Tensor, torch.Tensor]:
        """Cache, mask (rows, slots) and last logits (rows, vocabulary) of the prompts."""
        known = [match.length if match else 0 for match in matches]
        read = [k + self.beginning for k in known]
        ids, mask = left_padded([p[k:] for p, k in zip(prompts, read, strict=True)], self.pad, self.device)
        slots = max(known)
        offset = torch.tensor(known, device=self.device)[:, None]
        positions = (mask.long().cumsum(1) - 1).clamp(min=0) + offset + self.beginning
        cache = self.forward.new_cache(self.shared)
        if self.matcher and slots:
            fill(cache, self.matcher.gather(matches, slots, roomy(slots + ids.shape[1])), slots)
            mask = torch.cat([torch.arange(slots, device=self.device)[None] >= slots - offset, mask], dim=1)
        self.reused += sum(read)
        self.computed += sum(len(p) for p in prompts) - sum(read)
        return cache, mask, self.forward(ids, mask, positions, cache)[:, -1]

    def _put(
        self, cache: Layers, mask: torch.Tensor, positions: torch.Tensor, places: Sequence[int], room: int
    ) -> None:
        if self._mask is None or self._positions is None:
            self._cache, self._mask, self._positions = cache, mask, positions
            return
        index = torch.tensor(list(places), device=self.device)
        put_rows(self._cache, cache, index, room)
        rows = max(len(self._mask), max(places) + 1)
        both = self._mask.new_zeros((rows, max(self._mask.shape[1], mask.shape[1])))
        both[: len(self._mask), both.shape[1] - self._mask.shape[1] :] = self._mask
        both[index] = torch.nn.functional.pad(mask, (both.shape[1] - mask.shape[1], 0), value=False)
        grown = torch.nn.functional.pad(self._positions, (0, rows - len(self._positions)))
        grown[index] = positions
        self._mask, self._positions = both, grown
        self._drop_empty_slots()
