"""The inputs of a training run, prepared before its first step: tokens, batches, targets, teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smallsteps.corpora.distributions import open_distributions
from smallsteps.engines.prompts import FormatSpec
from smallsteps.training.batches import Budget, Plan, plan
from smallsteps.training.collate import Collator
from smallsteps.training.objectives import Objective, objective_of
from smallsteps.training.online import OnlineTeacher
from smallsteps.training.settings import ObjectiveSpec, Optimisation
from smallsteps.training.spelling import vocabulary_of
from smallsteps.training.targets import (
    Extras,
    Stored,
    check_formats,
    extras_of,
    formats_of,
    project_stored,
)
from smallsteps.training.team import Team
from smallsteps.training.tokens import Encoded, encode

if TYPE_CHECKING:
    from smallsteps.engines.chat import Chat
    from smallsteps.schemes import Example


@dataclass(frozen=True, slots=True)
class Lessons:
    """Encoded examples, the steps that read them, and the objective on them."""

    encoded: Encoded
    plan: Plan
    collator: Collator
    objective: Objective
    spec: ObjectiveSpec
    extras: Extras | None = None
    teacher: OnlineTeacher | None = None

    def figures(self, losses: dict[str, float]) -> dict[str, Any]:
        """The figures of the objective; empty for plain likelihood.

        Args:
            losses: final means of the losses that are reported apart.
        """
        if self.extras is None:
            return {}
        found: dict[str, Any] = {"losses": losses}
        if len(self.extras.names) > 1:
            read = self.encoded.supervised, self.encoded.lengths + self.encoded.source_lengths
            found["tokens"], found["supervised"] = (
                {
                    name or "other": int(self.plan.totals(np.where(self.extras.formats == i, per, 0))[-1])
                    for i, name in enumerate(self.extras.names)
                }
                for per in (read[1], read[0])
            )
        stored = self.extras.stored
        if stored is not None:
            found |= {"coverage": round(stored.coverage, 6), "known_tokens": stored.known}
        elif self.teacher is not None:
            other = self.teacher.other
            found["coverage"] = 1.0 if other is None else round(other.coverage, 6)
        return found


def lessons(
    examples: Sequence[Example],
    tokenizer: Any,
    model: Any,
    optimisation: Optimisation,
    spec: ObjectiveSpec,
    *,
    seed: int,
    device: str,
    folder: Path,
    distributions: Path | None = None,
    chat: Chat | None = None,
    format: FormatSpec | None = None,  # noqa: A002 - the recipe's key
    team: Team | None = None,
    packed: bool = False,
) -> Lessons:
    """Encode, plan and collate; with an objective's distributions, weights and budgets.

    Args:
        model: the student; its configuration alone is read.
        seed: of the batches; device: of an on-line teacher.
        folder: receives distributions over the student's tokens, which are mapped into memory.
        distributions: the corpus's file.
        chat, format: of a student that reads chats.
        team: the processes that share each step.
        packed: lay examples end to end.

    Raises:
        UserError: examples, distributions, formats or a teacher that cannot be trained on as asked.
    """
    encoder_decoder = bool(model.config.is_encoder_decoder)
    positions = getattr(model.config, "max_position_embeddings", None)
    encoded = encode(
        examples,
        tokenizer,
        encoder_decoder=encoder_decoder,
        max_length=min(optimisation.max_length, positions or optimisation.max_length),
        drop_long=optimisation.too_long == "drop",
        chat=chat,
    )
    names, formats = formats_of(examples, encoded)
    check_formats("budgets", spec.budgets, names)
    planned = plan(
        encoded.lengths,
        encoded.source_lengths,
        batch_tokens=optimisation.batch_tokens,
        steps=optimisation.steps,
        epochs=optimisation.epochs,
        seed=seed,
        budget=Budget(formats, np.array([spec.budgets[name] for name in names])) if spec.budgets else None,
        packed=packed,
    )
    stored: Stored | None = None
    teacher: OnlineTeacher | None = None
    if spec.kl:
        student = vocabulary_of(tokenizer, None if chat is None else chat.end_id)
        if spec.teacher is not None:
            teacher = OnlineTeacher(
                spec,
                examples,
                encoded,
                student,
                encoder_decoder=encoder_decoder,
                device=device,
                chat=format,
            )
        else:
            held = None if distributions is None else open_distributions(distributions)
            stored = project_stored(spec, examples, encoded, student, tokenizer, held, folder)
    extras = None
    if not spec.is_plain or spec.budgets:
        read = np.zeros(len(encoded), dtype=np.int64)
        for rows in planned.steps:
            np.add.at(read, rows, 1)
        extras = extras_of(spec, examples, encoded, read * encoded.supervised, stored)
    collator = Collator(
        encoded,
        pad=int(model.config.pad_token_id),
        start=int(model.config.decoder_start_token_id) if encoder_decoder else None,
        prompt_weight=optimisation.prompt_weight,
        accumulate=optimisation.accumulate,
        extras=extras,
        team=team,
        packed=packed,
    )
    head = teacher.head if teacher is not None and teacher.other is None else None
    objective = objective_of(spec, extras.names if extras is not None else (), head)
    return Lessons(encoded, planned, collator, objective, spec, extras, teacher)
