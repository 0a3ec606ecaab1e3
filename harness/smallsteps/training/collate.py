"""Planned example indices to the tensors of one optimiser step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smallsteps.training.batches import PACKED, packed_width, width
from smallsteps.training.objectives import Targets
from smallsteps.training.targets import Extras
from smallsteps.training.team import Team
from smallsteps.training.tokens import Encoded, Ids


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """Tensors of one forward and backward pass.

    Attributes:
        model_inputs: what the model is called with.
        positions: where the loss looks, as indices into the flattened (rows x length) decoder positions.
        targets: what the loss is measured against at each of them.
        share: 1 / total weight of the whole step: micro-batches' losses add up to the step's mean.
        rows: encoded examples in the batch; places: of each position its example's row in the batch and its
            place among the example's target tokens (-1: in the prompt), shape (2, n), without the filler.
    """

    model_inputs: dict[str, Any]
    positions: torch.Tensor
    targets: Targets
    share: float
    rows: tuple[int, ...]
    places: NDArray[np.int64]

    @property
    def labels(self) -> torch.Tensor:
        """Tokens to predict."""
        return self.targets.labels

    def to(self, device: torch.device) -> MicroBatch:
        """The same on another device."""
        if self.labels.device == device:
            return self
        return replace(
            self,
            model_inputs={
                name: value.to(device, non_blocking=True) if isinstance(value, torch.Tensor) else value
                for name, value in self.model_inputs.items()
            },
            positions=self.positions.to(device, non_blocking=True),
            targets=self.targets.to(device),
        )


class Collator:
    """Pads the rows of one step, split in `accumulate` micro-batches of about equal size.

    Of several processes each gets equally many micro-batches of the same step, and all divide by the weight
    of the whole step. A process for which there are no rows gets a micro-batch without loss, since every
    process has to take part in the exchange of gradients.

    Padding stands on the right and carries no loss. A causal decoder needs no mask for it: no real token
    looks to its right. Only an encoder gets an attention mask, and only where there is padding.

    `packed` lays the rows end to end instead (see `smallsteps.training.packed`), filled up to few lengths by
    one more example that carries no loss.
    """

    def __init__(
        self,
        encoded: Encoded,
        *,
        pad: int,
        start: int | None,
        prompt_weight: float,
        accumulate: int,
        extras: Extras | None = None,
        team: Team | None = None,
        packed: bool = False,
    ) -> None:
        self.packed = packed
        self.team = team or Team()
        self.encoded = encoded
        self.pad = pad
        self.start = start  # decoder start token; None for a decoder-only model
        self.prompt_weight = prompt_weight
        self.accumulate = accumulate
        self.extras = extras
        self.longest = int(encoded.lengths.max())
        self.longest_source = int(encoded.source_lengths.max())

    def __call__(self, rows: Sequence[int]) -> list[MicroBatch]:
        size = self.team.size
        each = min(-(-self.accumulate // size), -(-len(rows) // size))  # micro-batches of one process
        parts = np.array_split(np.asarray(rows), min(max(self.accumulate, each * size), len(rows)))
        draft = self._seq2seq if self.start is not None else self._packed if self.packed else self._causal
        drafts = [draft(part) for part in parts]
        total = sum(
            float(draft.weights.sum()) if draft.weights is not None else len(draft.labels) for draft in drafts
        )
        share = 1.0 / total if total else 0.0  # a step may hold only a format of weight 0
        if self.team.is_alone:
            return [self._batch(draft, part, share) for draft, part in zip(drafts, parts, strict=True)]
        own = list(zip(drafts, parts, strict=True))[self.team.rank :: size]
        batches = [self._batch(draft, part, share) for draft, part in own]
        if len(batches) < each:
            batches.append(self._silent(drafts[0], parts[0]))
        return batches

    def _silent(self, draft: _Draft, rows: NDArray[np.int64]) -> MicroBatch:
        """A micro-batch without loss, for a process that has fewer of them than others."""
        batch = self._batch(draft, rows, 0.0)
        labels = torch.full_like(batch.labels, -100)
        weights = None if batch.targets.weights is None else torch.zeros_like(batch.targets.weights)
        return replace(batch, targets=replace(batch.targets, labels=labels, weights=weights))

    def _batch(self, draft: _Draft, rows: NDArray[np.int64], share: float) -> MicroBatch:
        weights = None if draft.weights is None else _filled(draft.weights, 0)
        targets = Targets(_filled(draft.labels, -100), weights, **self._known(draft.places, rows))
        return MicroBatch(
            {
                name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
                for name, value in draft.inputs.items()
            },
            _filled(draft.positions, 0),
            targets,
            share,
            tuple(rows.tolist()),
            draft.places,
        )

    def _known(self, places: NDArray[np.int64], rows: NDArray[np.int64]) -> dict[str, torch.Tensor]:
        """Distributions, wrongness and formats of the positions, where the objective asks for them."""
        if self.extras is None:
            return {}
        owners, offsets = rows[places[0]], places[1]
        found: dict[str, torch.Tensor] = {}
        if len(self.extras.names) > 1:
            found["parts"] = _filled(self.extras.formats[owners], 0)
        if self.extras.wrong.any():
            found["wrong"] = _filled(self.extras.wrong[owners] & (offsets >= 0), 0)
        if (stored := self.extras.stored) is not None:
            has = (stored.starts[owners] >= 0) & (offsets >= 0)
            ids = np.full((len(owners), stored.ids.shape[1]), -1, dtype=np.int64)
            top = np.full(ids.shape, -np.inf, dtype=np.float32)
            read = (stored.starts[owners] + offsets)[has]
            ids[has], top[has] = stored.ids[read], stored.top[read]
            found |= {"ids": _filled(ids, -1), "top": _filled(top, -np.inf)}
        return found

    def _weights(self, places: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
        """Loss weight of each position; None where all are 1."""
        lowered = 0 < self.prompt_weight < 1
        if self.extras is None and not lowered:
            return None
        weights = np.ones(places.shape[1], dtype=np.float32)
        if lowered:
            weights[places[1] < 0] = self.prompt_weight
        if self.extras is not None:
            weights *= self.extras.weights[rows[places[0]]]
        return None if (weights == 1).all() else weights

    def _causal(self, rows: NDArray[np.int64]) -> _Draft:
        ids, valid = padded([self.encoded.sequences[i] for i in rows], self.pad, self.longest)
        prompts = self.encoded.prompts[rows]
        target = valid & (np.arange(ids.shape[1]) >= prompts[:, None])
        supervised = valid if self.prompt_weight > 0 else target
        predicts = np.zeros_like(valid)
        predicts[:, :-1] = supervised[:, 1:]
        positions = np.flatnonzero(predicts)
        owners, columns = np.divmod(positions + 1, ids.shape[1])
        places = np.stack((owners, np.maximum(columns - prompts[owners], -1)))
        weights = self._weights(places, rows)
        return _Draft({"input_ids": ids}, positions, ids.ravel()[positions + 1], weights, places)

    def _packed(self, rows: NDArray[np.int64]) -> _Draft:
        lengths, prompts = self.encoded.lengths[rows], self.encoded.prompts[rows]
        ends = np.cumsum(lengths)
        tokens = int(ends[-1])
        size = packed_width(tokens, -(-tokens // PACKED) * PACKED)
        ids = np.full((1, size), self.pad, dtype=np.int64)
        ids[0, :tokens] = np.concatenate([self.encoded.sequences[i] for i in rows])
        # bounds are repeated up to a multiple of 64: an example of no tokens costs nothing
        bounds = np.full(-(-(len(rows) + 2) // 64) * 64, size, dtype=np.int32)
        bounds[: len(rows) + 1] = [0, *ends]
        owners = np.repeat(np.arange(len(rows)), lengths)
        columns = np.arange(tokens) - (ends - lengths)[owners]
        places = np.zeros(size, dtype=np.int64)  # of the filler 0: it may be longer than an example
        places[:tokens] = columns
        supervised = columns >= (prompts[owners] if self.prompt_weight == 0 else 1)
        predicted = np.flatnonzero(supervised & (columns > 0))
        owners, columns = owners[predicted], columns[predicted]
        where = np.stack((owners, np.maximum(columns - prompts[owners], -1)))
        inputs = {
            "input_ids": ids,
            "position_ids": places[None],
            "cu_seq_lens_q": bounds,
            "max_length_q": max(self.longest, PACKED),
        }
        return _Draft(inputs, predicted - 1, ids[0, predicted], self._weights(where, rows), where)

    def _seq2seq(self, rows: NDArray[np.int64]) -> _Draft:
        sources, seen = padded([self.encoded.sources[i] for i in rows], self.pad, self.longest_source)
        targets, valid = padded([self.encoded.sequences[i] for i in rows], self.pad, self.longest)
        shifted = np.full_like(targets, self.start)
        shifted[:, 1:] = targets[:, :-1]
        inputs: dict[str, NDArray[np.int64]] = {"input_ids": sources, "decoder_input_ids": shifted}
        if not seen.all():
            inputs["attention_mask"] = seen.astype(np.int64)
        positions = np.flatnonzero(valid)
        places = np.stack(np.divmod(positions, targets.shape[1]))
        return _Draft(inputs, positions, targets.ravel()[positions], self._weights(places, rows), places)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A micro-batch in numpy, before the step's total weight is known."""

    inputs: dict[str, Any]
    positions: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    places: NDArray[np.int64]


def _filled(values: NDArray[Any], filler: float) -> torch.Tensor:
    """Rows filled up to a multiple of 64, for the sake of few shapes (see `batches.MULTIPLE`)."""
    around = [(0, -len(values) % 64), *[(0, 0)] * (values.ndim - 1)]
    return torch.from_numpy(np.pad(values, around, constant_values=filler))


def padded(sequences: Sequence[Ids], pad: int, limit: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Right-padded ids and their validity, both of shape (rows, `width` of the longest within `limit`)."""
    lengths = np.array([len(ids) for ids in sequences])
    valid = np.arange(width(int(lengths.max()), limit)) < lengths[:, None]
    ids = np.full(valid.shape, pad, dtype=np.int64)
    ids[valid] = np.concatenate(sequences)
    return ids, valid
