"""Encoder-decoder models: encode once, decode with caches of both attentions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch

from smallsteps.engines.decode import Row
from smallsteps.engines.fast.cache import select_rows


def right_padded(
    rows: Sequence[Sequence[int]], pad: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids (rows, longest), and a mask of the same shape that is False on the padding."""
    width = max(len(row) for row in rows)
    ids = torch.tensor([list(row) + [pad] * (width - len(row)) for row in rows], device=device)
    lengths = torch.tensor([len(row) for row in rows], device=device)
    return ids, torch.arange(width, device=device)[None] < lengths[:, None]


@dataclass(slots=True)
class Seq2SeqStepper:
    """One batch from encoder to last token. Rows leave; none enters later: decoder positions are shared."""

    model: Any
    pad: int
    start: int
    device: torch.device
    joins: bool = False
    _states: torch.Tensor | None = None
    _mask: torch.Tensor | None = None
    _cache: Any = None  # transformers' EncoderDecoderCache of two of ours

    def enter(
        self, waiting: Sequence[Row], places: Sequence[int], leaving: Sequence[Row]
    ) -> tuple[int, torch.Tensor]:
        """Encode each distinct prompt once and take the first decoder step.

        Rows that enter together have equally many tokens already, so that their decoder positions agree.
        """
        from transformers.cache_utils import EncoderDecoderCache

        from smallsteps.engines.fast.module_cache import module_cache

        start = waiting[0].start
        rows = list(takewhile(lambda row: row.start == start, waiting[: len(places)]))
        prompts = {ids: i for i, ids in enumerate(dict.fromkeys(row.ids for row in rows))}
        ids, mask = right_padded(list(prompts), self.pad, self.device)
        states = self.model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        copies = torch.tensor([prompts[row.ids] for row in rows], device=self.device)
        self._states, self._mask = states.index_select(0, copies), mask.index_select(0, copies)
        self._cache = EncoderDecoderCache(module_cache(), module_cache())
        begun = [[self.start, *row.tokens[:start]] for row in rows]
        return len(rows), self._read(torch.tensor(begun, device=self.device))

    def advance(self, tokens: torch.Tensor) -> torch.Tensor:
        """One decoder token further in every row, (rows,); logits (rows, vocabulary)."""
        return self._read(tokens[:, None])

    def _read(self, tokens: torch.Tensor) -> torch.Tensor:
        """Decoder tokens (rows, length) behind those in the cache; logits of the last, (rows, vocabulary)."""
        from transformers.modeling_outputs import BaseModelOutput

        output = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=self._states),
            attention_mask=self._mask,
            decoder_input_ids=tokens,
            past_key_values=self._cache,
            use_cache=True,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def keep(self, rows: Sequence[Row], kept: Sequence[int]) -> None:
        """Drop rows."""
        if not kept or self._cache is None or self._states is None or self._mask is None:
            self._cache = self._states = self._mask = None
            return
        select_rows(self._cache.self_attention_cache, kept)
        select_rows(self._cache.cross_attention_cache, kept)
        index = torch.tensor(list(kept), device=self.device)
        self._states, self._mask = self._states.index_select(0, index), self._mask.index_select(0, index)
