"""Outcomes as a column table: Arrow in memory, Parquet on disk, numpy views for the statistics."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import atomic_path
from smallsteps.outcomes.columns import (
    COLUMNS,
    INTEGERS,
    SCHEMA_VERSION,
    STRINGS,
    Codes,
    arrow_schema,
    codes_of,
    held,
    ranks,
)
from smallsteps.outcomes.model import Outcome, Status

if TYPE_CHECKING:
    import pyarrow as pa

MAX_ROWS = 20_000_000  # a few kilobytes of Parquet can claim billions of rows


class OutcomeTable:
    """Many outcomes, one column for each field of `Outcome`.

    Strings are held once and referred to by 32-bit codes, so a million rows take tens of megabytes.

    Args:
        columns: one sequence of equal length for each field of `Outcome` (Python values, numpy or Arrow).
    """

    __slots__ = ("_codes", "_columns", "_lists")

    def __init__(self, columns: Mapping[str, Any]) -> None:
        self._columns: dict[str, pa.Array] = {name: held(name, columns[name]) for name in COLUMNS}
        self._codes: dict[str, Codes] = {}
        self._lists: dict[str, list[Any]] = {}
        lengths = {len(column) for column in self._columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"columns of different lengths: {sorted(lengths)}")

    def __len__(self) -> int:
        return len(self._columns["item"])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OutcomeTable) and self.arrow().equals(other.arrow())

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"OutcomeTable({len(self)} rows)"

    @staticmethod
    def of(rows: Iterable[Outcome]) -> OutcomeTable:
        """A table of these rows, sorted by (student, seed, task, item, sample)."""
        given = list(rows)
        return OutcomeTable({name: [getattr(row, name) for row in given] for name in COLUMNS}).ordered()

    @staticmethod
    def concatenate(tables: Sequence[OutcomeTable]) -> OutcomeTable:
        """All rows of several tables, in the given order."""
        import pyarrow as pa

        if len(tables) == 1:
            return tables[0]
        if not tables:
            return OutcomeTable({name: [] for name in COLUMNS})
        return OutcomeTable({name: pa.chunked_array([t._columns[name] for t in tables]) for name in COLUMNS})

    @property
    def columns(self) -> Mapping[str, list[Any]]:
        """Every column as a list of Python values, made on first use. Prefer `codes` and `column`."""
        return _Lists(self)

    def codes(self, name: str) -> Codes:
        """A string column as codes; labels are in order of first appearance."""
        if name not in self._codes:
            self._codes[name] = codes_of(self._columns[name])
        return self._codes[name]

    def column(self, name: str) -> npt.NDArray[Any]:
        """A numeric column, shape (rows,).

        `score` and `strict` are float64, with NaN for None; `seed`, `sample` and `tokens` are int64, with 0
        for None (see `known`).
        """
        column = self._columns[name]
        if name in STRINGS:
            raise ValueError(f"'{name}' holds strings: use codes")
        if name in INTEGERS:
            column = column.fill_null(0)
        values: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
        return values

    def known(self, name: str) -> npt.NDArray[np.bool_]:
        """Where a column is not None, shape (rows,)."""
        found: npt.NDArray[np.bool_] = self._columns[name].is_valid().to_numpy(zero_copy_only=False)
        return found

    def scores(self) -> npt.NDArray[np.float64]:
        """Scores, shape (rows,)."""
        return np.asarray(self.column("score"), dtype=np.float64)

    def take(self, rows: npt.ArrayLike) -> OutcomeTable:
        """Some of the rows, by index (in that order) or by a mask of shape (rows,)."""
        import pyarrow as pa

        index = np.asarray(rows)
        if index.dtype == np.bool_:
            if len(index) != len(self):
                raise ValueError(f"a mask of {len(index)} for {len(self)} rows")
            index = np.flatnonzero(index)
        chosen = pa.array(index.astype(np.int64, copy=False))
        return OutcomeTable({name: column.take(chosen) for name, column in self._columns.items()})

    def mask(self, **equal: Any) -> npt.NDArray[np.bool_]:
        """Which rows have the given values, shape (rows,)."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in equal.items():
            known = self.known(name)
            if value is None:
                keep &= ~known
            elif name in STRINGS:
                column = self._columns[name]
                place = column.dictionary.index(str(value)).as_py()
                if place < 0:
                    return np.zeros(len(self), dtype=bool)
                keep &= known & (column.indices.fill_null(0).to_numpy(zero_copy_only=False) == place)
            else:
                keep &= known & (self.column(name) == value)
        return keep

    def where(self, **equal: Any) -> OutcomeTable:
        """Rows whose columns equal the given values, for example `where(student="cot", task="svamp")`."""
        return self.take(self.mask(**equal))

    def ordered(self) -> OutcomeTable:
        """The rows sorted by (student, seed, task, item, sample); rows without a seed come first."""
        rank = {name: ranks(self.codes(name)) for name in ("student", "task", "item")}
        keys = (
            rank["student"],
            self.known("seed"),
            self.column("seed"),
            rank["task"],
            rank["item"],
            self.column("sample"),
        )
        return self.take(np.lexsort(keys[::-1]))

    def unique(self, name: str) -> list[Any]:
        """Distinct values of a column, in order of first appearance."""
        if name not in STRINGS:
            return list(dict.fromkeys(self.columns[name]))
        codes = self.codes(name)
        labels: list[Any] = list(codes.labels)
        missing = np.flatnonzero(codes.codes < 0)
        if len(missing):
            labels.insert(int(codes.codes[: missing[0]].max(initial=-1)) + 1, None)
        return labels

    def rows(self) -> list[Outcome]:
        """The rows as objects."""
        columns = dict(self.columns)
        columns["status"] = [Status(status) for status in columns["status"]]
        return [Outcome(*values) for values in zip(*(columns[name] for name in COLUMNS), strict=True)]

    def with_column(self, name: str, values: Any) -> OutcomeTable:
        """The same rows with one column replaced."""
        return OutcomeTable({**self._columns, name: values})

    def renamed(self, name: str, labels: Mapping[str, str]) -> OutcomeTable:
        """The same rows with some labels of a string column replaced."""
        import pyarrow as pa

        codes = self.codes(name)
        new = pa.array([labels.get(label, label) for label in codes.labels], type=pa.string())
        merged = new.dictionary_encode()  # two labels may become one
        renamed = np.append(merged.indices.to_numpy(), np.int32(-1))[codes.codes]
        indices = pa.array(renamed, mask=renamed < 0, type=pa.int32())
        return self.with_column(name, pa.DictionaryArray.from_arrays(indices, merged.dictionary))

    def arrow(self) -> pa.Table:
        """All columns in the types of `outcomes.parquet`."""
        import pyarrow as pa

        schema = arrow_schema()
        return pa.Table.from_arrays(
            [self._columns[name].cast(schema.field(name).type) for name in COLUMNS], schema=schema
        )

    def _list(self, name: str) -> list[Any]:
        if name not in self._lists:
            values = self.codes(name).values() if name in STRINGS else self._columns[name].to_pylist()
            self._lists[name] = values
        return self._lists[name]


