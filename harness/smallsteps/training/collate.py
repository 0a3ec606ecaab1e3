"""Planned example indices to the tensors of one optimiser step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smallsteps.training.batches import width
from smallsteps.training.tokens import Encoded, Ids


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Tensors of one forward and backward pass.

    Attributes:
        model_inputs: what the model is called with.
        positions: where the loss looks, as indices into the flattened (rows x length) decoder positions.
        labels: token to predict at each of them; -100 where one only fills up.
        weights: loss weight of each; None when all are 1.
        share: 1 / total weight of the whole step: micro-batches' losses add up to the step's mean.
    """

    model_inputs: dict[str, torch.Tensor]
    positions: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor | None
    share: float

    def to(self, device: torch.device) -> MicroBatch:
        """The same on another device."""
        if self.labels.device == device:
            return self
        return MicroBatch(
            {name: value.to(device, non_blocking=True) for name, value in self.model_inputs.items()},
            self.positions.to(device, non_blocking=True),
            self.labels.to(device, non_blocking=True),
            None if self.weights is None else self.weights.to(device, non_blocking=True),
            self.share,
        )


class Collator:
    """Pads the rows of one step, split in `accumulate` micro-batches of about equal size.

    Padding stands on the right and carries no loss. A causal decoder needs no mask for it: no real token
    looks to its right. Only an encoder gets an attention mask, and only where there is padding.
    """

    def __init__(
        self, encoded: Encoded, *, pad: int, start: int | None, prompt_weight: float, accumulate: int
    ) -> None:
        self.encoded = encoded
        self.pad = pad
        self.start = start  # decoder start token; None for a decoder-only model
        self.prompt_weight = prompt_weight
        self.accumulate = accumulate
        self.longest = int(encoded.lengths.max())
        self.longest_source = int(encoded.source_lengths.max())

    def __call__(self, rows: Sequence[int]) -> list[MicroBatch]:
        parts = np.array_split(np.asarray(rows), min(self.accumulate, len(rows)))
        drafts = [self._causal(part) if self.start is None else self._seq2seq(part) for part in parts]
        total = sum(
            float(weights.sum()) if weights is not None else len(labels) for *_, labels, weights in drafts
        )
        return [
            MicroBatch(
                {name: torch.from_numpy(value) for name, value in inputs.items()},
                _filled(positions, 0),
                _filled(labels, -100),
                None if weights is None else _filled(weights, 0),
                1.0 / total,
            )
            for inputs, positions, labels, weights in drafts
        ]

    def _causal(self, rows: NDArray[np.int64]) -> _Draft:
        ids, valid = padded([self.encoded.sequences[i] for i in rows], self.pad, self.longest)
        target = valid & (np.arange(ids.shape[1]) >= self.encoded.prompts[rows][:, None])
        supervised = valid if self.prompt_weight > 0 else target
        predicts = np.zeros_like(valid)
        predicts[:, :-1] = supervised[:, 1:]
        positions = np.flatnonzero(predicts)
        labels = ids.ravel()[positions + 1]
        weights = None
        if 0 < self.prompt_weight < 1:
            weights = np.where(target.ravel()[positions + 1], 1.0, self.prompt_weight).astype(np.float32)
        return {"input_ids": ids}, positions, labels, weights

    def _seq2seq(self, rows: NDArray[np.int64]) -> _Draft:
        sources, seen = padded([self.encoded.sources[i] for i in rows], self.pad, self.longest_source)
        targets, valid = padded([self.encoded.sequences[i] for i in rows], self.pad, self.longest)
        shifted = np.full_like(targets, self.start)
        shifted[:, 1:] = targets[:, :-1]
        inputs: dict[str, NDArray[np.int64]] = {"input_ids": sources, "decoder_input_ids": shifted}
        if not seen.all():
            inputs["attention_mask"] = seen.astype(np.int64)
        positions = np.flatnonzero(valid)
        return inputs, positions, targets.ravel()[positions], None


_Draft = tuple[dict[str, NDArray[np.int64]], NDArray[np.int64], NDArray[np.int64], NDArray[np.float32] | None]


def _filled(values: NDArray[Any], filler: int) -> torch.Tensor:
    """A vector filled up to a multiple of 64, for the sake of few shapes (see `batches.MULTIPLE`)."""
    return torch.from_numpy(np.pad(values, (0, -len(values) % 64), constant_values=filler))


def padded(sequences: Sequence[Ids], pad: int, limit: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Right-padded ids and their validity, both of shape (rows, `width` of the longest within `limit`)."""
    lengths = np.array([len(ids) for ids in sequences])
    valid = np.arange(width(int(lengths.max()), limit)) < lengths[:, None]
    ids = np.full(valid.shape, pad, dtype=np.int64)
    ids[valid] = np.concatenate(sequences)
    return ids, valid
