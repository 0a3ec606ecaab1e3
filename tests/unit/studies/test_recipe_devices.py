"""Recipes that name devices and a strategy: started in several processes, refused before any work."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smallsteps.cli.main import cli
from smallsteps.errors import UserError
from smallsteps.students import read_student
from smallsteps.studies.capacity import check_memory
from smallsteps.studies.run import recipe_stages, run_recipe
from smallsteps.studies.stages import StudentStage
from smallsteps.studies.together import CONFIGURATIONS, start

RECIPE = """\
recipe: two
scheme: cot
base:
  architecture:
    {model_type: llama, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 1, intermediate_size: 32}
tokenizer: {vocabulary: 300}
examples: {source: 'smallsteps.microworld.corpus:base_corpus', arguments: {seed: 1, examples: 40}}
optimisation: {steps: 3, learning_rate: 1e-3, batch_tokens: 512, max_length: 256, optimizer: adamw}
"""

TAUGHT = RECIPE.replace(
    RECIPE[RECIPE.index("examples:") : RECIPE.index("optimisation:")],
    "corpus: {benchmark: micro_problems, limit: 20, samples: 2, "
    "teacher: {kind: openai, model: m, base_url: 'http://127.0.0.1:9/v1'}}\n",
)


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("smallsteps.studies.together.devices_here", lambda: (2, "GPUs"))
    path = tmp_path / "two.yaml"
    path.write_text(RECIPE)
    return path


def test_a_recipe_starts_its_processes(recipe: Path, tmp_path: Path) -> None:
    chosen = (
        "selection={tasks: {target: [smallsteps_micro_problems]}, best_on: target_dev, limit: 2, at: [600]}"
    )
    folder = run_recipe(recipe, tmp_path / "out", overrides=["devices=2", chosen])
    student = read_student(folder)
    assert next(iter(student.training.values()))["steps"] == 3
    assert [one["step"] for one in student.selection["trajectory"]] == [0, 2, 3]


@pytest.mark.parametrize(
    ("overrides", "said", "told"),
    [
        (["devices=3"], "'devices: 3', and this machine has 2 GPUs", "set 'devices' to 2 at most"),
        (["strategy=fsdp"], "'devices' is 1", "set 'devices' to 2 or more"),
        (
            ["devices=2", "strategy=zero3"],
            "does not train with DeepSpeed's ZeRO-3",
            "take 'strategy: offload'",
        ),
        (
            ["devices=2", "strategy=fsdp", "optimisation.optimizer=muon"],
            "Muon works on whole matrices",
            "set 'optimizer: adamw'",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_before_any_work(
    overrides: list[str], said: str, told: str, recipe: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        run_recipe(recipe, tmp_path / "out", overrides=overrides)
    assert said in caught.value.message
    assert told in (caught.value.fix or "")
    assert not (tmp_path / "out").exists()


def test_one_device_leaves_the_keys_of_stages_as_they_were(recipe: Path, tmp_path: Path) -> None:
    stages = recipe_stages(recipe, tmp_path / "out")[2]
    assert not {"devices", "strategy"} & set(stages[-1].content()["recipe"])
    several = recipe_stages(recipe, tmp_path / "out", overrides=["devices=2"])[2]
    assert several[-1].content()["recipe"]["devices"] == 2


def test_every_strategy_has_a_configuration() -> None:
    assert {path.stem for path in CONFIGURATIONS.glob("*.yaml")} == {"ddp", "fsdp", "offload"}


def test_plan_refuses_what_does_not_fit_on_the_named_hardware(recipe: Path, tmp_path: Path) -> None:
    small = ["recipes", "plan", str(recipe), "--out", str(tmp_path / "out"), "--hardware", "a100"]
    told = CliRunner().invoke(cli, small)
    assert told.exit_code == 0
    assert "memory of each device" in told.output
    assert "1,536 tokens at most" in told.output
    wide = [f"base.architecture.{key}=40000" for key in ("hidden_size", "intermediate_size")]
    refused = CliRunner().invoke(cli, [*small, *(word for text in wide for word in ("--set", text))])
    assert isinstance(refused.exception, UserError)
    assert "a100 has 74.5 GiB" in refused.exception.message
    assert not (tmp_path / "out").exists()


def test_a_plan_for_other_hardware_counts_no_devices_of_this_machine(recipe: Path, tmp_path: Path) -> None:
    command = ["recipes", "plan", str(recipe), "--out", str(tmp_path / "out"), "--set", "devices=8"]
    told = CliRunner().invoke(cli, [*command, "--hardware", "h100"])
    assert told.exit_code == 0, told.output
    refused = CliRunner().invoke(cli, command)
    assert isinstance(refused.exception, UserError)
    assert "this machine has 2 GPUs" in refused.exception.message


@pytest.mark.parametrize(
    "overrides", [[], ["devices=2"], ["optimisation.precision=bf16_weights"]], ids=["one", "two", "bf16"]
)
def test_what_does_not_fit_into_memory_is_refused_before_any_stage(
    overrides: list[str], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Llama of 300 tokens, width 16: about 7,000 parameters, 16 bytes each for AdamW."""
    monkeypatch.setattr("smallsteps.studies.capacity.this_memory", lambda: 20_000)
    with pytest.raises(UserError, match="weights, gradients and optimizer state need") as caught:
        run_recipe(recipe, tmp_path / "out", overrides=overrides)
    assert "strategy: offload" in (caught.value.fix or "")
    stages = recipe_stages(recipe, tmp_path / "out", overrides=overrides)[2]
    assert not any(stage.is_done(tmp_path / "out") for stage in stages)
    monkeypatch.setattr("smallsteps.studies.capacity.this_memory", lambda: 1 << 30)
    check_memory(stages)


def test_plan_says_what_a_teacher_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    path = tmp_path / "taught.yaml"
    path.write_text(TAUGHT)
    told = CliRunner().invoke(cli, ["recipes", "plan", str(path), "--out", str(tmp_path / "out")])
    assert told.exit_code == 0, told.output
    assert "samples    40 to ask for" in told.output
    assert "completion about" in told.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "ended without an answer"),
        ("import sys; sys.exit('bus error')", "ended without an answer: bus error"),
        (
            'print(\'smallsteps-says {"error": {"message": "disk full", "where": null, "fix": null, \''
            "'\"code\": 66}}'); raise SystemExit(66)",
            "disk full",
        ),
    ],
    ids=["killed", "words", "told"],
)
def test_processes_that_end_early_are_one_error(
    ends: str, said: str, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher is replaced by a process that ends in this way."""
    stage = recipe_stages(recipe, tmp_path / "out")[2][-1]
    assert isinstance(stage, StudentStage)
    monkeypatch.setattr("smallsteps.studies.together._command", lambda *_: [sys.executable, "-c", ends])
    with pytest.raises(UserError) as caught:
        start(stage, tmp_path, lambda *_: None, devices=2, strategy="ddp")
    assert said in caught.value.message
    assert caught.value.code > 2
