"""Trainings end to end: repeatable, resumable to the bit, whole or absent."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_cases import base, optimisation

from smallsteps.errors import UserError
from smallsteps.files import read_jsonl
from smallsteps.integrity import write_sealed
from smallsteps.schemes import Example
from smallsteps.students.card import hash_weights
from smallsteps.training import Progress, read_result, train


class Killed(BaseException):
    """Stands for a signal: nothing in between may catch it."""


def kill_at(step: int) -> Callable[[Progress], None]:
    def progress(now: Progress) -> None:
        if now.step == step:
            raise Killed

    return progress


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "timing.json"}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_killed_and_resumed_is_undisturbed_to_the_byte(
    kind: str, precision: str, tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """Dropout is on, two micro-batches a step, an epoch ends in between; killed twice between checkpoints."""
    settings = optimisation(steps=20, save_every=4, precision=precision, accumulate=2, batch_tokens=400)
    spec = base(kind, tokenizer_dir)
    undisturbed = train(examples, spec, settings, seed=5, out=tmp_path / "a")
    for step in (6, 15):
        with pytest.raises(Killed):
            train(examples, spec, settings, seed=5, out=tmp_path / "b", progress=kill_at(step))
        assert not (tmp_path / "b").exists()
    seen: list[int] = []
    resumed = train(
        examples, spec, settings, seed=5, out=tmp_path / "b", progress=lambda now: seen.append(now.step)
    )
    assert seen == list(range(13, 21))
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    assert resumed.figures == undisturbed.figures
    assert undisturbed.figures.passes > 1
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_repeats_are_equal_and_seeds_differ(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec = base("llama", tokenizer_dir)
    hashes = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(examples, spec, optimisation(steps=4), seed=seed, out=tmp_path / name)
        hashes.append(hash_weights(tmp_path / name))
    assert hashes[0] == hashes[1] != hashes[2]


def test_finished_training_is_only_read(tokenizer_dir: Path, examples: list[Example], tmp_path: Path) -> None:
    spec, settings, out = base("llama", tokenizer_dir), optimisation(steps=3), tmp_path / "student"
    first = train(examples, spec, settings, seed=1, out=out)
    stamp = (out / "model.safetensors").stat().st_mtime_ns
    again = train(examples, spec, settings, seed=1, out=out)
    assert again.reused
    assert not first.reused
    assert again.figures == first.figures == read_result(out).figures
    assert (out / "model.safetensors").stat().st_mtime_ns == stamp


def test_how_often_it_saves_is_no_other_training(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec = base("llama", tokenizer_dir)
    train(examples, spec, optimisation(steps=3), seed=1, out=tmp_path / "s")
    assert train(examples, spec, optimisation(steps=3, save_every=1), seed=1, out=tmp_path / "s").reused


def test_other_inputs_in_the_same_folder_are_refused(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, out = base("llama", tokenizer_dir), tmp_path / "student"
    train(examples, spec, optimisation(steps=2), seed=1, out=out)
    before = contents(out)
    for others, settings, seed in (
        (examples[1:], optimisation(steps=2), 1),
        (examples, optimisation(steps=2, learning_rate=1e-3), 1),
        (examples, optimisation(steps=2), 2),
    ):
        with pytest.raises(UserError, match="other inputs"):
            train(others, spec, settings, seed=seed, out=out)
    assert contents(out) == before


def test_other_inputs_beside_an_interrupted_training_are_refused(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, out = base("llama", tokenizer_dir), tmp_path / "student"
    settings = optimisation(steps=6, save_every=2)
    with pytest.raises(Killed):
        train(examples, spec, settings, seed=1, out=out, progress=kill_at(3))
    with pytest.raises(UserError, match="other inputs"):
        train(examples, spec, settings, seed=2, out=out)
    assert train(examples, spec, settings, seed=1, out=out).figures.steps == 6


def test_failed_start_does_not_bar_the_mended_one(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, out = base("llama", tokenizer_dir), tmp_path / "student"
    with pytest.raises(UserError, match="max_length"):
        train(examples, spec, optimisation(steps=2, max_length=8), seed=1, out=out)
    assert train(examples, spec, optimisation(steps=2), seed=1, out=out).figures.steps == 2


def flip(path: Path) -> None:
    """Change one bit in the middle of a file."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "optimizer.pt", "trainer_state.json", "checkpoint.json"]
)
def test_a_damaged_checkpoint_is_passed_over_and_the_end_is_the_same_to_the_byte(
    name: str,
    tokenizer_dir: Path,
    examples: list[Example],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    spec, settings = base("llama", tokenizer_dir), optimisation(steps=8, save_every=2)
    train(examples, spec, settings, seed=5, out=tmp_path / "a")
    with pytest.raises(Killed):
        train(examples, spec, settings, seed=5, out=tmp_path / "b", progress=kill_at(7))
    flip(tmp_path / ".b.work" / "checkpoint-6" / name)
    seen: list[int] = []
    train(examples, spec, settings, seed=5, out=tmp_path / "b", progress=lambda now: seen.append(now.step))
    assert seen[0] == 5
    assert "checkpoint-6" in (said := capsys.readouterr().err)
    assert "going on from checkpoint-4" in said
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_with_every_checkpoint_damaged_the_remedy_is_named(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, settings = base("llama", tokenizer_dir), optimisation(steps=8, save_every=2)
    with pytest.raises(Killed):
        train(examples, spec, settings, seed=5, out=tmp_path / "b", progress=kill_at(7))
    for step in (4, 6):
        flip(tmp_path / ".b.work" / f"checkpoint-{step}" / "optimizer.pt")
    with pytest.raises(UserError) as caught:
        train(examples, spec, settings, seed=5, out=tmp_path / "b")
    assert "every checkpoint is damaged" in str(caught.value)
    assert f"remove {tmp_path / '.b.work'} and run the same command again" in str(caught.value)


def test_a_damaged_result_is_not_taken_for_done(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, settings = base("llama", tokenizer_dir), optimisation(steps=2)
    train(examples, spec, settings, seed=5, out=tmp_path / "b")
    flip(tmp_path / "b" / "model.safetensors")
    with pytest.raises(UserError, match="damaged or was changed"):
        train(examples, spec, settings, seed=5, out=tmp_path / "b")


def test_checkpoint_of_another_environment_is_not_resumed(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, out = base("llama", tokenizer_dir), tmp_path / "student"
    settings = optimisation(steps=6, save_every=2)
    with pytest.raises(Killed):
        train(examples, spec, settings, seed=1, out=out, progress=kill_at(5))
    record = tmp_path / ".student.work" / "inputs.json"
    data = json.loads(record.read_text())
    data["environment"]["torch"] = "1.0"
    del data["digest"]
    write_sealed(record, data)
    seen: list[int] = []
    train(examples, spec, settings, seed=1, out=out, progress=lambda now: seen.append(now.step))
    assert seen[0] == 1


def test_folder_with_something_else_is_left_alone(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        train(examples, base("llama", tokenizer_dir), optimisation(), seed=1, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_processes_do_not_train_the_same(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec, settings, out = base("llama", tokenizer_dir), optimisation(steps=3), tmp_path / "student"

    def again(now: Progress) -> None:
        with pytest.raises(UserError, match="another process"):
            train(examples, spec, settings, seed=1, out=out)

    train(examples, spec, settings, seed=1, out=out, progress=again)


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_it_learns_and_counts(
    kind: str, tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    few = [Example(e.prompt, " w1 w2 w3") for e in examples[:40]]
    reports: list[Progress] = []
    result = train(
        few,
        base(kind, tokenizer_dir),
        optimisation(steps=40, learning_rate=0.02),
        seed=1,
        out=tmp_path / "s",
        progress=reports.append,
    )
    figures = result.figures
    assert figures.first_loss > 3.5
    assert figures.final_loss < 1.0
    assert figures.supervised_tokens == round(figures.passes * len(few)) * 4
    assert figures.real_tokens <= figures.padded_tokens
    assert reports[-1].tokens == reports[-1].total_tokens == figures.real_tokens
    rows = [row for _, row in read_jsonl(tmp_path / "s" / "loss.jsonl")]
    assert [row["step"] for row in rows] == list(range(1, 41))
    assert result.timing.seconds > 0
    assert result.timing.peak_memory > 50 << 20


def test_the_folder_is_a_plain_hugging_face_model(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    train(
        [Example(e.prompt, " w1 w2 w3") for e in examples],
        base("llama", tokenizer_dir),
        optimisation(steps=40, learning_rate=0.02),
        seed=1,
        out=tmp_path / "s",
    )
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err == ""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tmp_path / "s")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "s")
    assert model.config.use_cache
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    ids = tokenizer(examples[0].prompt, return_tensors="pt").input_ids
    text = tokenizer.decode(model.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :])
    assert text == "w1 w2 w3 </s>"
    assert {path.suffix for path in (tmp_path / "s").iterdir()} == {".json", ".jsonl", ".safetensors"}
    for path in (tmp_path / "s").glob("*.json"):
        assert str(tmp_path) not in path.read_text()


def test_goes_on_from_a_trained_folder(tokenizer_dir: Path, examples: list[Example], tmp_path: Path) -> None:
    from smallsteps.training import BaseSpec

    first = train(examples, base("llama", tokenizer_dir), optimisation(steps=20), seed=1, out=tmp_path / "a")
    second = train(
        examples, BaseSpec(path=str(tmp_path / "a")), optimisation(steps=4), seed=1, out=tmp_path / "b"
    )
    assert abs(second.figures.first_loss - first.figures.final_loss) < 0.05
    assert first.figures.first_loss - first.figures.final_loss > 0.07
    other = tmp_path / "c"
    shutil.copytree(tmp_path / "a", other)
    moved = train(examples, BaseSpec(path=str(other)), optimisation(steps=4), seed=1, out=tmp_path / "b")
    assert moved.reused  # a base is its contents, not its place


def test_divergence_is_said(tokenizer_dir: Path, examples: list[Example], tmp_path: Path) -> None:
    settings = optimisation(steps=30, learning_rate=1e30, optimizer="adamw", clip=0, warmup=0)
    with pytest.raises(UserError, match="diverged") as caught:
        train(examples, base("llama", tokenizer_dir), settings, seed=1, out=tmp_path / "s")
    assert "learning_rate" in str(caught.value.fix)
    assert not (tmp_path / "s").exists()


def test_positions_of_the_model_bound_the_examples(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec = base("llama", tokenizer_dir, max_position_embeddings=16)
    with pytest.raises(UserError, match="more than max_length = 16"):
        train(examples, spec, optimisation(), seed=1, out=tmp_path / "s")


def test_full_disk_is_said_and_resumable(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch reports a full disk as a RuntimeError without an errno."""
    import torch

    from smallsteps.training import run

    spec, settings, out = base("llama", tokenizer_dir), optimisation(steps=6, save_every=2), tmp_path / "s"
    save: Any = torch.save

    def full(value: Any, place: Any) -> None:
        if "checkpoint-4" in str(place):
            raise RuntimeError("[enforce fail at inline_container.cc:668] . unexpected pos 64 vs 0")
        save(value, place)

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        usage = shutil.disk_usage(tmp_path)
        patch.setattr(run.shutil, "disk_usage", lambda folder: usage._replace(free=0))
        with pytest.raises(UserError, match="no space left"):
            train(examples, spec, settings, seed=1, out=out)
    seen: list[int] = []
    train(examples, spec, settings, seed=1, out=out, progress=lambda now: seen.append(now.step))
    assert seen[0] == 3
