"""From a benchmark's name to its problems: files, readers, splits."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from smallsteps.errors import DATA, SOFTWARE, UserError, unknown_name
from smallsteps.files import read_jsonl
from smallsteps.problems.benchmark import Benchmark, DataFile, Indices, Split, load_benchmark
from smallsteps.problems.data import data_directory, found, required, rows_of
from smallsteps.problems.hub import hub_rows
from smallsteps.problems.model import Problem
from smallsteps.problems.readers import READERS, Context, Row

_MARKS = re.compile(r"[\s.,;:!?'\"`´‘’“”]+")


def load_problems(
    name: str, split: str, data: Path | None = None, *, subtask: str | None = None, folder: Path | None = None
) -> list[Problem]:
    """The problems of one split, in the order of the source.

    Args:
        name: benchmark.
        split: `train`, `dev` or `test`, as far as the benchmark has them.
        data: data directory (default: SMALLSTEPS_DATA, else the hub); problems made by rule need none.
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
        problems = _made(benchmark, split, subtask)
    else:
        problems = _cut(benchmark, split, data_directory(data), subtask)
    expected = benchmark.splits[split].rows if subtask is None else None
    if expected is not None and len(problems) not in (expected, _part_rows(benchmark, split)):
        raise UserError(
            f"split '{split}' of '{name}' has {len(problems)} problems, {expected} are published",
            fix=f"compare the files with 'smallsteps tasks data verify {name}'",
            code=DATA,
        )
    return problems


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


def _made(benchmark: Benchmark, split: str, subtask: str | None) -> list[Problem]:
    assert benchmark.python is not None
    module, _, function = benchmark.python.function.partition(":")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"cannot import '{benchmark.python.function}': {error}",
            where=f"tasks/{benchmark.name}/benchmark.yaml: python.function",
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
        kept = _held_out(benchmark, split, problems, data)
        return [problem for problem in problems if normalised(problem.question) in kept]
    if split.without is not None:
        dev = benchmark.splits[split.without]
        assert dev.held_out is not None
        kept = _held_out(benchmark, dev, problems, data)
        return [problem for problem in problems if normalised(problem.question) not in kept]
    return problems


def _held_out(benchmark: Benchmark, dev: Split, problems: list[Problem], data: Path | None) -> set[str]:
    """Questions that belong to the held-out split: smallest hashes first, so the choice needs no seed.

    All problems with the same question go the same way, and none is a question of the test split.
    """
    tested: set[str] = set()
    if "test" in benchmark.splits:
        tested = {normalised(p.question) for p in _whole(benchmark, benchmark.splits["test"], data, None)}
    counts: dict[str, int] = {}
    for problem in problems:
        question = normalised(problem.question)
        counts[question] = counts.get(question, 0) + 1
    kept: set[str] = set()
    room = dev.held_out or 0
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
    reader = READERS.get(str(benchmark.reader))
    if reader is None:
        where = f"tasks/{benchmark.name}/benchmark.yaml: reader"
        raise unknown_name("reader", str(benchmark.reader), READERS, where=where)
    wanted = _indices(benchmark.name, split.indices, data) if split.indices else None
    joined = _joined(benchmark, split, data)
    for index, (where, row) in enumerate(_rows(benchmark, file, data)):
        if wanted is not None and index not in wanted:
            continue
        extra = joined.get(str(row.get(split.join.key)), {}) if split.join else {}
        context = Context(where, index, name, file.kind or benchmark.kind, extra)
        for problem in reader(row, context):
            yield _tagged(problem, name, file.cluster) if benchmark.subtasks else problem


def _rows(benchmark: Benchmark, file: DataFile, data: Path | None) -> Iterator[tuple[str, Row]]:
    if data is None and benchmark.hub is not None and file.hub is not None:
        return hub_rows(benchmark.hub, file.hub)
    return rows_of(file, required(benchmark.name, file, data))


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
