"""The offline data directory: where it is, which files it holds, and what to do about the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_json, read_jsonl
from smallsteps.problems.benchmark import DataFile

ENVIRONMENT = "SMALLSTEPS_DATA"
Row = dict[str, Any]


def data_directory(named: Path | str | None = None) -> Path | None:
    """The directory given, else SMALLSTEPS_DATA, else None.

    Raises:
        UserError: a directory was named that does not exist.
    """
    if named is None:
        named = os.environ.get(ENVIRONMENT) or None
        origin = ENVIRONMENT
    else:
        origin = "--data"
    if named is None:
        return None
    folder = Path(named)
    if not folder.is_dir():
        raise UserError(
            f"no such data directory: {folder}",
            where=origin,
            fix=f"check the path, or fill it with 'smallsteps tasks data fetch --to {folder}'",
            code=NO_INPUT,
        )
    return folder


def found(file: DataFile | str, data: Path | None) -> Path | None:
    """The file in the data directory, packed or not; None when it is not there."""
    if data is None:
        return None
    name = file if isinstance(file, str) else file.path
    other = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    return next((data / candidate for candidate in (name, other) if (data / candidate).is_file()), None)


def required(name: str, file: DataFile | str, data: Path | None) -> Path:
    """The file in the data directory.

    Raises:
        UserError: which file of which benchmark is missing, where it goes, and the command that fetches it.
    """
    path = found(file, data)
    if path is None:
        raise missing(name, file, data)
    return path


def missing(name: str, file: DataFile | str, data: Path | None) -> UserError:
    """The error for a file that is not there."""
    relative = file if isinstance(file, str) else file.path
    note = f"\n  {file.note}" if isinstance(file, DataFile) and file.note else ""
    if data is None:
        return UserError(
            f"no data for benchmark '{name}': '{relative}' is needed and no data directory is named",
            fix="name a data directory with --data DIR or SMALLSTEPS_DATA=DIR; fill one with "
            f"'smallsteps tasks data fetch {name} --to DIR'{note}",
            code=NO_INPUT,
        )
    return UserError(
        f"no data for benchmark '{name}': the file is missing",
        where=str(data / relative),
        fix=f"fetch it with 'smallsteps tasks data fetch {name} --to {data}', or put it there{note}",
        code=NO_INPUT,
    )


def rows_of(file: DataFile, path: Path) -> Iterator[tuple[str, Row]]:
    """(file and row, row) of a JSONL file, a JSON array, or a JSON object that holds the rows under a key."""
    if path.name.removesuffix(".gz").endswith(".jsonl"):
        for number, row in read_jsonl(path):
            yield f"{path}:{number}", row
        return
    content = read_json(path)
    if isinstance(content, dict):
        key = file.records or "examples"
        if key not in content:
            raise UserError(
                f"key '{key}' is missing", where=str(path), fix=f"keys there: {', '.join(content)}", code=DATA
            )
        content = content[key]
    for number, row in enumerate(content, start=1):
        if not isinstance(row, dict):
            raise UserError("expected a JSON object", where=f"{path}: row {number}", code=DATA)
        yield f"{path}: row {number}", row
