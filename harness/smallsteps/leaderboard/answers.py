"""`answers.parquet`: every response of one student with its score, compressed, in a fixed order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import MAX_RATIO, atomic_path
from smallsteps.outcomes.model import Status
from smallsteps.outcomes.table import check_row_count, parquet_errors

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "smallsteps.answers/1"
LONGEST = 1 << 20  # characters of one response
_FREE = 64 << 20  # bytes that any file may unpack to


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
    """Columns of the file; texts that repeat are read as dictionaries, so that no small file becomes large."""
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
    return sorted(
        answers, key=lambda a: (a.task, a.seed is not None, a.seed or 0, a.item, a.sample)
    )


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
        if kind not in (field.type, plain) and not str(kind).startswith("list"):
            raise UserError(f"no column '{field.name}' of type {plain}", where=str(path), code=DATA)
    check_row_count(metadata.num_rows, path)
    inside = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    limit = max(_FREE, MAX_RATIO * path.stat().st_size)
    if inside > limit:
        raise UserError(
            f"unpacks to {inside:,} bytes, more than {limit:,}", where=str(path), code=DATA
        )


def rows_of(table: pa.Table, path: Path) -> list[Answer]:
    """The rows as objects, each value checked.

    Raises:
        UserError: a value that no answer can have, or an answer that is there twice.
    """
    lists = [table.column(name).to_pylist() for name in COLUMNS]
    known = {status.value for status in Status}
    seen: set[tuple[str, int | None, str, int]] = set()
    out = []
    for number, values in enumerate(zip(*lists, strict=True), start=1):
        answer = Answer(*values)
        where = f"{path}: row {number}"
        if not answer.task or not answer.item or answer.sample is None or answer.sample < 0:
            raise UserError("a row needs a task, an item and a sample number", where=where, code=DATA)
        if answer.score is None or not 0 <= answer.score <= 1:
            raise UserError(f"the score is {answer.score}, expected 0 to 1", where=where, code=DATA)
        if answer.status not in known:
            fix = f"known: {', '.join(sorted(known))}"
            raise UserError(f"unknown status '{str(answer.status)[:40]}'", where=where, fix=fix, code=DATA)
        if answer.status != Status.OK and answer.score > 0:
            text = f"item '{answer.item}' scores {answer.score:g} with status {answer.status}"
            raise UserError(text, where=where, code=DATA)
        if answer.response is not None and len(answer.response) > LONGEST:
            raise UserError(f"a response of more than {LONGEST:,} characters", where=where, code=DATA)
        if answer.likelihoods is not None and any(x is None or x != x for x in answer.likelihoods):
            raise UserError("a log-likelihood is missing", where=where, code=DATA)
        key = (answer.task, answer.seed, answer.item, answer.sample)
        if key in seen:
            text = f"item '{answer.item}' of {answer.task} is there twice (seed {answer.seed})"
            raise UserError(text, where=where, code=DATA)
        seen.add(key)
        out.append(answer)
    return out
