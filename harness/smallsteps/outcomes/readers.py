"""Outcomes from runs, output of other harnesses, CSV, JSON lines and Parquet."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.outcomes.columns import SCHEMA_VERSION
from smallsteps.outcomes.every_eval import is_every_eval, read_every_eval
from smallsteps.outcomes.inspect_files import is_inspect, read_inspect
from smallsteps.outcomes.lm_eval_files import Choice, is_lm_eval, read_lm_eval
from smallsteps.outcomes.run_folder import check_run
from smallsteps.outcomes.table import OutcomeTable, parquet_errors, read_outcomes
from smallsteps.outcomes.tables import read_csv, read_json_lines, read_parquet

OUTCOMES = "outcomes.parquet"
PATH = re.compile(r"/.*[^/]|[A-Za-z]:[\\/].*[^\\/]")  # absolute, and more than a root


@dataclass(frozen=True, slots=True)
class Source:
    """One path and the (student, seed) of the outcomes that it held."""

    path: Path
    runs: tuple[tuple[str, int | None], ...]

    @property
    def students(self) -> set[str]:
        """Names of its students."""
        return {student for student, _ in self.runs}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Outcomes of one or more sources.

    Attributes:
        table: all of them.
        sources: the paths, in the order given.
        notes: choices that were made while reading.
        runs: what each path held, under the names in the table.
    """

    table: OutcomeTable
    sources: tuple[str, ...]
    notes: tuple[str, ...] = ()
    runs: tuple[Source, ...] = ()


def load(paths: Sequence[Path], choice: Choice = Choice()) -> Loaded:  # noqa: B008
    """Read and join several sources.

    A student named by two sources gets the source added: `name (folder)`.

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
    held = tuple(Source(path, runs_of(table)) for path, table in zip(paths, labelled, strict=True))
    return Loaded(joined, tuple(str(path) for path in paths), tuple(dict.fromkeys(notes)), held)


def short_names(students: Iterable[str]) -> dict[str, str]:
    """The shortest tail of each absolute path among student names that no other student has.

    `/models/org/left` is `left`; with `/old/left` they are `org/left` and `old/left`. Other names stay.
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
        for file in found:
            check_run(file.parent)
        if found:
            return OutcomeTable.concatenate([read_outcomes(file) for file in found]), []
        evaluation = _read_evaluation(path, choice)
        if evaluation is not None:
            return evaluation
        raise UserError(
            "neither a run nor output of lm-eval, inspect_ai or every_eval_ever",
            where=str(path),
            fix=f"expected {OUTCOMES}, samples_*.jsonl, *.eval or *_samples.jsonl in it or below it",
            code=NO_INPUT,
        )
    evaluation = _read_evaluation(path, choice)
    if evaluation is not None:
        return evaluation
    name = path.name.removesuffix(".gz")
    if name.endswith(".parquet"):
        return (read_outcomes(path) if _is_ours(path) else read_parquet(path)), []
    if name.endswith((".csv", ".tsv")):
        return read_csv(path), []
    if name.endswith((".jsonl", ".json")):
        return read_json_lines(path), []
    raise UserError(
        "unknown kind of file",
        where=str(path),
        fix="give a run, output of lm-eval or inspect_ai, or outcomes as .csv, .jsonl, .json or .parquet",
        code=DATA,
    )


def _read_evaluation(path: Path, choice: Choice) -> tuple[OutcomeTable, list[str]] | None:
    """Output of another harness; None where it is something else."""
    if is_lm_eval(path):
        return read_lm_eval(path, choice)
    if is_inspect(path):
        return read_inspect(path, choice.metric)
    if is_every_eval(path):
        return read_every_eval(path, choice.metric)
    return None


def _is_ours(path: Path) -> bool:
    import pyarrow.parquet as pq

    with parquet_errors(path):
        schema = pq.read_schema(path)
    return bool((schema.metadata or {}).get(b"schema", b"") == SCHEMA_VERSION.encode())


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
    seeds, seed = np.unique(table.column("seed"), return_inverse=True)
    shape = (students.size, tasks.size, len(seeds), 2)
    found = np.unique(np.ravel_multi_index((students.codes, tasks.codes, seed, table.known("seed")), shape))
    return {
        (students.labels[s], int(seeds[n]) if known else None, tasks.labels[t])
        for s, t, n, known in zip(*np.unravel_index(found, shape), strict=True)
    }


def runs_of(table: OutcomeTable) -> tuple[tuple[str, int | None], ...]:
    """The (student, seed) of a table, sorted, runs without a seed first."""
    found = {(student, seed) for student, seed, _ in _runs(table)}
    return tuple(sorted(found, key=lambda run: (run[0], run[1] is not None, run[1] or 0)))


def _labels(paths: Sequence[Path]) -> list[str]:
    """Shortest tails of the paths that differ."""
    resolved = [path.resolve().parts for path in paths]
    for length in range(1, max(len(parts) for parts in resolved) + 1):
        tails = ["/".join(parts[-length:]) for parts in resolved]
        if len(set(tails)) == len(tails):
            return tails
    return [str(path) for path in paths]
