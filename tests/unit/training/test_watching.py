"""Checkpoints while training: resumed after an interruption, stopped early, chosen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from training_cases import base, optimisation
from watch_script import Script

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.students import hash_weights
from smallsteps.training import BaseSpec, LoraSpec, TrainingResult, train


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


@pytest.mark.parametrize("keep", ["merged", "adapter"])
def test_the_chosen_adapter_becomes_the_student(
    keep: Any, tmp_path: Path, tokenizer_dir: Path, examples: list[Example]
) -> None:
    """Writing it at every checkpoint does not disturb the training."""
    plain = train(
        examples, base("llama", tokenizer_dir), optimisation(steps=2), seed=1, out=tmp_path / "base"
    )
    spec, lora = BaseSpec(path=str(plain.folder)), LoraSpec(keep=keep, dropout=0.1)
    settings = optimisation(steps=6, optimizer="adamw")
    expected = train(examples, spec, settings, seed=1, out=tmp_path / "plain", lora=lora)
    watch = Script(tmp_path / "watch", [2, 4], best=4)
    result = train(examples, spec, settings, seed=1, out=tmp_path / "out", lora=lora, watch=watch)
    assert watch.told == [0, 2, 4, 6]
    assert hash_weights(result.folder) == watch.hashes[4]
    assert watch.hashes[6] == hash_weights(expected.folder)
    assert {path.name for path in result.folder.iterdir()} == {
        path.name for path in expected.folder.iterdir()
    }
