"""Where a training lives while it runs: beside its result, locked, and renamed into place when done."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.files import disk_error, read_json, write_json
from smallsteps.locks import exclusive
from smallsteps.training.result import FIGURES, TrainingResult, read_result

_INPUTS = "inputs.json"
_SCHEMA = "smallsteps.training_inputs/1"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a running training; `checkpoint` is the newest whole one, if there is any."""

    folder: Path
    checkpoint: Path | None


def finished(out: Path, inputs: str) -> TrainingResult | None:
    """The result that stands in `out`, if any.

    Raises:
        UserError: `out` holds another training, or something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / FIGURES).is_file():
        raise UserError(
            "the output folder is not empty and no training of ours",
            where=str(out),
            fix="give another folder, or empty this one",
            code=CANNOT_CREATE,
        )
    result = read_result(out)
    _same(result.figures.inputs, inputs, out)
    return result


@contextlib.contextmanager
def open_workspace(out: Path, inputs: str, environment: dict[str, Any]) -> Iterator[Workspace]:
    """Make or reopen the work folder `.NAME.work` beside `out`, for this process alone.

    Checkpoints of another environment (library versions, device, precision) are dropped: going on from them
    would give weights that no undisturbed training gives.

    Raises:
        UserError: the folder belongs to other inputs, is in use, or cannot be written.
    """
    folder = out.parent / f".{out.name}.work"
    busy = UserError(
        "another process is training this", where=str(out), fix="wait for it", code=CANNOT_CREATE
    )
    with exclusive(folder / "lock", busy):
        record = folder / _INPUTS
        wanted = {"schema": _SCHEMA, "inputs": inputs, "environment": environment}
        if record.exists():
            found = read_json(record)
            checkpoints = list(folder.glob("checkpoint-*"))
            if checkpoints:  # a training that failed before its first one holds nothing worth keeping
                _same(str(found.get("inputs")), inputs, folder)
            if found != wanted:
                for checkpoint in checkpoints:
                    shutil.rmtree(checkpoint)
        write_json(record, wanted)
        try:
            yield Workspace(folder, _newest(folder))
        except OSError as error:
            raise disk_error(error, folder) from error


def publish(workspace: Workspace, trained: Path, out: Path) -> None:
    """Rename the trained folder to `out` and drop the work folder."""
    umask = os.umask(0)
    os.umask(umask)
    try:
        for path in trained.iterdir():
            path.chmod(0o666 & ~umask)  # safetensors makes private files; results are meant to be read
        if out.is_dir():
            out.rmdir()  # only an empty one comes this far
        trained.replace(out)
    except OSError as error:
        raise disk_error(error, out) from error
    shutil.rmtree(workspace.folder)


def _newest(folder: Path) -> Path | None:
    """Checkpoints are renamed into place when whole, so the highest step is the newest whole one."""
    numbered = {int(path.name.rpartition("-")[2]): path for path in folder.glob("checkpoint-*")}
    return numbered[max(numbered)] if numbered else None


def _same(found: str, wanted: str, where: Path) -> None:
    if found != wanted:
        raise UserError(
            f"the folder belongs to a training with other inputs ({found[:12]}, here {wanted[:12]})",
            where=str(where),
            fix="examples, base, optimisation or seed have changed: give another folder or remove this one",
            code=CANNOT_CREATE,
        )
