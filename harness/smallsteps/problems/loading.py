"""From a benchmark's name to its problems: files, readers, splits."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from smallsteps.errors import DATA, NO_INPUT, SOFTWARE, UserError, unknown_name
from smallsteps.extensions import plugin_modules
from smallsteps.files import read_jsonl
from smallsteps.problems.benchmark import Benchmark, DataFile, Indices, Split
from smallsteps.problems.data import data_directory, found, required, rows_of
from smallsteps.problems.fields import Fields
from smallsteps.problems.finding import load_benchmark
from smallsteps.problems.hub import hub_rows
from smallsteps.problems.model import Problem
from smallsteps.problems.readers import Context, Row, find_reader
from smallsteps.problems.verify import check_bytes

MICROWORLD = "smallsteps.microworld.source:problems"  # makes problems and does nothing else
_MARKS = re.compile(r"[\s.,;:!?'\"`´‘’“”]+")


def load_problems(
    name: str, split: str, data: Path | None = None, *, subtask: str | None = None, folder: Path | None = None
) -> list[Problem]:
    """The problems of one split, in the order of the source.

    Args:
        name: benchmark.
        split: `train`, `dev` or `test`, as far as the benchmark has them.
        data: data directory (default: SMALLSTEPS_DATA, else the hub); generated problems need none.
        subtask: only this subtask, for benchmarks that have subtasks.
        folder: tasks folder, the shipped one unless given.

    Raises:
        UserError: unknown name, or data missing, malformed or not as many as published.
    """
    benchmark = load_benchmark(name, folder)
    if split not in benchmark.splits:
        raise unknown_name(f"split of '{name}'", split, benchmark.splits)
    if subtask is not None and subtask not in benchmark.subtask_names:
        raise unknown_name(f"subtask of '{name}'", subtask, benchmark.subtask_names)
    if benchmark.python is not None:
        problems = _generated(benchmark, split, subtask)
    else:
        problems = _cut(benchmark, split, data_directory(data), subtask)
    if benchmark.own is not None:
        _check_own(benchmark, split, problems)
    expected = benchmark.splits[split].rows if subtask is None else None
    if expected is not None and len(problems) not in (expected, _part_rows(benchmark, split)):
        raise UserError(
            f"split '{split}' of '{name}' has {len(problems)} problems, {expected} are published",
            fix=f"compare the files with 'smallsteps tasks data verify {name}'",
            code=DATA,
        )
    return problems


def _check_own(benchmark: Benchmark, split: str, problems: list[Problem]) -> None:
    """Own problems: there are some, and their ids are unique, because rationales are kept by id."""
    where = f"{benchmark.where}: splits.{split}"
    if not problems:
        raise UserError("no problem is left", where=where, fix="check its file and 'held_out'", code=DATA)
    seen: set[str] = set()
    for problem in problems:
        if problem.id in seen:
            fix = "map another field to 'id', or none: problems are then numbered"
            raise UserError(f"two problems have the id '{problem.id}'", where=where, fix=fix, code=DATA)
        seen.add(problem.id)


def _part_rows(benchmark: Benchmark, split: str) -> int | None:
    """How many problems a known incomplete copy of a split's only file has."""
    one = benchmark.splits[split]
    file = benchmark.files.get(one.file or "")
    whole = one.indices is None and one.held_out is None and one.without is None
    return file.part.rows if file and file.part and whole else None


def normalised(question: str) -> str:
    """A question without case, sentence marks and spacing: what makes two questions the same.

    Brackets and operators stay, because in some tasks they are the question.
    """
    return _MARKS.sub(" ", question.lower()).strip()


def _generated(benchmark: Benchmark, split: str, subtask: str | None) -> list[Problem]:
    assert benchmark.python is not None
    module, _, function = benchmark.python.function.partition(":")
    harmless = benchmark.python.function == MICROWORLD
    if benchmark.own is not None and not harmless and module not in plugin_modules():
        raise UserError(
            f"'{module}' is not a module that you asked for",
            where=f"{benchmark.where}: python.function",
            fix=f"if you trust its code, add --plugin {module}",
        )
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"cannot import '{benchmark.python.function}': {error}",
            where=f"{benchmark.where}: python.function",
            code=SOFTWARE,
        ) from error
    common = benchmark.python.arguments
    if not benchmark.python.subtasks:
        return list(make(split=split, **common))
    problems: list[Problem] = []
    for name, own in benchmark.python.subtasks.items():
        if subtask in (None, name):
            problems += [
                _tagged(replace(p, id=f"{name}-{p.id}"), name, name)
                for p in make(split=split, **common, **own)
            ]
    return problems


