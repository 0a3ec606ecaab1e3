"""Where benchmarks are: those that ship with the product, and the user's own, through one door.

Own benchmarks are named in SMALLSTEPS_TASKS (several places, separated as in PATH), by `--tasks-path`, or by
a path in a recipe, study or command. A place is a benchmark's YAML file (of any name) or a folder: of one
benchmark, or of benchmarks in folders of their own. Worker processes and lm-eval inherit the variable.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smallsteps.config import Document, load
from smallsteps.errors import DATA, NO_INPUT, ConfigError, UserError, unknown_name
from smallsteps.files import sha256_file, sha256_of
from smallsteps.problems.benchmark import Benchmark, DataFile, Exemplars, SupportFiles
from smallsteps.resources import shipped

ENVIRONMENT = "SMALLSTEPS_TASKS"
FILE_NAME = "benchmark.yaml"
SUPPORT = "_common/support.yaml"
HINT = "your own are found by path, or by name in the folder that --tasks-path names"
KeyPath = tuple[str | int, ...]


def list_benchmarks(folder: Path | None = None) -> list[str]:
    """Names of all benchmarks, sorted: shipped and own, or those of one folder."""
    return sorted(_places(folder))


def load_benchmark(name: str, folder: Path | None = None) -> Benchmark:
    """The benchmark of that name, shipped or own; with a folder, only one that is there.

    Raises:
        UserError: no such benchmark, or its file is wrong (all errors at once).
    """
    places = _places(folder)
    if name not in places:
        raise unknown_name("benchmark", name, places, hint=HINT)
    return _loaded(places[name])


def own_places() -> list[Path]:
    """Files and folders that SMALLSTEPS_TASKS names, in order."""
    return [Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part]


def add_place(path: Path) -> list[str]:
    """Make the benchmarks of a file or folder known by name, in this process and in its workers.

    Returns:
        The names of the benchmarks there.

    Raises:
        UserError: nothing there, a file is wrong, or a name is taken.
    """
    names = sorted(_own_files([path]))
    place = path.resolve()
    known = [one.resolve() for one in own_places()]
    if place not in known:
        os.environ[ENVIRONMENT] = os.pathsep.join(map(str, [*known, place]))
    _places(None)  # a name that is taken twice is an error now
    return names


def is_path(name: str) -> bool:
    """Whether the name of a benchmark or task is a path: with a separator, or with the ending of YAML."""
    return "/" in name or os.sep in name or name.endswith((".yaml", ".yml"))


def named_benchmark(name: str, beside: Path | None = None, where: str | None = None) -> str:
    """The name of a benchmark that is given by name or by path.

    Args:
        name: a name, or a path to a YAML file or to the folder of one benchmark.
        beside: the folder that a relative path starts from (default: the current one).
        where: file, line and key of the name, for errors.

    Raises:
        UserError: neither a known name nor such a file.
    """
    try:
        if not is_path(name):
            load_benchmark(name)
            return name
        files = _files_at((beside or Path()) / name)
        if len(files) != 1:
            fix = "name the YAML file of one, or give the folder with --tasks-path"
            raise UserError(f"{len(files)} benchmarks are in '{name}'", fix=fix)
        # the file and not its folder, whose lm-eval task files the user did not ask for: they can run code
        return add_place(files[0])[0]
    except UserError as error:
        error.where = error.where or where
        raise


def with_benchmark(
    document: Document, key: KeyPath, split: KeyPath | None = None
) -> tuple[Document, list[UserError]]:
    """A document whose key names a benchmark by name or path, with the name in its place; and what is wrong.

    A path is relative to the document's folder; one given on the command line, to the current folder.

    Args:
        document: of a recipe, corpus file or study.
        key: of the benchmark; other forms than text are left to validation.
        split: key of the split, which must be one of the benchmark's.
    """
    name = _value(document.data, key)
    if not isinstance(name, str):
        return document, []
    where = document.where(key)
    beside = None if where.startswith("--set") else document.path.parent
    try:
        found = named_benchmark(name, beside, where)
        splits = load_benchmark(found).splits
        asked = _value(document.data, split) if split else None
        if isinstance(asked, str) and split and asked not in splits:
            raise unknown_name(f"split of '{found}'", asked, splits, where=document.where(split))
    except ConfigError as error:
        return document, error.errors
    except UserError as error:
        return document, [error]
    return dataclasses.replace(document, data=_replaced(document.data, key, found)), []


def support_files(folder: Path | None = None) -> dict[str, DataFile]:
    """Shared files by their path in the data directory."""
    return _support((folder or shipped("tasks")) / SUPPORT)


def files_of(benchmark: Benchmark, folder: Path | None = None) -> dict[str, DataFile]:
    """All files a benchmark reads, by name: its own, and those it shares with others."""
    shared = support_files(folder)
    files = dict(benchmark.files)
    paths = [split.indices.path for split in benchmark.splits.values() if split.indices]
    for entry in benchmark.exemplars.values():
        if entry.prompt is not None:
            name = entry.prompt.partition("#")[0]
            subtasks = benchmark.subtask_names if "{subtask}" in name else [""]
            paths += [name.replace("{subtask}", subtask) for subtask in subtasks]
    for path in sorted(set(paths)):
        files[path] = shared.get(path, DataFile(path=path))
    return files


def own_content(benchmarks: Sequence[str] = (), tasks: Sequence[str] = ()) -> dict[str, str]:
    """Hashes of the YAML and the files of own benchmarks, by name: a changed file must change results' keys.

    Shipped benchmarks are left out: their names and versions say what they are.

    Args:
        benchmarks: names of benchmarks.
        tasks: names of lm-eval tasks; a benchmark counts whose name is a part of one.
    """
    return {
        name: _content(place)
        for name, place in _own().items()
        if name in benchmarks or any(name in task for task in tasks)
    }


def _content(place: Path) -> str:
    files = [Path(file.path) for file in files_of(_loaded(place)).values()]
    read = [sha256_file(path) for path in files if path.is_absolute() and path.is_file()]
    return sha256_of([sha256_file(place), *read])


def _places(folder: Path | None) -> dict[str, Path]:
    """Names of benchmarks to their files."""
    if folder is not None:
        return _own_files([folder])
    root = shipped("tasks")
    found = {path.parent.name: path for path in root.glob(f"*/{FILE_NAME}")}
    for name, place in _own().items():
        if name in found:
            raise UserError(
                f"a benchmark called '{name}' ships with smallsteps",
                where=str(place),
                fix="choose another name",
            )
        found[name] = place
    return found


def _own() -> dict[str, Path]:
    try:
        return _own_files(own_places())
    except UserError as error:
        if error.code == NO_INPUT:
            error.where = f"{ENVIRONMENT}: {error.where}"
        raise


def _own_files(places: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in dict.fromkeys(file.resolve() for place in places for file in _files_at(place)):
        name = _loaded(path).name
        if name in found:
            fix = f"the other one is {found[name]}; choose another name"
            raise UserError(f"two benchmarks are called '{name}'", where=str(path), fix=fix, code=DATA)
        found[name] = path
    return found


def _files_at(place: Path) -> list[Path]:
    if place.is_dir():
        own = place / FILE_NAME
        found = [own] if own.is_file() else sorted(place.glob(f"*/{FILE_NAME}"))
        if found:
            return found
        fix = f"expected {FILE_NAME} there, or in a folder below it"
        raise UserError("no benchmark in this folder", where=str(place), fix=fix, code=NO_INPUT)
    if not place.is_file():
        fix = "give a benchmark's YAML file, or a folder of benchmarks"
        raise UserError("no such file", where=str(place), fix=fix, code=NO_INPUT)
    return [place]


def _loaded(path: Path) -> Benchmark:
    state = path.stat()
    return _load(path, state.st_mtime_ns, state.st_size)


@functools.cache
def _load(path: Path, _changed: int, _size: int) -> Benchmark:
    benchmark = load(Benchmark, path)
    if path.is_relative_to(shipped("tasks").resolve()):
        if benchmark.name != path.parent.name:
            raise UserError(
                f"name '{benchmark.name}' differs from its folder '{path.parent.name}'",
                where=str(path),
                code=DATA,
            )
        return benchmark
    folder = path.parent
    files = {name: _file_at_home(file, folder, path) for name, file in benchmark.files.items()}
    exemplars = {name: _prompt_at_home(entry, folder) for name, entry in benchmark.exemplars.items()}
    return benchmark.at(path, files, exemplars)


def _file_at_home(file: DataFile, folder: Path, where: Path) -> DataFile:
    """A file next to the YAML gets its absolute path; any other must be in the data directory."""
    candidate = folder / file.path
    if not candidate.resolve().is_relative_to(folder.resolve()):
        raise UserError(
            f"'{file.path}' is not below the folder of the benchmark",
            where=f"{where}: files",
            fix="move the file there, or give its folder with --data and its path below that",
            code=DATA,
        )
    there = _packed_or_not(candidate)
    return file if there is None else file.model_copy(update={"path": str(there.resolve())})


def _prompt_at_home(entry: Exemplars, folder: Path) -> Exemplars:
    if entry.prompt is None or not (folder / entry.prompt.partition("#")[0]).is_file():
        return entry
    return entry.model_copy(update={"prompt": str((folder / entry.prompt).resolve())})


def _packed_or_not(path: Path) -> Path | None:
    other = path.with_name(path.name.removesuffix(".gz") if path.suffix == ".gz" else f"{path.name}.gz")
    return next((one for one in (path, other) if one.is_file()), None)


@functools.cache
def _support(path: Path) -> dict[str, DataFile]:
    return {file.path: file for file in load(SupportFiles, path).files} if path.exists() else {}


def _value(data: Any, key: KeyPath) -> Any:
    for part in key:
        inside = isinstance(data, dict) and part in data
        if not inside and not (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            return None
        data = data[part]
    return data


def _replaced(data: Any, key: KeyPath, value: Any) -> Any:
    """The same values with another one at a key path."""
    if not key:
        return value
    first, *rest = key
    inner = _replaced(data[first], tuple(rest), value)
    if isinstance(data, list):
        return [inner if place == first else one for place, one in enumerate(data)]
    return {**data, first: inner}
