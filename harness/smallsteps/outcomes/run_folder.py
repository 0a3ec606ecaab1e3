"""The manifest of a run directory: what was evaluated, and digests of every file there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object
from smallsteps.integrity import check_files, read_sealed

SCHEMA = "smallsteps.run/3"
MANIFEST = "manifest.json"
_EARLIER = re.compile(r"smallsteps\.run/[12]")  # whose manifests have no digest of themselves
REPAIR = "copy the run again from where it came, or remove the folder and run 'smallsteps eval' again"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a run, intact.

    Raises:
        UserError: none there, damaged, or not of a run.
    """
    path = folder / MANIFEST
    found = str(read_object(path).get("schema"))
    return read_sealed(path, SCHEMA, unsealed=[found] if _EARLIER.fullmatch(found) else [], fix=REPAIR)


def is_run(folder: Path) -> bool:
    """Whether a folder has the manifest of a run (that of a study has another schema)."""
    if not (folder / MANIFEST).is_file():
        return False
    return str(read_object(folder / MANIFEST).get("schema")).startswith("smallsteps.run/")


def check_run(folder: Path) -> None:
    """Compare the files of a run with its manifest; a folder without one is left alone.

    Raises:
        UserError: the manifest or one of the files is damaged, changed or missing.
    """
    if not (folder / MANIFEST).exists():
        return
    files = read_manifest(folder).get("files")
    if not isinstance(files, dict) or "outcomes.parquet" not in files:
        raise UserError("the manifest lists no outcomes", where=str(folder / MANIFEST), fix=REPAIR, code=DATA)
    check_files(folder, files, REPAIR)