def _tagged(problem: Problem, subtask: str, cluster: str | None) -> Problem:
    tags = {**problem.tags, "subtask": subtask}
    return replace(problem, cluster=problem.cluster or cluster, tags=tags)


def _cut(benchmark: Benchmark, name: str, data: Path | None, subtask: str | None) -> list[Problem]:
    split = benchmark.splits[name]
    problems = _whole(benchmark, split, data, subtask)
    if split.held_out is not None:
        kept = _held_out(benchmark, name, problems, data)
        problems = [problem for problem in problems if normalised(problem.question) in kept]
    for other in split.left_out:
        taken = _held_out(benchmark, other, _whole(benchmark, benchmark.splits[other], data, subtask), data)
        problems = [problem for problem in problems if normalised(problem.question) not in taken]
    return problems


def _held_out(benchmark: Benchmark, name: str, problems: list[Problem], data: Path | None) -> set[str]:
    """Questions that belong to a held-out split: smallest hashes first, so the choice needs no seed.

    All problems with the same question go the same way, and none is a question of the test split.

    Args:
        name: the split.
        problems: all problems of its file.
    """
    tested: set[str] = set()
    test = benchmark.splits.get("test")
    if test is not None and name != "test":
        others = _whole(benchmark, test, data, None)
        tested = {normalised(p.question) for p in others}
        if test.held_out is not None:
            tested = _held_out(benchmark, "test", others, data)
    counts: dict[str, int] = {}
    for problem in problems:
        question = normalised(problem.question)
        counts[question] = counts.get(question, 0) + 1
    kept: set[str] = set()
    room = benchmark.splits[name].held_out or 0
    for question in sorted(counts.keys() - tested, key=lambda q: hashlib.sha256(q.encode()).digest()):
        if counts[question] <= room:
            kept.add(question)
            room -= counts[question]
        if room == 0:
            break
    return kept


def _whole(benchmark: Benchmark, split: Split, data: Path | None, subtask: str | None) -> list[Problem]:
    """All problems of a split's files, before anything is held out."""
    if split.file is not None:
        return list(_read(benchmark, split.file, split, data))
    problems: list[Problem] = []
    for name in benchmark.files:
        if subtask in (None, name):
            problems += _read(benchmark, name, split, data)
    return problems


def _read(benchmark: Benchmark, name: str, split: Split, data: Path | None) -> Iterator[Problem]:
    file = benchmark.files[name]
    reader = find_reader(str(benchmark.reader), where=f"{benchmark.where}: reader")
    chosen = _indices(benchmark.name, split.indices, data) if split.indices else None
    joined = _joined(benchmark, split, data)
    fields = benchmark.fields or Fields()
    for index, (where, row) in enumerate(_rows(benchmark, file, data)):
        if chosen is not None and index not in chosen:
            continue
        extra = joined.get(str(row.get(split.join.key)), {}) if split.join else {}
        context = Context(where, index, name, file.kind or benchmark.kind, extra, fields)
        for problem in reader(row, context):
            yield _tagged(problem, name, file.cluster) if benchmark.subtasks else problem


def _rows(benchmark: Benchmark, file: DataFile, data: Path | None) -> Iterator[tuple[str, Row]]:
    if data is None and benchmark.hub is not None and file.hub is not None:
        return hub_rows(benchmark.hub, file.hub)
    if benchmark.own is not None and data is None and found(file, data) is None:
        raise UserError(
            f"no such file (it is named in {benchmark.own.name})",
            where=str(benchmark.own.parent / file.path),
            fix="put it there, or name the directory it is in with --data DIR or SMALLSTEPS_DATA=DIR",
            code=NO_INPUT,
        )
    path = required(benchmark.name, file, data)
    check_bytes(benchmark.name, file, path, data)
    return rows_of(file, path)


def _indices(name: str, indices: Indices, data: Path | None) -> frozenset[int]:
    path = required(name, indices.path, data)
    for _, row in read_jsonl(path):
        if (row.get("dataset"), row.get("scheme"), row.get("split")) == (
            indices.dataset,
            indices.scheme,
            indices.split,
        ):
            return frozenset(int(index) for index in row["indices"])
    sought = f"{indices.dataset}, {indices.scheme}, {indices.split}"
    raise UserError(f"no row for ({sought})", where=str(path), code=DATA)


def _joined(benchmark: Benchmark, split: Split, data: Path | None) -> dict[str, Row]:
    """Rows of the joined file by their key; empty when the file is optional and absent."""
    if split.join is None:
        return {}
    file = benchmark.files[split.join.file]
    if file.optional and data is not None and found(file, data) is None:
        return {}
    return {str(row.get(split.join.key)): row for _, row in _rows(benchmark, file, data)}
