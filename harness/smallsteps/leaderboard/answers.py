"""`answers.parquet`: every response of one student with its score, compressed, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import atomic_path, unpacked_limit
from smallsteps.outcomes.model import Status
from smallsteps.outcomes.table import check_row_count, parquet_errors

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "smallsteps.answers/1"
LONGEST = 1 << 20  # characters of one response
MOST_SEEDS = 1000


@dataclass(frozen=True, slots=True)
class Answer:
    """One response.

    Attributes:
        task, item, sample, seed: whose response to what.
        score: 0 to 1; status: see `Status`.
        cluster: of the item, None where it is the item itself.
        tokens: generated; stop: `eos`, `length` or another reason; None where unknown.
        response: the text; None for likelihoods, and where texts are not kept.
        likelihoods: log-likelihood of each allowed answer, for tasks scored by likelihood.
    """

    task: str
    item: str
    sample: int
    seed: int | None
    score: float
    status: str
    cluster: str | None = None
    tokens: int | None = None
    stop: str | None = None
    response: str | None = None
    likelihoods: tuple[float, ...] | None = None


COLUMNS = tuple(field.name for field in fields(Answer))


def schema() -> pa.Schema:
    """Columns of the file; texts that repeat are read as dictionaries, so that no file grows in memory."""
    import pyarrow as pa

    word, text = pa.dictionary(pa.int32(), pa.string()), pa.string()
    kinds = {
        "task": word,
        "item": text,
        "sample": pa.int32(),
        "seed": pa.int64(),
        "score": pa.float64(),
        "status": word,
        "cluster": word,
        "tokens": pa.int32(),
        "stop": word,
        "response": word,
        "likelihoods": pa.list_(pa.float64()),
    }
    return pa.schema([pa.field(name, kinds[name]) for name in COLUMNS], metadata={"schema": SCHEMA})


def ordered(answers: Iterable[Answer]) -> list[Answer]:
    """By task, seed, item and sample; answers without a seed come first."""
    return sorted(answers, key=lambda a: (a.task, a.seed is not None, a.seed or 0, a.item, a.sample))


def write_answers(path: Path, answers: Iterable[Answer]) -> None:
    """Write Parquet, atomically; the same answers give the same bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = ordered(answers)
    columns = {name: [getattr(row, name) for row in rows] for name in COLUMNS}
    table = pa.table(columns, schema=schema())
    with atomic_path(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=19,
            use_dictionary=[name for name in COLUMNS if name not in ("item", "response", "likelihoods")],
            write_statistics=False,
            write_page_checksum=True,
        )


def read_answers(path: Path, columns: Sequence[str] = COLUMNS) -> pa.Table:
    """Some columns of a file, after checks of its schema and of what it unpacks to.

    Raises:
        UserError: damaged, of another schema, or far larger inside than outside.
    """
    import pyarrow.parquet as pq

    words = [f.name for f in schema() if str(f.type).startswith("dictionary")]
    with parquet_errors(path):
        _check_size(pq.read_metadata(path), path)
        with pq.ParquetFile(
            path, read_dictionary=words, pre_buffer=False, page_checksum_verification=True
        ) as file:
            table = file.read(list(columns), use_threads=False)
            for name in columns:
                table.column(name).validate(full=True)
    return table


def _check_size(metadata: Any, path: Path) -> None:
    found = metadata.schema.to_arrow_schema()
    named = (found.metadata or {}).get(b"schema", b"").decode(errors="replace")[:80]
    if named != SCHEMA:
        raise UserError(f"schema is {named!r}, expected {SCHEMA!r}", where=str(path), code=DATA)
    expected = schema()
    for name in found.names:
        if name not in expected.names:
            raise UserError(f"unknown column '{name[:80]}'", where=str(path), code=DATA)
    for field in expected:
        kind = found.field(field.name).type if field.name in found.names else None
        plain = getattr(field.type, "value_type", field.type) if str(field.type)[:4] == "dict" else field.type
        if kind not in (field.type, plain) and not (field.name == "likelihoods" and _is_list_of(kind, plain)):
            raise UserError(f"no column '{field.name}' of type {plain}", where=str(path), code=DATA)
    check_row_count(metadata.num_rows, path)
    inside = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    limit = unpacked_limit(path.stat().st_size)
    if inside > limit:
        raise UserError(f"unpacks to {inside:,} bytes, more than {limit:,}", where=str(path), code=DATA)


