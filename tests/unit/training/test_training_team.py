"""Two processes on one machine train what one process trains, and survive the loss of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from team_jobs import finish, job, start
from training_cases import STILL, base, optimisation
from watch_script import Script

from smallsteps.files import read_jsonl
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, ObjectiveSpec, Optimisation, train
from smallsteps.training.workspace import checkpoints

FSDP = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}
"""What `accelerate launch` sets for `launch/fsdp.yaml`."""
# Name, architecture, changed settings, objective; a teacher's path is filled in.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any] | None]] = {
    "llama": ("llama", {}, None),
    "t5": ("t5", {"steps": None, "epochs": 0.12, "accumulate": 3}, None),
    "muon": ("llama", {"optimizer": "muon", "learning_rate": 1e-5}, None),
    "packed": ("llama", {"attention": "packed"}, None),
    "checkpointing": ("llama", {"gradient_checkpointing": True}, None),
    "teacher": ("llama", {"accumulate": 2}, {"kl": 0.5}),
    "bf16": ("llama", {"precision": "bf16"}, None),
}
DIVIDED = ("llama", "t5", "packed", "checkpointing", "bf16")  # FSDP2: no Muon
BOUNDS = {"bf16": 5e-3}


def difference(one: Path, other: Path) -> float:
    """Largest difference of a weight, a step's loss or the norm of its gradients.

    AdamW takes steps of about its rate whatever the gradients' size, also where they are all but rounding:
    with a small rate the weights tell of more than that, and the norms do in any case.
    """
    rows = [[row for _, row in read_jsonl(folder / "loss.jsonl")] for folder in (one, other)]
    assert len(rows[0]) == len(rows[1]) > 1
    apart = [
        abs(a[key] - b[key]) / b[key] for a, b in zip(*rows, strict=True) for key in ("loss", "gradient_norm")
    ]
    left, right = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    assert left.keys() == right.keys()
    return max(*apart, *(float((left[name] - right[name]).abs().max()) for name in left))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("teams")


@pytest.fixture(scope="module")
def given(tokenizer_dir: Path, examples: list[Example], place: Path) -> dict[str, tuple[Any, ...]]:
    """Base, settings and objective of each case, trained by one process."""
    teacher = place / "teacher"
    train(examples, base("llama", tokenizer_dir), optimisation(steps=2), seed=9, out=teacher)
    found: dict[str, tuple[BaseSpec, Optimisation, ObjectiveSpec | None]] = {}
    for name, (kind, changes, wanted) in CASES.items():
        usual: dict[str, Any] = {
            "steps": 3,
            "precision": "fp32",
            "optimizer": "adamw",
            "learning_rate": 1e-4,
            "clip": 0.5,
            "save_every": 0,
        }
        settings = optimisation(**{**usual, **changes})
        objective = None
        if wanted is not None:
            objective = ObjectiveSpec.model_validate({**wanted, "teacher": {"path": str(teacher)}})
        spec = base(kind, tokenizer_dir, **STILL[kind])
        train(examples, spec, settings, seed=5, out=place / "one" / name, objective=objective)
        found[name] = (spec, settings, objective)
    return found


def together(
    names: tuple[str, ...],
    given: dict[str, tuple[Any, ...]],
    examples: list[Example],
    place: Path,
    **more: str,
) -> None:
    """All these cases by one pair of processes."""
    jobs = []
    for name in names:
        spec, settings, objective = given[name]
        extra = {} if objective is None else {"objective": objective.model_dump(mode="json")}
        jobs.append(job(spec, settings, examples, place / name, **extra))
    assert finish(start(jobs, place, **more)) == [(0, ""), (0, "")]


@pytest.fixture(scope="module")
def copies(given: dict[str, tuple[Any, ...]], examples: list[Example], place: Path) -> Path:
    folder = place / "ddp"
    folder.mkdir()
    together(tuple(CASES), given, examples, folder)
    return folder


@pytest.fixture(scope="module")
def parts(given: dict[str, tuple[Any, ...]], examples: list[Example], place: Path) -> Path:
    folder = place / "fsdp"
    folder.mkdir()
    together(DIVIDED, given, examples, folder, **FSDP)
    return folder


def test_one_process_with_its_weights_in_main_memory_takes_the_same_steps(
    given: dict[str, tuple[Any, ...]], examples: list[Example], place: Path, tmp_path: Path
) -> None:
    """FSDP2 with offloading, which on a processor moves nothing but goes the same way."""
    spec, settings, _ = given["llama"]
    jobs = [job(spec, settings, examples, tmp_path / "llama")]
    assert finish(start(jobs, tmp_path, size=1, **FSDP, FSDP_OFFLOAD_PARAMS="true")) == [(0, "")]
    assert difference(place / "one" / "llama", tmp_path / "llama") < 1e-6


@pytest.mark.parametrize("name", CASES)
def test_two_processes_take_the_steps_of_one(name: str, copies: Path, place: Path) -> None:
    """Token counts differ between the halves of a step; T5 has three micro-batches a step."""
    assert difference(place / "one" / name, copies / name) < BOUNDS.get(name, 1e-6)


@pytest.mark.parametrize("name", DIVIDED)
def test_divided_weights_take_the_steps_of_one_process(name: str, parts: Path, place: Path) -> None:
    """FSDP2; the student is an ordinary safetensors file in one piece."""
    assert difference(place / "one" / name, parts / name) < BOUNDS.get(name, 1e-6)


@pytest.mark.parametrize("more", [{}, FSDP], ids=["ddp", "fsdp"])
def test_several_processes_choose_among_checkpoints(
    more: dict[str, str], given: dict[str, tuple[Any, ...]], examples: list[Example], tmp_path: Path
) -> None:
    """The leading process assesses while the others wait; the second of three steps is chosen."""
    spec, settings, _ = given["llama"]
    watch = Script(tmp_path / "watch", [2], best=2)
    train(examples, spec, settings, seed=5, out=tmp_path / "one", watch=watch)
    watched = job(spec, settings, examples, tmp_path / "two", watch=str(tmp_path / "watch-two"))
    assert finish(start([watched], tmp_path, **more)) == [(0, ""), (0, "")]
    assert difference(tmp_path / "one", tmp_path / "two") < 1e-6
    assert watch.told == [0, 2, 3]


@pytest.mark.parametrize("more", [{}, FSDP], ids=["ddp", "fsdp"])
def test_one_of_two_is_killed_and_the_resumed_training_is_undisturbed(
    more: dict[str, str], tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    """Dropout is on; process 1 is killed between two checkpoints."""
    settings = optimisation(steps=6, precision="fp32", save_every=2, optimizer="adamw")
    spec = base("llama", tokenizer_dir)
    killed = finish(start([job(spec, settings, examples, tmp_path / "b", kill=[1, 5])], tmp_path, **more))
    assert killed[1] == (-9, "")
    code, text = killed[0]
    assert code is not None
    assert code > 0
    assert text.count("error:") == 1
    assert "another process of this training has ended" in text
    assert "Traceback" not in text
    assert [step for step, _ in checkpoints(tmp_path / ".b.work")] == [4, 2]
    both = [job(spec, settings, examples, tmp_path / name) for name in ("b", "a")]
    assert finish(start(both, tmp_path, **more)) == [(0, ""), (0, "")]
    for name in ("model.safetensors", "training.json", "loss.jsonl"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_processes_that_were_given_different_trainings_say_so(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec = base("llama", tokenizer_dir)
    wrong = job(spec, optimisation(steps=2), examples, tmp_path / "student", seeds=[1, 2])
    ended = finish(start([wrong], tmp_path))
    assert [code for code, _ in ended] != [0, 0]
    assert (
        "".join(text for _, text in ended).count("processes of this training differ in their examples") == 1
    )
    assert not (tmp_path / "student").exists()
