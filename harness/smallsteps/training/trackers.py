"""Experiment trackers that transformers' Trainer can report to, besides our own `loss.jsonl`."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from smallsteps.errors import UNAVAILABLE, UserError, unknown_name

Tracker = Literal["wandb", "mlflow", "tensorboard", "trackio"]
TENSORBOARD = "TENSORBOARD_LOGGING_DIR"  # transformers' own; by default the folder of the running training
PROJECT = "smallsteps"
PACKAGES: dict[str, str] = {name: name for name in ("wandb", "mlflow", "tensorboard", "trackio")}


def installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return importlib.util.find_spec(package) is not None


def check_trackers(names: Iterable[str]) -> None:
    """Whether the packages of these trackers are installed; nothing of them is imported.

    Raises:
        UserError: an unknown tracker, or one whose package is missing.
    """
    for name in names:
        if name not in PACKAGES:
            raise unknown_name("tracker", name, PACKAGES, where="report_to")
        if not installed(PACKAGES[name]):
            raise UserError(
                f"the tracker '{name}' needs the package {PACKAGES[name]}, which is not installed",
                where="report_to",
                fix=f"pip install {PACKAGES[name]}, or take '{name}' out of 'report_to': "
                "loss.jsonl is always written",
                code=UNAVAILABLE,
            )


@contextlib.contextmanager
def logs_of(out: Path) -> Iterator[None]:
    """Name the project and keep TensorBoard's files beside the result, unless the environment says else."""
    own = {
        TENSORBOARD: str(out.parent / "tensorboard"),
        "WANDB_PROJECT": PROJECT,
        "MLFLOW_EXPERIMENT_NAME": PROJECT,
    }
    unset = [name for name in own if not os.environ.get(name)]
    os.environ.update({name: own[name] for name in unset})
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


def run_name(out: Path) -> str:
    """What a tracker calls the training of this folder: the student and its part."""
    return f"{out.parent.name}/{out.name}"
