"""The work folder of a training run: beside its result, locked, and renamed into place when done."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, UserError
from smallsteps.files import disk_error
from smallsteps.integrity import check_files, digests, read_sealed, write_sealed
from smallsteps.locks import exclusive
from smallsteps.terminal import visible_text
from smallsteps.training.result import FIGURES, TrainingResult, read_result

_INPUTS = "inputs.json"
_SCHEMA = "smallsteps.training_inputs/2"
_EARLIER = "smallsteps.training_inputs/1"
_FILES = "checkpoint.json"
_FILES_SCHEMA = "smallsteps.checkpoint/1"
KEPT = 2  # checkpoints: the newest, and one to fall back to


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folder of a running training; `checkpoint` is the newest intact one, if there is any."""

    folder: Path
    checkpoint: Path | None


def finished(out: Path, inputs: str) -> TrainingResult | None:
    """The existing result in `out`, if any.

    Raises:
        UserError: `out` holds another training, or something else.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return None
    if not (out / FIGURES).is_file():
        raise UserError(
            "the output folder is not empty and holds no training of smallsteps",
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
    would give weights that no uninterrupted training gives.

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
            known = checkpoints(folder)
            if known:  # a training that failed before its first one holds nothing worth keeping
                found = read_sealed(record, _SCHEMA, unsealed=[_EARLIER], fix=_restart(folder))
                _same(str(found.get("inputs")), inputs, folder)
                if found.get("environment") != wanted["environment"]:
                    for _, checkpoint in known:
                        shutil.rmtree(checkpoint)
        write_sealed(record, wanted)
        try:
            yield Workspace(folder, _newest_intact(folder))
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


def checkpoints(folder: Path) -> list[tuple[int, Path]]:
    """(step, folder) of every checkpoint, newest first; each was renamed into place when whole."""
    numbered = [(path.name.rpartition("-")[2], path) for path in folder.glob("checkpoint-*")]
    return sorted(((int(step), path) for step, path in numbered if step.isdecimal()), reverse=True)


def seal_checkpoint(folder: Path) -> None:
    """Write digests of all files of a checkpoint into it."""
    write_sealed(folder / _FILES, {"schema": _FILES_SCHEMA, "files": digests(folder, leave_out=(_FILES,))})


def _newest_intact(folder: Path) -> Path | None:
    """The newest checkpoint whose files are as they were written; None where there is no checkpoint.

    A damaged one is reported and skipped: the training then repeats some steps, with the same result.

    Raises:
        UserError: there are checkpoints, and all of them are damaged.
    """
    known = checkpoints(folder)
    damaged: list[UserError] = []
    for _, path in known:
        try:
            files = read_sealed(path / _FILES, _FILES_SCHEMA).get("files")
            if not isinstance(files, dict):
                raise UserError("lists no files", where=str(path / _FILES), code=DATA)
            check_files(path, files, "")
        except UserError as error:
            damaged.append(error)
            continue
        for reason in damaged:
            note = f"note: {reason.where}: {reason.message}; going on from {path.name}"
            print(visible_text(note), file=sys.stderr, flush=True)
        return path
    if damaged:
        raise UserError(
            f"every checkpoint is damaged; of the newest: {damaged[0].message}",
            where=str(damaged[0].where),
            fix=_restart(folder),
            code=DATA,
        )
    return None


def _restart(folder: Path) -> str:
    return f"remove {folder} and run the same command again: this training begins anew, all else is kept"


def _same(found: str, wanted: str, where: Path) -> None:
    if found != wanted:
        raise UserError(
            f"the folder belongs to a training with other inputs ({found[:12]}, here {wanted[:12]})",
            where=str(where),
            fix="examples, base, optimisation or seed have changed: give another folder or remove this one",
            code=CANNOT_CREATE,
        )
