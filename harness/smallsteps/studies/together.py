"""A student stage in several processes: started, watched and ended from one; each runs `member`."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.errors import SOFTWARE, UserError
from smallsteps.training.team import Team, check_strategy

if TYPE_CHECKING:
    from smallsteps.studies.recipe import Recipe
    from smallsteps.studies.stages.student import StudentStage

Report = Callable[[float, float, str], None]
CONFIGURATIONS = Path(__file__).parent.parent / "training" / "launch"
_SAID = "smallsteps-says "  # before each line of ours on standard output


def check_devices(recipes: Iterable[Recipe], *, here: bool = True) -> None:
    """Check that this machine can train as the recipes say, before anything is read or downloaded.

    Args:
        recipes: to be trained.
        here: on this machine; False for a plan for another one, whose devices are not counted.

    Raises:
        UserError: fewer devices than a recipe names, a strategy or optimizer that cannot train so.
    """
    for recipe in recipes:
        if recipe.devices == 1 and recipe.strategy == "ddp":
            continue
        if recipe.devices == 1 and recipe.strategy == "fsdp":
            raise UserError(
                "strategy fsdp divides a model among devices, and 'devices' is 1",
                where=f"{recipe.recipe}: devices",
                fix="set 'devices' to 2 or more, or leave 'strategy' out",
            )
        there, what = devices_here() if here else (recipe.devices, "")
        if recipe.devices > there:
            raise UserError(
                f"'devices: {recipe.devices}', and this machine has {there} {what}",
                where=f"{recipe.recipe}: devices",
                fix=f"set 'devices' to {there} at most",
            )
        team = Team(0, recipe.devices, recipe.strategy)
        for part in recipe.trained:
            check_strategy(team, recipe.optimisation_of(part), recipe.lora)


def devices_here() -> tuple[int, str]:
    """The number of GPUs this process may use, or else of processor cores; and which of the two."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.device_count(), "GPUs"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores, "processor cores and no GPU"


def start(stage: StudentStage, out: Path, report: Report, *, devices: int, strategy: str) -> None:
    """Carry out a student's stage in `devices` processes of `accelerate launch`.

    Raises:
        UserError: that of the first process that failed.
    """
    with tempfile.TemporaryDirectory(prefix="smallsteps-") as folder:
        path = Path(folder) / "stage.pickle"
        path.write_bytes(pickle.dumps((stage, out)))
        command = _command(strategy, devices, path)
        with (Path(folder) / "errors").open("w+b") as errors:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
            try:
                failure = _follow(process, report)
            finally:
                _end(process)
            if process.returncode == 0:
                return
            if failure is None:
                errors.seek(0)
                text = errors.read().decode(errors="replace").strip().splitlines()
                failure = UserError(
                    f"one of the {devices} processes of this training ended without an answer"
                    + (f": {text[-1]}" if text else ""),
                    fix="it may have run out of memory; the same command goes on from the newest checkpoint",
                    code=SOFTWARE,
                )
            raise failure


def _command(strategy: str, devices: int, stage: Path) -> list[str]:
    command = [sys.executable, "-m", "accelerate.commands.launch"]
    command += ["--config_file", str(CONFIGURATIONS / f"{strategy}.yaml")]
    command += ["--num_processes", str(devices), "--main_process_port", "0"]
    return [*command, "-m", "smallsteps.studies.member", str(stage)]


def _follow(process: subprocess.Popen[str], report: Report) -> UserError | None:
    """Pass progress on until the processes have ended; returns the first error that they reported."""
    failure: UserError | None = None
    assert process.stdout is not None
    for line in process.stdout:
        if not line.startswith(_SAID):
            continue
        said = json.loads(line[len(_SAID) :])
        if "progress" in said:
            report(*said["progress"])
        elif failure is None:
            failure = UserError(**said["error"])
    process.wait()
    return failure


def _end(process: subprocess.Popen[str]) -> None:
    """End the launcher and its processes, whatever they do."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def say(**what: Any) -> None:
    """A line for `start`."""
    print(_SAID + json.dumps(what), flush=True)
