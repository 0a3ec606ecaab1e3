"""Columns of the outcome table: their types, and strings held as codes into a list of labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from smallsteps.files import escaped
from smallsteps.outcomes.model import Outcome

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = "smallsteps.outcomes/1"
INTEGERS = ("seed", "sample", "tokens")
REALS = ("score", "strict")
COLUMNS = tuple(field.name for field in fields(Outcome))
STRINGS = tuple(name for name in COLUMNS if name not in (*INTEGERS, *REALS))

Codes32 = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Codes:
    """A string column as integers.

    Attributes:
        codes: index into `labels`, -1 for None, shape (rows,).
        dictionary: the labels as an Arrow array.
    """

    codes: Codes32
    dictionary: pa.StringArray

    @property
    def size(self) -> int:
        """Number of labels."""
        return len(self.dictionary)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Distinct values in order of first appearance, None excluded; made on first use."""
        return tuple(self.dictionary.to_pylist())

    def values(self) -> list[str | None]:
        """One value a row; equal values are one object."""
        known: list[str | None] = [*self.labels, None]
        return [known[code] for code in self.codes.tolist()]


def arrow_schema() -> pa.Schema:
    """Column types of `outcomes.parquet`."""
    import pyarrow as pa

    kinds = {**dict.fromkeys(INTEGERS, pa.int64()), **dict.fromkeys(REALS, pa.float64())}
    return pa.schema(
        [pa.field(name, kinds.get(name, pa.string())) for name in COLUMNS],
        metadata={"schema": SCHEMA_VERSION},
    )


def held(name: str, values: Any) -> pa.Array:
    """A column as the table holds it: one chunk; strings as a dictionary with 32-bit codes.

    Args:
        name: of the column.
        values: Python values, a numpy array, or an Arrow array of any layout.
    """
    import pyarrow as pa

    if name not in STRINGS:
        array = values if isinstance(values, pa.ChunkedArray | pa.Array) else pa.array(_plain(values))
        return _one_chunk(array.cast(arrow_schema().field(name).type))
    kind = pa.dictionary(pa.int32(), pa.string())
    if isinstance(values, pa.ChunkedArray):
        dictionaries = pa.types.is_dictionary(values.type)
        return _one_chunk((values if dictionaries else values.dictionary_encode()).unify_dictionaries())
    if isinstance(values, pa.Array):
        return values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    try:
        return pa.array(values, type=pa.string()).dictionary_encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which no file can hold
        return pa.array(
            [None if value is None else escaped(value) for value in values], type=pa.string()
        ).cast(kind)


def codes_of(column: pa.DictionaryArray) -> Codes:
    """Codes with labels in order of first appearance; labels that no row has are dropped."""
    import pyarrow as pa

    raw = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32, copy=False)
    size = len(column.dictionary)
    rows = len(raw)
    first = np.full(size + 1, rows, dtype=np.int64)  # the last place collects the rows of None
    first[raw[::-1]] = np.arange(rows - 1, -1, -1)  # of equal indices the last assignment stays
    first = first[:size]
    if size == 0 or (first[-1] < rows and bool(np.all(np.diff(first) > 0))):
        return Codes(raw, column.dictionary)
    order = np.argsort(first, kind="stable")[: int(np.count_nonzero(first < rows))]
    renamed = np.full(size + 1, -1, dtype=np.int32)
    renamed[order] = np.arange(len(order), dtype=np.int32)
    return Codes(renamed[raw], column.dictionary.take(pa.array(order)))


def ranks(codes: Codes) -> Codes32:
    """The place of each row's label in alphabetical order, shape (rows,); -1 for None."""
    place = np.full(codes.size + 1, -1, dtype=np.int32)
    place[np.asarray(sorted(range(codes.size), key=codes.labels.__getitem__), dtype=np.int64)] = np.arange(
        codes.size, dtype=np.int32
    )
    return np.asarray(place[codes.codes], dtype=np.int32)


def _plain(values: Iterable[Any]) -> Sequence[Any] | npt.NDArray[Any]:
    return values if isinstance(values, np.ndarray) else list(values)


def _one_chunk(array: pa.ChunkedArray | pa.Array) -> pa.Array:
    import pyarrow as pa

    if not isinstance(array, pa.ChunkedArray):
        return array
    whole = array.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # more than 2 GiB of labels
        return pa.concat_arrays(whole.chunks)
    return whole
