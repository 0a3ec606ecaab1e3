"""Outcomes from CSV, JSON lines or Parquet with columns `student, task, item, score` (and some more)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError, nearest
from smallsteps.files import read_jsonl, read_text
from smallsteps.outcomes.model import Outcome, Status
from smallsteps.outcomes.table import OutcomeTable

REQUIRED = ("student", "task", "item", "score")
KNOWN = tuple(field.name for field in fields(Outcome))
MISSING = {"", "nan", "na", "n/a", "none", "null"}


def read_csv(path: Path) -> OutcomeTable:
    """Outcomes of a CSV file with a header line; comma, semicolon or tab."""
    text = read_text(path).lstrip("\ufeff")
    first = text.split("\n", 1)[0]
    delimiter = max((",", ";", "\t"), key=first.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    names = [name.strip() for name in reader.fieldnames or []]
    reader.fieldnames = names
    _check_columns(names, path)
    return _table(((reader.line_num, row) for row in reader), path)


def read_json_lines(path: Path) -> OutcomeTable:
    """Outcomes of a JSON-lines file, one object a row."""
    rows = list(read_jsonl(path))
    if rows:
        _check_columns(list(rows[0][1]), path)
    return _table(rows, path)


def read_parquet(path: Path) -> OutcomeTable:
    """Outcomes of any Parquet file with the right columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"not a readable Parquet file ({error})", where=str(path), code=DATA) from error
    _check_columns(table.column_names, path)
    kept = [name for name in table.column_names if name in KNOWN]
    return _table(enumerate(table.select(kept).to_pylist(), start=1), path)


def _check_columns(names: list[str], path: Path) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        close = [f"'{near}' for '{name}'" for name in missing if (near := nearest(name, names))]
        hint = f"; is {', '.join(close)} meant?" if close else ""
        raise UserError(
            f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing{hint}",
            where=str(path),
            fix=f"needed: {', '.join(REQUIRED)}; optional: seed, sample, cluster, status, prompt",
            code=DATA,
        )
    for name in names:
        near = nearest(name, KNOWN) if name not in KNOWN else None
        if near and near not in names:
            raise UserError(
                f"unknown column '{name}'", where=str(path), fix=f"did you mean '{near}'?", code=DATA
            )


def _table(rows: Iterable[tuple[int, Mapping[str, Any]]], path: Path) -> OutcomeTable:
    outcomes: list[Outcome] = []
    places: dict[tuple[Any, ...], int] = {}
    for outcome, number in _outcomes(rows, path):
        key = (outcome.student, outcome.seed, outcome.task, outcome.item, outcome.sample)
        if key in places:
            raise UserError(
                f"item '{outcome.item}' of task '{outcome.task}' is there twice for student "
                f"'{outcome.student}' (first in row {places[key]})",
                where=f"{path}:{number}",
                fix="keep one row an item; several generations need a 'sample' column, several runs a 'seed'",
                code=DATA,
            )
        places[key] = number
        outcomes.append(outcome)
    if not outcomes:
        raise UserError("no outcomes in the file", where=str(path), code=DATA)
    return OutcomeTable.of(outcomes)


def _outcomes(rows: Iterable[tuple[int, Mapping[str, Any]]], path: Path) -> Iterator[tuple[Outcome, int]]:
    for number, row in rows:
        where = f"{path}:{number}"
        text = {name: _text(row.get(name)) for name in KNOWN}
        for name in ("student", "task", "item"):
            if text[name] is None:
                raise UserError(f"no {name}", where=where, code=DATA)
        status = text["status"] or "ok"
        if status not in set(Status):
            raise UserError(
                f"unknown status '{status}'", where=where, fix=f"known: {', '.join(Status)}", code=DATA
            )
        strict = text["strict"]
        yield (
            Outcome(
                student=str(text["student"]),
                task=str(text["task"]),
                item=str(text["item"]),
                score=_score(text["score"], where),
                strict=None if strict is None else _score(strict, where),
                seed=_integer(text["seed"], "seed", where),
                sample=_integer(text["sample"], "sample", where) or 0,
                status=Status(status),
                cluster=text["cluster"],
                prompt=text["prompt"],
                extracted=text["extracted"],
                gold=text["gold"],
                tokens=_integer(text["tokens"], "tokens", where),
                scorer=text["scorer"],
            ),
            number,
        )


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = str(value).strip()
    return None if text.lower() in MISSING else text


def _score(text: str | None, where: str) -> float:
    if text is None:
        raise UserError(
            "no score", where=where, fix="give every item a score; a failed generation counts as 0", code=DATA
        )
    word = text.lower()
    if word in ("true", "false"):
        return float(word == "true")
    try:
        value = float(text)
    except ValueError as error:
        raise UserError(f"score '{text}' is not a number", where=where, code=DATA) from error
    if not 0 <= value <= 1:
        raise UserError(
            f"score {text} is not between 0 and 1", where=where, fix="divide percentages by 100", code=DATA
        )
    return value


def _integer(text: str | None, name: str, where: str) -> int | None:
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise UserError(f"{name} '{text}' is not a whole number", where=where, code=DATA) from error
    if not value.is_integer():
        raise UserError(f"{name} '{text}' is not a whole number", where=where, code=DATA)
    return int(value)
