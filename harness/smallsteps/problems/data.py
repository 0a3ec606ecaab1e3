"""The offline data directory: where it is, which files it holds, and what to do about the rest."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_json, read_jsonl, read_text
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
    """The file, packed or not; None when it is not there.

    A file next to the YAML of an own benchmark has an absolute path; all others need the data directory.
    """
    name = file if isinstance(file, str) else file.path
    if data is None and not Path(name).is_absolute():
        return None
    other = name.removesuffix(".gz") if name.endswith(".gz") else f"{name}.gz"
    root = data or Path()
    return next((root / candidate for candidate in (name, other) if (root / candidate).is_file()), None)


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
    """(file and row, row) of JSON lines, a table with header, a JSON array, or an object that holds one.

    Raises:
        UserError: not in the layout that the file's name says.
    """
    name = path.name.removesuffix(".gz")
    if name.endswith((".jsonl", ".ndjson")):
        for number, row in read_jsonl(path):
            yield f"{path}:{number}", row
    elif name.endswith((".csv", ".tsv")):
        yield from _table_rows(path, "\t" if name.endswith(".tsv") else ",")
    elif name.endswith(".json"):
        yield from _json_rows(file, path)
    else:
        raise UserError(
            "no reader for files with this ending",
            where=str(path),
            fix="expected .jsonl, .json, .csv or .tsv, with or without .gz",
            code=DATA,
        )


def _json_rows(file: DataFile, path: Path) -> Iterator[tuple[str, Row]]:
    content = read_json(path)
    if isinstance(content, dict):
        key = file.records or "examples"
        if key not in content:
            raise UserError(
                f"key '{key}' is missing",
                where=str(path),
                fix=f"name the key of the rows with 'records'; keys there: {', '.join(content)}",
                code=DATA,
            )
        content = content[key]
    if not isinstance(content, list):
        raise UserError("expected a JSON array of objects", where=str(path), code=DATA)
    for number, row in enumerate(content, start=1):
        if not isinstance(row, dict):
            raise UserError("expected a JSON object", where=f"{path}: row {number}", code=DATA)
        yield f"{path}: row {number}", row


def _table_rows(path: Path, delimiter: str) -> Iterator[tuple[str, Row]]:
    """Rows of a table by the names in its first line; errors name the line that a row ends on."""
    reader = csv.reader(io.StringIO(read_text(path).removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    header: list[str] | None = None
    try:
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                twice = [name for name in header if header.count(name) > 1]
                if twice:
                    raise UserError(f"two columns are called '{twice[0]}'", where=where, code=DATA)
                continue
            if len(cells) != len(header):
                raise UserError(
                    f"{len(cells)} cells, but {len(header)} columns in the first line",
                    where=where,
                    fix="put cells that contain the separator in double quotes",
                    code=DATA,
                )
            yield where, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise UserError(f"not a table: {error}", where=f"{path}:{reader.line_num}", code=DATA) from error
