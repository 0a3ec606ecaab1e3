"""Outcomes from CSV, JSON lines or Parquet with columns `student, task, item, score` (and some more)."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smallsteps.errors import DATA, UserError, nearest
from smallsteps.files import MAX_LINE, read_objects, text_lines
from smallsteps.outcomes.columns import COLUMNS, INTEGERS
from smallsteps.outcomes.model import Status
from smallsteps.outcomes.table import OutcomeTable, check_row_count, parquet_errors
from smallsteps.outcomes.values import integer_of, name_of, score_of, shown, text_of

REQUIRED = ("student", "task", "item", "score")
KEY = ("student", "seed", "task", "item", "sample")
STATUSES = {status.value: status.value for status in Status}
_BATCH = 1 << 16


def read_csv(path: Path) -> OutcomeTable:
    """Outcomes of a CSV file with a header line; comma, semicolon or tab."""
    csv.field_size_limit(MAX_LINE)
    lines = text_lines(path)
    header = next(lines, "")
    delimiter = max((",", ";", "\t"), key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    _check_columns(names, path)
    return _table(_csv_rows(lines, names, delimiter, path), names, path)


def _csv_rows(
    lines: Iterator[str], names: Sequence[str], delimiter: str, path: Path
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for values in reader:
            if not values:
                continue
            where = f"{path}:{reader.line_num + 1}"
            if len(values) > len(names):
                raise UserError(
                    f"{len(values)} values for {len(names)} columns",
                    where=where,
                    fix='put values that hold a separator in quotes ("...")',
                    code=DATA,
                )
            yield reader.line_num + 1, dict(zip(names, values, strict=False))
    except csv.Error as error:
        raise UserError(f"not CSV: {error}", where=f"{path}:{reader.line_num + 1}", code=DATA) from error


def read_json_lines(path: Path) -> OutcomeTable:
    """Outcomes of JSON lines, or of one JSON array of objects: one object a row."""
    rows = read_objects(path)
    first = next(rows, None)
    if first is None:
        raise UserError("no outcomes in the file", where=str(path), code=DATA)
    _check_columns(list(first[1]), path)
    return _table(_chained(first, rows), COLUMNS, path)


def _chained(
    first: tuple[int, Mapping[str, Any]], rest: Iterator[tuple[int, Mapping[str, Any]]]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield first
    yield from rest


def read_parquet(path: Path) -> OutcomeTable:
    """Outcomes of any Parquet file with the right columns."""
    import pyarrow.parquet as pq

    with parquet_errors(path), pq.ParquetFile(path) as file:
        check_row_count(file.metadata.num_rows, path)
        names = file.schema_arrow.names
        _check_columns(names, path)
        kept = [name for name in names if name in COLUMNS]
        return _table(_parquet_rows(file, kept), kept, path)


def _parquet_rows(file: Any, names: list[str]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    number = 0
    for batch in file.iter_batches(batch_size=_BATCH, columns=names):
        for row in batch.to_pylist():
            number += 1
            yield number, row


def _check_columns(names: Sequence[str], path: Path) -> None:
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        close = [f"'{near}' for '{name}'" for name in missing if (near := nearest(name, names))]
        hint = f"; is {', '.join(close)} meant?" if close else ""
        raise UserError(
            f"column{'s' if len(missing) > 1 else ''} {', '.join(missing)} missing{hint}",
            where=str(path),
            fix=f"needed: {', '.join(REQUIRED)}; optional: seed, sample, cluster, status, prompt, extracted",
            code=DATA,
        )
    for name in names:
        near = nearest(name, COLUMNS) if name not in COLUMNS else None
        if near and near not in names:
            raise UserError(
                f"unknown column '{name}'", where=str(path), fix=f"did you mean '{near}'?", code=DATA
            )


def _table(rows: Iterable[tuple[int, Mapping[str, Any]]], names: Sequence[str], path: Path) -> OutcomeTable:
    """A table of these rows; columns that are not in `names` are empty.

    Values are put into Arrow in batches, so that a long file is never held as Python objects.
    """
    parts: list[OutcomeTable] = []
    numbers: list[int] = []
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    given = [name for name in COLUMNS if name in names]
    known: dict[str, dict[Any, Any]] = {name: {} for name in given if name != "item"}
    for number, row in rows:
        for name in given:
            value = row.get(name)
            cache = known.get(name) if isinstance(value, str) else None
            if cache is not None and value in cache:
                columns[name].append(cache[value])
                continue
            read = _value(name, value, path, number)
            columns[name].append(read)
            if cache is not None and len(cache) < _BATCH:
                cache[value] = read
        numbers.append(number)
        if len(numbers) % _BATCH == 0:
            parts.append(_part(columns, _BATCH))
            check_row_count(len(numbers), path)
            columns = {name: [] for name in COLUMNS}
    parts.append(_part(columns, len(numbers) % _BATCH))
    if not numbers:
        raise UserError("no outcomes in the file", where=str(path), code=DATA)
    table = OutcomeTable.concatenate(parts)
    _check_once(table, np.asarray(numbers, dtype=np.int64), path)
    return table.ordered()


def _part(columns: Mapping[str, list[Any]], rows: int) -> OutcomeTable:
    empty = {"sample": 0, "status": Status.OK.value}
    return OutcomeTable({name: columns[name] or [empty.get(name)] * rows for name in COLUMNS})


def _value(name: str, value: Any, path: Path, number: int) -> Any:
    where = f"{path}:{number}"
    if name in ("extracted", "gold"):
        return text_of(value)
    if name in ("student", "task", "item"):
        text = text_of(value)
        if text is None:
            raise UserError(f"no {name}", where=where, code=DATA)
        return text
    number_given = isinstance(value, bool | int | float) and value == value  # NaN: a missing number
    label = value if number_given else name_of(value)
    if name == "score" and label is None:
        fix = "give every item a score; a failed generation counts as 0"
        raise UserError("no score", where=where, fix=fix, code=DATA)
    if label is None:
        return {"sample": 0, "status": Status.OK.value}.get(name)
    if name in ("score", "strict"):
        return _score(name, label, where)
    if name in INTEGERS:
        found = integer_of(label)
        if found is None:
            message = f"{name} {shown(label)} is not a whole number of at most 64 bits"
            raise UserError(message, where=where, code=DATA)
        return found
    if name == "status" and label not in STATUSES:
        message = f"unknown status {shown(label)}"
        raise UserError(message, where=where, fix=f"known: {', '.join(STATUSES)}", code=DATA)
    return str(label)


def _score(name: str, label: Any, where: str) -> float:
    value = score_of(label)
    if value is not None:
        return value
    try:
        number = float(label)
    except ValueError as error:
        raise UserError(f"{name} {shown(label)} is not a number", where=where, code=DATA) from error
    except OverflowError:
        number = float("inf")
    fix = "divide percentages by 100" if 1 < number <= 100 else None
    raise UserError(f"{name} {shown(label)} is not between 0 and 1", where=where, fix=fix, code=DATA)


def _check_once(table: OutcomeTable, numbers: Any, path: Path) -> None:
    keys = [table.column(name) if name in INTEGERS else table.codes(name).codes for name in KEY]
    keys.append(table.known("seed"))
    order = np.lexsort([numbers, *keys])
    same = np.ones(len(order) - 1, dtype=bool)
    for key in keys:
        sorted_key = key[order]
        same &= sorted_key[1:] == sorted_key[:-1]
    if not same.any():
        return
    place = int(np.flatnonzero(same)[np.argmin(numbers[order[1:]][same])])
    first, second = int(order[place]), int(order[place + 1])
    row = table.take([second])
    raise UserError(
        f"item '{row.columns['item'][0]}' of task '{row.columns['task'][0]}' appears twice for student "
        f"'{row.columns['student'][0]}' (first in row {numbers[first]})",
        where=f"{path}:{numbers[second]}",
        fix="keep one row an item; several generations need a 'sample' column, several runs a 'seed'",
        code=DATA,
    )
