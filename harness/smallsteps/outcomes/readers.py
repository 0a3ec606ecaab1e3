"""Outcomes from whatever a user has: run directories, lm-eval output, CSV, JSON lines, Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.outcomes.lm_eval_files import Choice, is_lm_eval, read_lm_eval
from smallsteps.outcomes.run_folder import check_run
from smallsteps.outcomes.table import SCHEMA_VERSION, OutcomeTable, read_outcomes
from smallsteps.outcomes.tables import read_csv, read_json_lines, read_parquet

OUTCOMES = "outcomes.parquet"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Outcomes of one or more sources.

    Attributes:
        table: all of them.
        sources: the paths, in the order given.
        notes: choices that were made while reading.
    """

    table: OutcomeTable
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()


def load(paths: Sequence[Path], choice: Choice = Choice()) -> Loaded:  # noqa: B008
    """Read and join several sources.

    A student that two sources both name is told apart by the source: `name (folder)`.

    Raises:
        UserError: nothing readable at a path, no outcomes, or one source given twice.
    """
    seen: dict[Path, Path] = {}
    for path in paths:
        if path.resolve() in seen:
            raise UserError(f"'{path}' is given twice", fix="name two different runs")
        seen[path.resolve()] = path
    notes: list[str] = []
    tables: list[OutcomeTable] = []
    for path in paths:
        table, remarks = _read(path, choice)
        if not len(table):
            raise UserError("no outcomes", where=str(path), code=DATA)
        notes.extend(remarks)
        tables.append(table)
    labelled = _told_apart(tables, paths)
    joined = OutcomeTable.concatenate(labelled)
    return Loaded(joined, tuple(str(path) for path in paths), tuple(dict.fromkeys(notes)))


def _read(path: Path, choice: Choice) -> tuple[OutcomeTable, list[str]]:
    if not path.exists():
        raise UserError("no such file or folder", where=str(path), code=NO_INPUT)
    if path.is_dir():
        found = [path / OUTCOMES] if (path / OUTCOMES).exists() else sorted(path.rglob(OUTCOMES))
        for file in found:
            check_run(file.parent)
        if found:
            return OutcomeTable.concatenate([read_outcomes(file) for file in found]), []
        if is_lm_eval(path):
            return read_lm_eval(path, choice)
        raise UserError(
            "neither a run nor lm-eval output",
            where=str(path),
            fix=f"expected {OUTCOMES} or samples_*.jsonl in it or below it",
            code=NO_INPUT,
        )
    if is_lm_eval(path):
        return read_lm_eval(path, choice)
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return (read_outcomes(path) if _is_ours(path) else read_parquet(path)), []
    if name.endswith((".csv", ".tsv")):
        return read_csv(path), []
    if name.endswith(".jsonl"):
        return read_json_lines(path), []
    raise UserError(
        "cannot tell what this file is",
        where=str(path),
        fix="give a run, lm-eval output, or outcomes as .csv, .jsonl or .parquet",
        code=DATA,
    )


def _is_ours(path: Path) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"not a readable Parquet file ({error})", where=str(path), code=DATA) from error
    return bool((schema.metadata or {}).get(b"schema", b"").decode() == SCHEMA_VERSION)


def _told_apart(tables: Sequence[OutcomeTable], paths: Sequence[Path]) -> list[OutcomeTable]:
    """Rename students that several sources share, unless for other seeds or other tasks."""
    seen: set[tuple[str, int | None, str]] = set()
    clashing: set[str] = set()
    for table in tables:
        columns = table.columns
        here = set(zip(columns["student"], columns["seed"], columns["task"], strict=True))
        clashing |= {student for student, _, _ in here & seen}
        seen |= here
    if not clashing:
        return list(tables)
    labels = _labels(paths)
    out = []
    for table, label in zip(tables, labels, strict=True):
        students = [f"{s} ({label})" if s in clashing else s for s in table.columns["student"]]
        out.append(OutcomeTable({**table.columns, "student": students}))
    return out


def _labels(paths: Sequence[Path]) -> list[str]:
    """Shortest tails of the paths that tell them apart."""
    resolved = [path.resolve().parts for path in paths]
    for length in range(1, max(len(parts) for parts in resolved) + 1):
        tails = ["/".join(parts[-length:]) for parts in resolved]
        if len(set(tails)) == len(tails):
            return tails
    return [str(path) for path in paths]
