"""A store as one Parquet or JSONL file, and back, with the same hash."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import count, islice
from pathlib import Path
from typing import Any

from smallsteps.corpora.schema import pack_tokens, unpack_tokens
from smallsteps.corpora.store import Store
from smallsteps.errors import DATA, USAGE, UserError
from smallsteps.files import atomic_path, read_jsonl, to_json, unpacked_limit, write_jsonl
from smallsteps.outcomes.table import parquet_errors
from smallsteps.problems import TokenLogprob
from smallsteps.teachers.model import Sample, Status

SCHEMA = "smallsteps.samples/1"
_CHUNK = 5000
_COLUMNS = (
    "key",
    "problem_id",
    "teacher",
    "prompt",
    "sampling",
    "sample",
    "status",
    "text",
    "attempts",
    "prompt_tokens",
    "completion_tokens",
    "error",
)


def export_store(rows: Iterable[Sample], path: Path) -> int:
    """Write rows (of a store: in the order of their keys); returns their number.

    Raises:
        UserError: the file's ending is neither `.parquet` nor `.jsonl`.
    """
    if path.suffix == ".jsonl":
        counter = count()
        write_jsonl(path, (_plain(sample) for sample, _ in zip(rows, counter, strict=False)))
        return next(counter)
    if path.suffix != ".parquet":
        raise _ending(path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            *(
                (
                    name,
                    pa.int64() if name in ("sample", "attempts") or name.endswith("_tokens") else pa.string(),
                )
                for name in _COLUMNS
            ),
            ("tokens", pa.binary()),
            ("extra", pa.string()),
        ],
        metadata={"schema": SCHEMA},
    )
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        rows, written = iter(rows), 0
        while chunk := list(islice(rows, _CHUNK)):
            data: dict[str, list[Any]] = {name: [getattr(row, name) for row in chunk] for name in _COLUMNS}
            data["status"] = [str(row.status) for row in chunk]
            data["tokens"] = [pack_tokens(row.tokens) for row in chunk]
            data["extra"] = [to_json(row.extra, indent=None) for row in chunk]
            writer.write_table(pa.table(data, schema=schema))
            written += len(chunk)
    return written


def import_store(store: Store, path: Path) -> int:
    """Add the rows of an exported file; returns their number.

    Raises:
        UserError: not an export of this schema.
    """
    rows = _read(path)
    count = 0
    while chunk := list(islice(rows, _CHUNK)):
        store.add(chunk)
        count += len(chunk)
    return count


def is_export(path: Path) -> bool:
    """Whether a file is an export of a store rather than a file of rationales."""
    if path.suffix == ".parquet":
        return True
    if path.suffix != ".jsonl" or not path.exists():
        return False
    with path.open("rb") as file:
        first = file.readline()
    return SCHEMA.encode() in first


def _read(path: Path) -> Iterator[Sample]:
    if path.suffix == ".jsonl":
        for line, row in read_jsonl(path):
            if row.pop("schema", None) != SCHEMA:
                raise UserError(f"expected schema {SCHEMA!r}", where=f"{path}:{line}", code=DATA)
            try:
                tokens = tuple(TokenLogprob.of(token) for token in row.pop("tokens"))
                yield Sample(**{**row, "status": Status(row["status"])}, tokens=tokens)
            except (KeyError, TypeError, ValueError) as error:
                raise UserError(
                    f"not a row of an export ({type(error).__name__}: {error})",
                    where=f"{path}:{line}",
                    fix="correct the line and import the file again: no row is added twice",
                    code=DATA,
                ) from error
        return
    if path.suffix != ".parquet":
        raise _ending(path)
    yield from _parquet_rows(path)


def _parquet_rows(path: Path) -> Iterator[Sample]:
    """Rows one by one: a text that stands in many of them is held once until its row is read."""
    import pyarrow.parquet as pq

    with parquet_errors(path):
        limit = unpacked_limit(path.stat().st_size)
        names = pq.read_schema(path)
        if (names.metadata or {}).get(b"schema") != SCHEMA.encode():
            raise UserError(f"expected schema {SCHEMA!r}", where=str(path), code=DATA)
        with pq.ParquetFile(path, read_dictionary=list(names.names)) as file:
            groups = range(file.metadata.num_row_groups)
            inside = sum(file.metadata.row_group(group).total_byte_size for group in groups)
            _check_size(inside, limit, path)
            read = 0
            for batch in file.iter_batches(_CHUNK):
                for number in range(batch.num_rows):
                    row = {name: batch.column(name)[number].as_py() for name in batch.schema.names}
                    read += sum(len(value) for value in row.values() if isinstance(value, str | bytes))
                    _check_size(read, limit, path)
                    tokens = unpack_tokens(row.pop("tokens"))
                    row["status"], row["extra"] = Status(row["status"]), json.loads(row["extra"])
                    yield Sample(**row, tokens=tokens)


def _check_size(unpacked: int, limit: int, path: Path) -> None:
    if unpacked > limit:
        raise UserError(f"unpacks to more than {limit >> 20} MiB", where=str(path), code=DATA)


def _plain(sample: Sample) -> dict[str, Any]:
    return {"schema": SCHEMA, **asdict(sample), "status": str(sample.status)}


def _ending(path: Path) -> UserError:
    return UserError(
        f"'{path.suffix or path.name}' is not a known ending",
        where=str(path),
        fix="use .parquet or .jsonl",
        code=USAGE,
    )
