"""Outcomes from whatever a user has: run directories, lm-eval output, CSV, JSON lines, Parquet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.outcomes.columns import SCHEMA_VERSION
from smallsteps.outcomes.lm_eval_files import Choice, is_lm_eval, read_lm_eval
from smallsteps.outcomes.table import OutcomeTable, read_outcomes
from smallsteps.outcomes.tables import read_csv, read_json_lines, read_parquet

OUTCOMES = "outcomes.parquet"
PATH = re.compile(r"/.*[^/]|[A-Za-z]:[\\/].*[^\\/]")  # absolute, and more than a root


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
    short = short_names([name for table in tables for name in table.unique("student")])
    labelled = _told_apart([table.renamed("student", short) for table in tables] if short else tables, paths)
    joined = OutcomeTable.concatenate(labelled)
    return Loaded(joined, tuple(str(path) for path in paths), tuple(dict.fromkeys(notes)))


def short_names(students: Iterable[str]) -> dict[str, str]:
    """The shortest tail of each absolute path among student names that no other student has.

    `/models/org/left` is `left`; beside `/old/left` the two are `org/left` and `old/left`. Other names stay.
    """
    known = list(dict.fromkeys(students))
    parts = {name: re.split(r"[/\\]+", name.rstrip("/\\")) for name in known if PATH.match(name)}
    taken = set(known) - set(parts)
    length = dict.fromkeys(parts, 1)
    while parts:
        tails = {name: "/".join(parts[name][-length[name] :]) for name in parts}
        count = Counter(tails.values())
        clashing = [name for name, tail in tails.items() if count[tail] > 1 or tail in taken]
        if not (longer := [name for name in clashing if length[name] < len(parts[name])]):
            return {name: tail for name, tail in tails.items() if name not in clashing}
        for name in longer:
            length[name] += 1
    return {}


def _read(path: Path, choice: Choice) -> tuple[OutcomeTable, list[str]]:
    if not path.exists():
        raise UserError("no such file or folder", where=str(path), code=NO_INPUT)
    if path.is_dir():
        found = [path / OUTCOMES] if (path / OUTCOMES).exists() else sorted(path.rglob(OUTCOMES))
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
        here = _runs(table)
        clashing |= {student for student, _, _ in here & seen}
        seen |= here
    if not clashing:
        return list(tables)
    return [
        table.renamed("student", {name: f"{name} ({label})" for name in clashing})
        for table, label in zip(tables, _labels(paths), strict=True)
    ]


def _runs(table: OutcomeTable) -> set[tuple[str, int | None, str]]:
    """The (student, seed, task) triples of a table."""
    students, tasks = table.codes("student"), table.codes("task")
    parts = (students.codes, table.known("seed"), table.column("seed"), tasks.codes)
    found = np.unique(np.column_stack(parts), axis=0).tolist()
    return {(students.labels[s], seed if known else None, tasks.labels[t]) for s, known, seed, t in found}


def _labels(paths: Sequence[Path]) -> list[str]:
    """Shortest tails of the paths that tell them apart."""
    resolved = [path.resolve().parts for path in paths]
    for length in range(1, max(len(parts) for parts in resolved) + 1):
        tails = ["/".join(parts[-length:]) for parts in resolved]
        if len(set(tails)) == len(tails):
            return tails
    return [str(path) for path in paths]