class _Lists(Mapping[str, list[Any]]):
    """Columns as lists, each made when it is asked for."""

    def __init__(self, table: OutcomeTable) -> None:
        self._table = table

    def __getitem__(self, name: str) -> list[Any]:
        if name not in COLUMNS:
            raise KeyError(name)
        return self._table._list(name)

    def __iter__(self) -> Iterator[str]:
        return iter(COLUMNS)

    def __len__(self) -> int:
        return len(COLUMNS)


def write_outcomes(path: Path, table: OutcomeTable) -> None:
    """Write Parquet, atomically; the same table gives the same bytes."""
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(table.arrow(), temporary, compression="zstd")


def read_outcomes(path: Path) -> OutcomeTable:
    """Read `outcomes.parquet`.

    Raises:
        UserError: missing, damaged, of another schema, too long, or with values that no outcome can have.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        raise UserError("no such file", where=str(path), code=NO_INPUT)
    with parquet_errors(path):
        _check_schema(pq.read_metadata(path), path)
        # column by column and in small buffers, which takes half the memory of reading all at once
        with pq.ParquetFile(
            path,
            read_dictionary=list(STRINGS),
            buffer_size=1 << 16,
            pre_buffer=False,
            page_checksum_verification=True,
        ) as file:
            columns: dict[str, pa.Array] = {}
            for name in COLUMNS:
                columns[name] = held(name, file.read([name], use_threads=False).column(name))
                columns[name].validate(full=True)
                pa.default_memory_pool().release_unused()
        table = OutcomeTable(columns)
    _check_values(table, path)
    return table


@contextlib.contextmanager
def parquet_errors(path: Path) -> Iterator[None]:
    """Turn what damaged Parquet makes of its reader into one error.

    Raises:
        UserError: the file cannot be read.
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, LookupError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise UserError(f"not a readable Parquet file ({reason})", where=str(path), code=DATA) from error


def check_row_count(rows: int, path: Path) -> None:
    """Refuse a file that claims more rows than fit into memory.

    Raises:
        UserError: more than `MAX_ROWS`.
    """
    if rows > MAX_ROWS:
        raise UserError(
            f"{rows:,} rows, more than the limit of {MAX_ROWS:,}",
            where=str(path),
            fix="split the file by task and compare the parts",
            code=DATA,
        )


def _check_schema(metadata: Any, path: Path) -> None:
    schema = metadata.schema.to_arrow_schema()
    found = (schema.metadata or {}).get(b"schema", b"").decode(errors="replace")
    if found != SCHEMA_VERSION:
        raise UserError(f"schema is {found!r}, expected {SCHEMA_VERSION!r}", where=str(path), code=DATA)
    for field in arrow_schema():
        if field.name not in schema.names or schema.field(field.name).type != field.type:
            raise UserError(f"no column '{field.name}' of type {field.type}", where=str(path), code=DATA)
    check_row_count(metadata.num_rows, path)


def _check_values(table: OutcomeTable, path: Path) -> None:
    scores = table.column("score")
    wrong = ~((scores >= 0) & (scores <= 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UserError(
            f"the score of row {row + 1} is {scores[row]}, expected 0 to 1", where=str(path), code=DATA
        )
    for name in ("student", "task", "item", "sample", "status"):
        known = table.known(name)
        if not known.all():
            raise UserError(f"row {int(np.argmin(known)) + 1} has no {name}", where=str(path), code=DATA)
    for label in table.codes("status").labels:
        if label not in set(Status):
            raise UserError(
                f"unknown status '{label}'", where=str(path), fix=f"known: {', '.join(Status)}", code=DATA
            )
