"""Outcomes as a column table: Parquet on disk, numpy views for the statistics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import atomic_path
from smallsteps.outcomes.model import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = "smallsteps.outcomes/1"


@dataclass(frozen=True, slots=True)
class OutcomeTable:
    """Many outcomes; `columns` maps each field of `Outcome` to a list of equal length."""

    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.columns["item"])

    @staticmethod
    def of(rows: Iterable[Outcome]) -> OutcomeTable:
        """A table of these rows, sorted by (student, seed, task, item, sample)."""
        names = [f.name for f in fields(Outcome)]
        ordered = sorted(rows, key=_order)
        return OutcomeTable({name: [getattr(row, name) for row in ordered] for name in names})

    @staticmethod
    def concatenate(tables: Sequence[OutcomeTable]) -> OutcomeTable:
        """All rows of several tables, in the given order."""
        names = [f.name for f in fields(Outcome)]
        return OutcomeTable({name: [v for t in tables for v in t.columns[name]] for name in names})

    def where(self, **equal: Any) -> OutcomeTable:
        """Rows whose columns equal the given values, for example `where(student="cot", task="svamp")`."""
        keep = np.ones(len(self), dtype=bool)
        for name, value in equal.items():
            keep &= np.fromiter((v == value for v in self.columns[name]), dtype=bool, count=len(self))
        index = np.flatnonzero(keep)
        return OutcomeTable({name: [values[i] for i in index] for name, values in self.columns.items()})

    def unique(self, name: str) -> list[Any]:
        """Distinct values of a column, in order of first appearance."""
        return list(dict.fromkeys(self.columns[name]))

    def scores(self) -> npt.NDArray[np.float64]:
        """Scores, shape (rows,)."""
        return np.asarray(self.columns["score"], dtype=np.float64)

    def rows(self) -> list[Outcome]:
        """The rows as objects."""
        names = list(self.columns)
        return [
            Outcome(**dict(zip(names, values, strict=True)))
            for values in zip(*self.columns.values(), strict=True)
        ]


def _order(row: Outcome) -> tuple[Any, ...]:
    return (row.student, row.seed is not None, row.seed or 0, row.task, row.item, row.sample)


def arrow_schema() -> pa.Schema:
    """Column types of `outcomes.parquet`."""
    import pyarrow as pa

    integer, real = pa.int64(), pa.float64()
    kinds = {"seed": integer, "sample": integer, "tokens": integer, "score": real, "strict": real}
    return pa.schema(
        [pa.field(f.name, kinds.get(f.name, pa.string())) for f in fields(Outcome)],
        metadata={"schema": SCHEMA_VERSION},
    )


def write_outcomes(path: Path, table: OutcomeTable) -> None:
    """Write Parquet, atomically; the same table gives the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic_path(path) as temporary:
        pq.write_table(pa.table(table.columns, schema=arrow_schema()), temporary, compression="zstd")


def read_outcomes(path: Path) -> OutcomeTable:
    """Read `outcomes.parquet`.

    Raises:
        UserError: missing, damaged, or of another schema.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        raise UserError("no such file", where=str(path), code=NO_INPUT)
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"not a readable Parquet file ({error})", where=str(path), code=DATA) from error
    found = (table.schema.metadata or {}).get(b"schema", b"").decode()
    if found != SCHEMA_VERSION:
        raise UserError(f"schema is {found!r}, expected {SCHEMA_VERSION!r}", where=str(path), code=DATA)
    return OutcomeTable({f.name: table.column(f.name).to_pylist() for f in fields(Outcome)})
