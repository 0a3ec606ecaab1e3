"""Two processes on one machine train what one process trains, and survive the loss of one."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file
from team_jobs import finish, job, start
from training_cases import STILL, base, optimisation

from smallsteps.files import read_jsonl
from smallsteps.schemes import Example
from smallsteps.training import train
from smallsteps.training.workspace import checkpoints

KINDS = ("llama", "t5")
FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}
"""What `accelerate launch` sets for `launch/fsdp.yaml`."""


def difference(one: Path, other: Path) -> float:
    """Largest difference of a weight, a step's loss or the norm of its gradients.

    AdamW takes steps of about its rate whatever the gradients' size, also where they are all but rounding:
    with a small rate the weights tell of more than that, and the norms do in any case.
    """
    rows = [[row for _, row in read_jsonl(folder / "loss.jsonl")] for folder in (one, other)]
    assert len(rows[0]) == len(rows[1])
    apart = [
        abs(a[key] - b[key]) / b[key] for a, b in zip(*rows, strict=True) for key in ("loss", "gradient_norm")
    ]
    left, right = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert left.keys() == right.keys()
    return max(*apart, *(float((left[name] - right[name]).abs().max()) for name in left))


def test_two_processes_take_the_steps_of_one(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """Token counts differ between the halves of a step; T5 has three micro-batches a step."""
    jobs = []
    for kind in KINDS:
        settings = optimisation(steps=4, precision="fp32", optimizer="adamw", learning_rate=1e-4, clip=0.5)
        given = examples
        if kind == "t5":
            settings = settings.model_copy(update={"steps": None, "epochs": 1.0, "accumulate": 3})
            given = examples[:21]
        spec = base(kind, tokenizer_dir, **STILL[kind])
        train(given, spec, settings, seed=5, out=tmp_path / f"{kind}-1")
        jobs.append(job(spec, settings, given, tmp_path / f"{kind}-2"))
    assert finish(start(jobs, tmp_path)) == [(0, ""), (0, "")]
    for kind in KINDS:
        assert difference(tmp_path / f"{kind}-1", tmp_path / f"{kind}-2") < 1e-6


@pytest.mark.parametrize("more", [{}, FSDP], ids=["ddp", "fsdp"])
def test_one_of_two_is_killed_and_the_resumed_training_is_undisturbed(
    more: dict[str, str], tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """Dropout is on; process 1 is killed between two checkpoints."""
    settings = optimisation(steps=10, precision="fp32", save_every=3, optimizer="adamw")
    spec = base("llama", tokenizer_dir)
    killed = finish(start([job(spec, settings, examples, tmp_path / "b", kill=[1, 8])], tmp_path, **more))
    assert killed[1] == (-9, "")
    code, text = killed[0]
    assert code > 0
    assert text.count("error:") == 1
    assert "another process of this training has ended" in text
    assert "Traceback" not in text
    assert [step for step, _ in checkpoints(tmp_path / ".b.work")] == [6, 3]
    both = [job(spec, settings, examples, tmp_path / name) for name in ("b", "a")]
    assert finish(start(both, tmp_path, **more)) == [(0, ""), (0, "")]
    for name in ("model.safetensors", "training.json", "loss.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_divided_weights_take_the_steps_of_one_process(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """FSDP2; the student is an ordinary safetensors file in one piece."""
    settings = optimisation(steps=4, precision="fp32", optimizer="adamw", learning_rate=1e-4, clip=0.5)
    settings = settings.model_copy(update={"accumulate": 4, "save_every": 0})
    spec = base("llama", tokenizer_dir, **STILL["llama"])
    train(examples, spec, settings, seed=5, out=tmp_path / "one")
    jobs = [job(spec, settings, examples, tmp_path / "two")]
    assert finish(start(jobs, tmp_path, **FSDP)) == [(0, ""), (0, "")]
    assert difference(tmp_path / "one", tmp_path / "two") < 1e-6
