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
def logs_beside(out: Path) -> Iterator[None]:
    """Have TensorBoard's files written beside the result, unless the user named a folder."""
    if os.environ.get(TENSORBOARD):
        yield
        return
    os.environ[TENSORBOARD] = str(out.parent / "tensorboard")
    try:
        yield
    finally:
        del os.environ[TENSORBOARD]
