"""The study's output folder: its owner, and a lock for one process at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.files import read_object, write_json
from smallsteps.locks import exclusive

SCHEMA = "smallsteps.study-folder/1"
IDENTITY = "folder.json"
MANIFEST_SCHEMA = "smallsteps.study-manifest/2"
REPORTS = ("report.html", "report.md", "report.json")


def claim_folder(out: Path, study: str, *, resume: bool) -> None:
    """Make the folder ours, or check that it is.

    Raises:
        UserError: it belongs to another study, holds something else, or `resume` finds nothing.
    """
    identity = out / IDENTITY
    if identity.exists():
        data = read_object(identity, SCHEMA)
        if data.get("study") != study:
            raise UserError(
                f"this folder holds the study '{data.get('study')}', not '{study}'",
                where=str(out),
                fix="choose another folder with --out, or remove this one yourself",
                code=CANNOT_CREATE,
            )
        return
    if resume:
        raise UserError(
            "nothing to resume here", where=str(out), fix="leave --resume out to start", code=CANNOT_CREATE
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(
            "this folder is not empty and is not a study's",
            where=str(out),
            fix="choose another folder with --out",
            code=CANNOT_CREATE,
        )
    write_json(identity, {"schema": SCHEMA, "study": study})


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        UserError: another process is working there.
    """
    busy = UserError(
        "another process is working in this folder",
        where=str(out),
        fix="wait for it, or choose another folder with --out",
        code=CANNOT_CREATE,
    )
    with exclusive(out / ".lock", busy):
        yield
