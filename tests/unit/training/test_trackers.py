"""Trackers besides our own log."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from training_cases import base, optimisation

from smallsteps.errors import UserError
from smallsteps.files import read_jsonl
from smallsteps.schemes import Example
from smallsteps.training import trackers, train


def test_a_missing_package_is_one_error_before_training(
    tmp_path: Path, tokenizer_dir: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trackers, "installed", lambda name: False)
    with pytest.raises(UserError, match="'wandb' needs the package wandb") as caught:
        train(
            examples,
            base("llama", tokenizer_dir),
            optimisation(),
            seed=1,
            out=tmp_path / "out",
            report_to=["wandb"],
        )
    assert "pip install wandb" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_an_unknown_tracker_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'mlflow'"):
        trackers.check_trackers(["mlfow"])


def test_a_tracker_is_told_what_our_log_says(
    tmp_path: Path, tokenizer_dir: Path, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import TrainerCallback
    from transformers.integrations import integration_utils

    told: list[dict[str, float]] = []
    places: list[str] = []
    names: set[tuple[str, ...]] = set()

    class Fake(TrainerCallback):
        def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            told.append(dict(given["logs"]))
            places.append(os.environ["TENSORBOARD_LOGGING_DIR"])
            names.add((args.run_name, args.project, os.environ["WANDB_PROJECT"]))

    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "tensorboard", Fake)
    monkeypatch.setattr(trackers, "installed", lambda name: True)
    for name in ("TENSORBOARD_LOGGING_DIR", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    out = tmp_path / "cot-s1" / "model"
    train(
        examples,
        base("llama", tokenizer_dir),
        optimisation(steps=5),
        seed=1,
        out=out,
        report_to=["tensorboard"],
    )
    ours = [row for _, row in read_jsonl(out / "loss.jsonl")]
    losses = [row["loss"] for row in told if "loss" in row]
    assert losses == [row["loss"] for row in ours]
    assert set(places) == {str(tmp_path / "cot-s1" / "tensorboard")}
    assert names == {("cot-s1/model", "smallsteps", "smallsteps")}
    assert not {"TENSORBOARD_LOGGING_DIR", "WANDB_PROJECT"} & set(os.environ)
