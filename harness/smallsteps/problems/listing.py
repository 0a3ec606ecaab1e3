"""What there is: one line per benchmark, one description, and the members of groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import unknown_name
from smallsteps.problems.benchmark import (
    Benchmark,
    DataFile,
    Split,
    files_of,
    list_benchmarks,
    load_benchmark,
)
from smallsteps.problems.data import data_directory, found, rows_of
from smallsteps.problems.model import Role

GROUPS = ("all", "math", "transfer", "commonsense", "generic", "contrast", "micro")


@dataclass(frozen=True, slots=True)
class Entry:
    """One benchmark in a list.

    Attributes:
        splits: items by split, None where unknown.
        data: `built in` (made by rule), `yes`, `test only`, `part` (items, steps, rationales or prompts
            are missing), `no`, or `hub` (no directory is named; loaded from the hub).
    """

    name: str
    title: str
    version: int
    role: str
    suite: str
    kind: str
    splits: dict[str, int | None]
    data: str
    licence: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def listing(data: Path | None = None, folder: Path | None = None) -> list[Entry]:
    """All benchmarks, by name."""
    directory = data_directory(data)
    return [entry(load_benchmark(name, folder), directory, folder) for name in list_benchmarks(folder)]


def entry(benchmark: Benchmark, data: Path | None, folder: Path | None = None) -> Entry:
    """One benchmark's line."""
    return Entry(
        benchmark.name,
        benchmark.title,
        benchmark.version,
        str(benchmark.role),
        benchmark.suite,
        str(benchmark.kind),
        {name: split.rows for name, split in benchmark.splits.items()},
        _presence(benchmark, data, folder),
        benchmark.licence,
    )


def _presence(benchmark: Benchmark, data: Path | None, folder: Path | None) -> str:
    if benchmark.python is not None:
        return "built in"
    if data is None:
        return "hub" if benchmark.hub is not None else "no"
    there = {name: found(file, data) is not None for name, file in files_of(benchmark, folder).items()}
    if all(there.values()):
        return "part" if any(_is_part(file, data) for file in benchmark.files.values()) else "yes"
    if not all(there[name] for name in _needed(benchmark, benchmark.splits["test"])):
        return "no"
    others = [split for name, split in benchmark.splits.items() if name != "test"]
    return "part" if all(there[n] for split in others for n in _needed(benchmark, split)) else "test only"


def _is_part(file: DataFile, data: Path) -> bool:
    path = found(file, data)
    return (
        file.part is not None and path is not None and sum(1 for _ in rows_of(file, path)) == file.part.rows
    )


def _needed(benchmark: Benchmark, split: Split) -> list[str]:
    names = [split.file] if split.file else list(benchmark.files)
    return [*names, *([split.indices.path] if split.indices else [])]


def describe(benchmark: Benchmark, data: Path | None = None) -> str:
    """What a person wants to know of a benchmark, as text."""
    one = entry(benchmark, data_directory(data))
    counts = ", ".join(f"{name} {'?' if rows is None else rows}" for name, rows in one.splits.items())
    lines = [
        f"{benchmark.title} ({benchmark.name}, version {benchmark.version})",
        f"role      {one.role}, suite {one.suite}",
        f"answers   {one.kind}",
        f"splits    {counts}",
        f"clusters  {benchmark.cluster or 'none'}",
        f"licence   {one.licence}",
        f"source    {_source(benchmark)}",
        f"data      {one.data}",
        f"cite      {benchmark.citation}",
    ]
    if benchmark.subtasks:
        lines.insert(4, f"subtasks  {len(benchmark.subtask_names)}: {', '.join(benchmark.subtask_names)}")
    return "\n".join(lines)


def _source(benchmark: Benchmark) -> str:
    if benchmark.python is not None:
        return f"made by {benchmark.python.function}"
    if benchmark.hub is not None:
        return f"{benchmark.hub.id} at {benchmark.hub.revision or 'main (not pinned)'}"
    return next((file.url for file in benchmark.files.values() if file.url), "no public source recorded")


def benchmarks_of(names: Iterable[str], folder: Path | None = None) -> list[str]:
    """Benchmark names, with groups replaced by their members; each once, in the order of the list.

    Raises:
        UserError: neither a benchmark nor a group.
    """
    known = list_benchmarks(folder)
    chosen: set[str] = set()
    for name in names:
        if name in GROUPS:
            chosen.update(b for b in known if in_group(load_benchmark(b, folder), name))
        elif name in known:
            chosen.add(name)
        else:
            raise unknown_name("benchmark or group", name, [*known, *GROUPS])
    return [name for name in known if name in chosen]


def in_group(benchmark: Benchmark, group: str) -> bool:
    """Whether a group holds a benchmark. The micro-world is a group of its own, in no other but `all`."""
    if group == "all":
        return True
    if group in ("transfer", "generic"):
        return benchmark.role is Role(group) and benchmark.suite != "micro"
    return benchmark.suite == group
