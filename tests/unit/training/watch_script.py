"""A watch that follows a script instead of evaluating."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smallsteps.students import hash_weights
from smallsteps.training.watch import Checkpoint, Verdict


@dataclass
class Script:
    """A watch that prefers one step, and spends random numbers as an evaluation does."""

    folder: Path
    at: list[int]
    best: int
    stop: int = 0
    fail: int = -1
    told: list[int] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    supervised: dict[int, int] = field(default_factory=dict)
    resumed: int = -1

    identity = "script"

    def steps(self, real_tokens: NDArray[np.int64]) -> list[int]:
        return [*self.at, len(real_tokens)]

    def place(self, tokens: int) -> Path:
        return self.folder / f"tokens-{tokens}"

    def resume(self, step: int) -> None:
        self.resumed = step

    def assess(self, checkpoint: Checkpoint) -> Verdict:
        if checkpoint.step == self.fail:
            raise KeyboardInterrupt
        torch.manual_seed(0)
        np.random.seed(0)
        random.seed(0)
        self.told.append(checkpoint.step)
        self.supervised[checkpoint.step] = checkpoint.supervised_tokens
        self.hashes[checkpoint.step] = hash_weights(checkpoint.model)
        if checkpoint.step == self.best:
            self.chosen = checkpoint
        return Verdict(checkpoint.step == self.best, checkpoint.step == self.stop)

    def choose(self) -> Checkpoint:
        return self.chosen

    def tidy(self) -> None:
        for model in self.folder.glob("*/model"):
            shutil.rmtree(model)
