"""What there is: one line per benchmark, one description, and the members of groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import unknown_name
from smallsteps.problems.benchmark import Benchmark, DataFile, Split
from smallsteps.problems.data import data_directory, found, rows_of
from smallsteps.problems.finding import (
    HINT,
    files_of,
    is_path,
    list_benchmarks,
    load_benchmark,
    named_benchmark,
)
from smallsteps.problems.loading import load_problems
from smallsteps.problems.model import Role

# What the column `data` of `tasks ls` can say
DATA_WORDS = {
    "built in": "made by the package",
    "yes": "in the data directory",
    "test only": "the test split is in the data directory, others are not",
    "part": "the data directory holds fewer items than were published",
    "no": "not here: 'smallsteps tasks data fetch --to DIR' gets what has a public source",
    "hub": "read from the Hugging Face hub when needed, since no data directory is named",
}
GROUPS = ("all", "math", "transfer", "commonsense", "generic", "contrast", "micro")
OWN = "own"  # the user's benchmarks, outside all groups but `all`


@dataclass(frozen=True, slots=True)
class Entry:
    """One benchmark in a list.

    Attributes:
        splits: items by split, None where unknown.
        data: one of `DATA_WORDS`.
        lacks: optional files that are missing: without them items lack steps or rationales, or some variants
            their in-context examples.
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
    lacks: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def listing(data: Path | None = None, folder: Path | None = None) -> list[Entry]:
    """All benchmarks, by name."""
    directory = data_directory(data)
    return [entry(load_benchmark(name, folder), directory, folder) for name in list_benchmarks(folder)]


def entry(benchmark: Benchmark, data: Path | None, folder: Path | None = None) -> Entry:
    """One benchmark's line."""
    presence = _presence(benchmark, data)
    splits = {name: split.rows for name, split in benchmark.splits.items()}
    if benchmark.own is not None and presence in ("yes", "built in"):
        splits = {name: len(load_problems(benchmark.name, name, data, folder=folder)) for name in splits}
    return Entry(
        benchmark.name,
        benchmark.title,
        benchmark.version,
        str(benchmark.role),
        benchmark.suite,
        str(benchmark.kind),
        splits,
        presence,
        benchmark.licence,
        _lacks(benchmark, data, folder) if presence not in ("hub", "no") else (),
    )


def _presence(benchmark: Benchmark, data: Path | None) -> str:
    if benchmark.python is not None:
        return "built in"
    if data is None and benchmark.hub is not None:
        return "hub"
    there = {split: _is_there(benchmark, benchmark.splits[split], data) for split in benchmark.splits}
    if not there["test"]:
        return "no"
    if any(_is_part(file, data) for file in benchmark.files.values()):
        return "part"
    return "yes" if all(there.values()) else "test only"


def _is_there(benchmark: Benchmark, split: Split, data: Path | None) -> bool:
    """Whether the files that a split's items come from are there."""
    names = [split.file] if split.file else list(benchmark.files)
    files: list[DataFile | str] = [benchmark.files[name] for name in names]
    if split.indices is not None:
        files.append(split.indices.path)
    return all(found(file, data) is not None for file in files)


def _lacks(benchmark: Benchmark, data: Path | None, folder: Path | None) -> tuple[str, ...]:
    """Paths of missing files that no split needs."""
    needed = {name for split in benchmark.splits.values() for name in _needed(benchmark, split)}
    files = files_of(benchmark, folder).items()
    return tuple(file.path for name, file in files if name not in needed and found(file, data) is None)


def _is_part(file: DataFile, data: Path | None) -> bool:
    path = found(file, data) if file.part is not None else None
    return path is not None and file.part is not None and _rows_in(file, path) == file.part.rows


def _rows_in(file: DataFile, path: Path) -> int:
    return sum(1 for _ in rows_of(file, path))


def _needed(benchmark: Benchmark, split: Split) -> list[str]:
    names = [split.file] if split.file else list(benchmark.files)
    return [*names, *([split.indices.path] if split.indices else [])]


def describe(benchmark: Benchmark, data: Path | None = None) -> str:
    """A description of a benchmark, as text."""
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
        *(f"lacks     {path}" for path in one.lacks),
        f"cite      {benchmark.citation or 'not stated'}",
    ]
    if benchmark.subtasks:
        lines.insert(4, f"subtasks  {len(benchmark.subtask_names)}: {', '.join(benchmark.subtask_names)}")
    return "\n".join(lines)


def _source(benchmark: Benchmark) -> str:
    if benchmark.python is not None:
        return f"made by {benchmark.python.function}"
    if benchmark.own is not None:
        return str(benchmark.own)
    if benchmark.hub is not None:
        return f"{benchmark.hub.id} at {benchmark.hub.revision or 'main (not pinned)'}"
    return next((file.url for file in benchmark.files.values() if file.url), "no public source recorded")


def benchmarks_of(names: Iterable[str], folder: Path | None = None) -> list[str]:
    """Benchmark names, with groups replaced by their members; each once, in the order of the list.

    Args:
        names: benchmarks, groups, or paths of own benchmarks.
        folder: only the benchmarks of this folder.

    Raises:
        UserError: neither a benchmark nor a group.
    """
    asked = [named_benchmark(name) if is_path(name) else name for name in names]
    known = list_benchmarks(folder)
    chosen: set[str] = set()
    for name in asked:
        if name in (*GROUPS, OWN):
            chosen.update(b for b in known if in_group(load_benchmark(b, folder), name))
        elif name in known:
            chosen.add(name)
        else:
            raise unknown_name("benchmark or group", name, [*known, *GROUPS, OWN], hint=HINT)
    return [name for name in known if name in chosen]


def in_group(benchmark: Benchmark, group: str) -> bool:
    """Whether a group holds a benchmark.

    The micro-world is a separate group, otherwise only in `all`; likewise a user's own benchmarks, so that
    the figures of a group mean the same for everyone.
    """
    if group == "all":
        return True
    if benchmark.own is not None or group == OWN:
        return benchmark.own is not None and group == OWN
    if group in ("transfer", "generic"):
        return benchmark.role is Role(group) and benchmark.suite != "micro"
    return benchmark.suite == group