def _is_list_of(kind: Any, wanted: Any) -> bool:
    """Whether a type is a list of the wanted values; writers of Parquet name these values differently."""
    import pyarrow as pa

    return isinstance(kind, pa.ListType) and kind.value_type == wanted.value_type


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one task: places `start` to `stop` of a table."""

    task: str
    start: int
    stop: int


def parts_of(table: pa.Table) -> list[Part]:
    """Rows by task, in a table whose order was checked."""
    import numpy as np

    column = table.column("task").combine_chunks()
    codes = column.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    labels = column.dictionary.to_pylist()
    stops = [*starts[1:], len(codes)]
    return [Part(labels[codes[a]], a, b) for a, b in zip(starts, stops, strict=True)]


def rows_of(table: pa.Table, part: Part) -> list[Answer]:
    """The rows of one task as objects."""
    rows = table.slice(part.start, part.stop - part.start)
    lists = [rows.column(name).to_pylist() for name in COLUMNS]
    return [Answer(*values) for values in zip(*lists, strict=True)]


def check_values(table: pa.Table, path: Path) -> None:
    """Check every value of all columns, and that rows are in their order, each there once.

    Raises:
        UserError: a value that no answer can have; rows out of order or twice.
    """
    import pyarrow.compute as pc

    for name in ("task", "item", "sample", "score", "status"):
        _refuse(pc.is_null(table.column(name)), f"a row without {name}", path)
    score = table.column("score")
    in_range = pc.and_(pc.greater_equal(score, 0.0), pc.less_equal(score, 1.0))
    _refuse(pc.invert(in_range), "a score that is not between 0 and 1", path)
    _refuse(pc.less(table.column("sample"), 0), "a negative sample number", path)
    _refuse(pc.less(table.column("tokens"), 0), "a negative number of tokens", path)
    _refuse(pc.equal(table.column("item").cast("string"), ""), "an empty item key", path)
    status = table.column("status").cast("string")
    known = pc.is_in(status, value_set=_array([one.value for one in Status]))
    _refuse(pc.invert(known), f"an unknown status (known: {', '.join(Status)})", path)
    failed = pc.and_(pc.not_equal(status, Status.OK.value), pc.greater(score, 0.0))
    _refuse(failed, "a score above 0 with a status that is not ok", path)
    texts = table.column("response").combine_chunks().dictionary
    if len(texts) and pc.max(pc.utf8_length(texts)).as_py() > LONGEST:
        raise UserError(f"a response of more than {LONGEST:,} characters", where=str(path), code=DATA)
    sums = pc.list_flatten(table.column("likelihoods"))
    if pc.any(pc.or_(pc.is_null(sums), pc.is_nan(sums))).as_py():
        raise UserError("a log-likelihood is missing", where=str(path), code=DATA)
    if len(table.column("seed").unique()) > MOST_SEEDS:
        raise UserError(f"more than {MOST_SEEDS:,} seeds", where=str(path), code=DATA)
    _check_order(table, path)


def _array(values: Sequence[str]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, type=pa.string())


def _refuse(wrong: Any, what: str, path: Path) -> None:
    import pyarrow.compute as pc

    place = pc.index(wrong, True).as_py()
    if place >= 0:
        raise UserError(f"row {place + 1}: {what}", where=str(path), code=DATA)


def _check_order(table: pa.Table, path: Path) -> None:
    """Rows must rise by task, seed, item and sample: none is then there twice."""
    import numpy as np
    import pyarrow.compute as pc

    if len(table) < 2:
        return
    rises = np.zeros(len(table) - 1, dtype=bool)
    equal = np.ones(len(table) - 1, dtype=bool)
    seed = table.column("seed")
    columns = [
        table.column("task").cast("string"),
        pc.cast(pc.is_valid(seed), "int8"),
        pc.fill_null(seed, 0),
        table.column("item").cast("string"),
        table.column("sample"),
    ]
    for column in columns:
        one = column.combine_chunks()
        above = pc.greater(one[1:], one[:-1]).to_numpy(zero_copy_only=False)
        same = pc.equal(one[1:], one[:-1]).to_numpy(zero_copy_only=False)
        rises |= equal & above
        equal &= same
    if not rises.all():
        row = int(np.argmin(rises)) + 2
        raise UserError(
            f"row {row} is out of order or repeated (rows are sorted by task, seed, item and sample)",
            where=str(path),
            fix="make the entry with 'smallsteps leaderboard add RUN...'",
            code=DATA,
        )
