"""An on-line teacher: loaded beside the student, it gives its distributions during training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from smallsteps.engines.prompts import FormatSpec
from smallsteps.training.alignment import align
from smallsteps.training.chunked import check_head
from smallsteps.training.collate import Collator, MicroBatch
from smallsteps.training.models import Hardware, load_model, load_tokenizer
from smallsteps.training.objectives import Targets
from smallsteps.training.projection import Projector, Told
from smallsteps.training.settings import BaseSpec, ObjectiveSpec
from smallsteps.training.spelling import Vocabulary, compare, vocabulary_of
from smallsteps.training.targets import check_coverage
from smallsteps.training.tokens import Encoded, encode

if TYPE_CHECKING:
    from smallsteps.schemes import Example

CANDIDATES = 32  # of a teacher of another vocabulary, where `top_k` does not say


class OnlineTeacher:
    """Gives the targets of a micro-batch the teacher's distributions.

    With the student's vocabulary (the same bytes by the same ids) it reads what the student reads, and the
    whole distribution is compared. With another it reads prompt and target in tokens of its own; its most
    probable candidates are taken over to the student's tokens, like stored ones.
    """

    def __init__(
        self,
        spec: ObjectiveSpec,
        examples: Sequence[Example],
        encoded: Encoded,
        student: Vocabulary,
        *,
        encoder_decoder: bool,
        device: str,
        chat: FormatSpec | None = None,
    ) -> None:
        """Load it.

        Args:
            spec: names the teacher.
            examples: all examples; encoded: those that are trained on, in the student's tokens.
            student: the student's vocabulary; encoder_decoder: whether it has an encoder.
            chat: the format, where prompts are chats.

        Raises:
            UserError: it cannot be loaded or aligned, or an example is too long for it.
        """
        assert spec.teacher is not None
        base = BaseSpec(path=spec.teacher.path, revision=spec.teacher.revision)
        tokenizer = load_tokenizer(base)
        self.model = load_model(base, tokenizer, Hardware(device, "fp32", "eager"), 0)
        self.model.to(device, getattr(torch, spec.teacher.dtype)).eval().requires_grad_(False)
        self.head = self.model.get_output_embeddings()
        self._hidden: torch.Tensor | None = None
        self._positions: torch.Tensor | None = None
        self._checked = False
        self.head.register_forward_pre_hook(self._take)
        vocabulary = vocabulary_of(tokenizer)
        alike = bool(self.model.config.is_encoder_decoder) == encoder_decoder
        self.other = (
            None
            if alike and compare(vocabulary, student).same
            else _other(spec, base, tokenizer, self.model, vocabulary, examples, encoded, student, chat)
        )

    def _take(self, head: torch.nn.Module, arguments: tuple[torch.Tensor]) -> tuple[torch.Tensor] | None:
        """Hook before the output head: keep its input, and pass on one position."""
        if self._positions is None:
            return None
        hidden = arguments[0].reshape(-1, arguments[0].shape[-1])
        self._hidden = hidden.index_select(0, self._positions)
        self._positions = None
        return (self._hidden[:1],)

    @torch.no_grad()
    def _read(self, inputs: dict[str, torch.Tensor], positions: torch.Tensor) -> torch.Tensor:
        """Hidden states at some positions, as the output head reads them, shape (n, width)."""
        self._positions = positions
        output = self.model(**inputs, use_cache=False)
        hidden, self._hidden = self._hidden, None
        assert hidden is not None
        if not self._checked:
            check_head(self.head, hidden[:1], output.logits, "the teacher")
            self._checked = True
        return hidden

    def complete(self, micro: MicroBatch) -> Targets:
        """The targets of a micro-batch with the teacher's distributions."""
        if self.other is None:
            return replace(micro.targets, hidden=self._read(micro.model_inputs, micro.positions))
        return self._through_alignment(micro, self.other)

    def _through_alignment(self, micro: MicroBatch, other: Other) -> Targets:
        theirs = other.collator(list(micro.rows))[0].to(self.model.device)
        hidden = self._read(theirs.model_inputs, theirs.positions)
        with torch.no_grad():
            logprobs = torch.log_softmax(self.head(hidden).float(), -1)
            best = logprobs.topk(other.k)
            drawn = logprobs.gather(1, theirs.labels.clamp(min=0)[:, None])[:, 0]
        told = Told(
            theirs.labels.cpu().numpy().astype(np.int32),
            drawn.cpu().numpy(),
            best.indices.cpu().numpy().astype(np.int32),
            best.values.cpu().numpy(),
        )
        ids = np.full((len(micro.labels), other.k), -1, dtype=np.int64)
        top = np.full(ids.shape, -np.inf, dtype=np.float32)
        for row in range(len(micro.rows)):
            place = np.flatnonzero(theirs.places[0] == row)
            mine = np.flatnonzero((micro.places[0] == row) & (micro.places[1] >= 0))
            reply = micro.labels[torch.from_numpy(mine)].cpu().numpy().astype(np.int32)
            found = other.projector.project(told.part(int(place[0]), int(place[-1]) + 1), reply)
            ids[mine], top[mine] = found.ids, found.top
        device = micro.labels.device
        return replace(
            micro.targets, ids=torch.from_numpy(ids).to(device), top=torch.from_numpy(top).to(device)
        )


@dataclass(frozen=True, slots=True)
class Other:
    """A teacher's own view of the examples: its batches, and the way to the student's vocabulary."""

    collator: Collator
    projector: Projector
    k: int
    coverage: float


def _other(
    spec: ObjectiveSpec,
    base: BaseSpec,
    tokenizer: Any,
    model: Any,
    vocabulary: Vocabulary,
    examples: Sequence[Example],
    encoded: Encoded,
    student: Vocabulary,
    format_: FormatSpec | None,
) -> Other:
    chat = None
    if format_ is not None:
        from smallsteps.engines.chat import load_chat

        chat = load_chat(base.path or "", format_, tokenizer=tokenizer)
    seq2seq = bool(model.config.is_encoder_decoder)
    positions = getattr(model.config, "max_position_embeddings", None)
    own = encode(
        [examples[i] for i in encoded.kept],
        tokenizer,
        encoder_decoder=seq2seq,
        max_length=positions or 1 << 30,
        chat=chat,
    )
    end = vocabulary.end if chat is None else chat.end_id
    spellings = [None if i == end else text or b"" for i, text in enumerate(vocabulary.spellings)]
    rows = model.get_output_embeddings().weight.shape[0]
    spellings += [b""] * (rows - len(spellings))  # ids that are embedded and stand for nothing
    projector = Projector(spellings, student, spec.alignment)
    matched = total = 0
    for ours, start, theirs, begin in zip(
        encoded.sequences, encoded.prompts, own.sequences, own.prompts, strict=True
    ):
        found = align(projector.spell(theirs[begin:]), student.spell(ours[start:]))
        matched, total = matched + found.matched, total + found.total
    coverage = matched / total if total else 0.0
    check_coverage(spec, coverage, total, spec.teacher.path if spec.teacher else "")
    collator = Collator(
        own,
        pad=int(model.config.pad_token_id or 0),
        start=int(model.config.decoder_start_token_id) if seq2seq else None,
        prompt_weight=0.0,
        accumulate=1,
    )
    return Other(collator, projector, min(spec.top_k or CANDIDATES, rows), coverage)
