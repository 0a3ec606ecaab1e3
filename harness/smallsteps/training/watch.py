"""The interface that a training run calls at declared checkpoints; the caller supplies the selection rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smallsteps.errors import UserError

MODEL = "model"  # folder of a checkpoint's weights


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint of a training run.

    Attributes:
        step: optimiser steps done, 0 for the base; tokens: real tokens read by then.
        place: its folder, with `model/` for as long as its weights are kept.
        supervised_tokens: target tokens that carried the loss by then.
    """

    step: int
    tokens: int
    place: Path
    supervised_tokens: int = 0

    @property
    def model(self) -> Path:
        """A Hugging Face folder, as the student would have."""
        return self.place / MODEL


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of an assessment: whether it is the `best` so far, and whether to `stop` the training."""

    best: bool
    stop: bool = False


class Watch(Protocol):
    """Assesses checkpoints while a training runs, and says which one becomes the student."""

    @property
    def identity(self) -> str:
        """Hash of everything that affects the choice."""

    def steps(self, real_tokens: NDArray[np.int64]) -> list[int]:
        """The declared steps, given real tokens read up to and including each step, shape (steps,)."""

    def place(self, tokens: int) -> Path:
        """The folder of the checkpoint at so many tokens."""

    def resume(self, step: int) -> None:
        """Restore the assessments up to and including this step."""

    def assess(self, checkpoint: Checkpoint) -> Verdict:
        """Evaluate a checkpoint, or read what was found for the same weights before."""

    def choose(self) -> Checkpoint:
        """The chosen checkpoint; records which and why."""

    def tidy(self) -> None:
        """Drop the weights of all checkpoints; the student has those of the chosen one."""


def declared_steps(at: Sequence[int], every: int | None, real_tokens: NDArray[np.int64]) -> list[int]:
    """The first steps by which so many tokens were read; the last step is always one of them.

    Args:
        at: tokens; every: a checkpoint each so many tokens.
        real_tokens: read up to and including each step, shape (steps,).

    Raises:
        UserError: more tokens than the training reads.
    """
    total = int(real_tokens[-1])
    largest = max([*at, every or 0])
    if largest > total:
        raise UserError(
            f"a checkpoint is declared at {largest:,} tokens, but the training reads {total:,}",
            where="selection.at" if at and largest == max(at) else "selection.every",
            fix="name fewer tokens, or train longer",
        )
    wanted = [*at, *(range(every, total, every) if every else ())]
    steps = {int(np.searchsorted(real_tokens, tokens)) + 1 for tokens in wanted}
    return sorted({*steps, len(real_tokens)})
