"""Checkpoints while training: resumed after an interruption, stopped early, chosen."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from training_cases import base, optimisation

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.students import hash_weights
from smallsteps.training import BaseSpec, LoraSpec, TrainingResult, train
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


def run(
    examples: list[Example], spec: BaseSpec, out: Path, watch: Script | None, every: int = 2
) -> TrainingResult:
    return train(examples, spec, optimisation(save_every=every), seed=1, out=out, watch=watch)


def test_the_chosen_checkpoint_becomes_the_student(
    tmp_path: Path, tokenizer_dir: Path, examples: list[Example]
) -> None:
    spec = base("llama", tokenizer_dir)
    plain = run(examples, spec, tmp_path / "plain", None)
    watch = Script(tmp_path / "watch", [4, 8], best=8)
    result = run(examples, spec, tmp_path / "out", watch)
    assert watch.told == [0, 4, 8, 12]
    assert hash_weights(result.folder) == watch.hashes[8]
    assert watch.hashes[12] == hash_weights(plain.folder)  # dropout drew the same numbers
    assert not list((tmp_path / "watch").glob("*/model"))
    files = {path.name for path in plain.folder.iterdir()}
    assert {path.name for path in result.folder.iterdir()} == files
    watch.chosen.model.mkdir()  # as if it had been killed when the student was there
    assert run(examples, spec, tmp_path / "out", watch).reused
    assert not list((tmp_path / "watch").glob("*/model"))
    last = json.loads((plain.folder / "loss.jsonl").read_text().splitlines()[-1])
    assert last["supervised_tokens"] == watch.supervised[12] == plain.figures.supervised_tokens


def test_a_stopped_training_says_what_it_did(
    tmp_path: Path, tokenizer_dir: Path, examples: list[Example]
) -> None:
    spec = base("llama", tokenizer_dir)
    whole = run(examples, spec, tmp_path / "plain", None)
    watch = Script(tmp_path / "watch", [4, 8], best=4, stop=8)
    result = run(examples, spec, tmp_path / "out", watch)
    assert watch.told == [0, 4, 8]
    assert hash_weights(result.folder) == watch.hashes[4]
    assert result.figures.steps == 8
    assert 0 < result.figures.real_tokens < whole.figures.real_tokens
    assert 0 < result.figures.supervised_tokens < whole.figures.supervised_tokens


def test_an_interrupted_watch_goes_on_to_the_same_student(
    tmp_path: Path, tokenizer_dir: Path, examples: list[Example]
) -> None:
    spec = base("llama", tokenizer_dir)
    whole = Script(tmp_path / "whole", [4, 8], best=4)
    expected = run(examples, spec, tmp_path / "a", whole)
    first = Script(tmp_path / "watch", [4, 8], best=4, fail=8)
    with pytest.raises(KeyboardInterrupt):
        run(examples, spec, tmp_path / "b", first)
    second = Script(tmp_path / "watch", [4, 8], best=4)
    second.chosen = first.chosen
    result = run(examples, spec, tmp_path / "b", second)
    assert second.resumed == 6
    assert second.told == [8, 12]
    assert hash_weights(result.folder) == hash_weights(expected.folder)
    assert second.hashes[12] == whole.hashes[12]


def test_weights_that_are_gone_are_an_error(
    tmp_path: Path, tokenizer_dir: Path, examples: list[Example]
) -> None:
    spec = base("llama", tokenizer_dir)
    first = Script(tmp_path / "watch", [4, 8], best=4, fail=8)
    with pytest.raises(KeyboardInterrupt):
        run(examples, spec, tmp_path / "out", first)
    shutil.rmtree(first.chosen.model)
    second = Script(tmp_path / "watch", [4, 8], best=4)
    second.chosen = first.chosen
    with pytest.raises(UserError, match=r"weights of the chosen checkpoint .* are gone"):
        run(examples, spec, tmp_path / "out", second)


def test_adapters_are_refused(tmp_path: Path, tokenizer_dir: Path, examples: list[Example]) -> None:
    with pytest.raises(UserError, match="checkpoints of adapters"):
        train(
            examples,
            base("llama", tokenizer_dir),
            optimisation(),
            seed=1,
            out=tmp_path / "out",
            lora=LoraSpec(),
            watch=Script(tmp_path / "watch", [4], best=4),
        )
