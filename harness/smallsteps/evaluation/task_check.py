"""Are lm-eval task files sound? lm-eval skips malformed ones in silence and finds wrong fields only late."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.config import Document, read_yaml
from smallsteps.errors import ConfigError, UserError, nearest
from smallsteps.evaluation.docs import FIELDS
from smallsteps.problems import list_benchmarks, load_benchmark, load_problems
from smallsteps.problems.finding import FILE_NAME, SUPPORT

OURS = "!function smallsteps.evaluation.docs.dataset"
_OTHERS = {"recipe", "study", "corpus", "splits"}  # keys of our own files, which lm-eval passes over
TEMPLATES = ("doc_to_text", "doc_to_target", "description", "gen_prefix")


@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    """The content of a folder of tasks that passed its checks.

    Attributes:
        benchmarks: names; task_files: how many lm-eval files there are.
        problems: of own benchmarks, how many there are by split; shipped ones are checked by their hashes.
    """

    benchmarks: tuple[str, ...]
    task_files: int
    problems: dict[str, dict[str, int]]


def check_tasks(place: Path, data: Path | None = None) -> Checked:
    """Check the benchmarks and lm-eval files of a folder, or one benchmark's YAML file.

    Raises:
        ConfigError, UserError: what is wrong, with file, line, key and the nearest valid name; for own
            benchmarks also what is wrong with their problems.
    """
    has_benchmarks = place.is_file() or any(place.glob(f"*/{FILE_NAME}")) or (place / FILE_NAME).is_file()
    names = list_benchmarks(place) if has_benchmarks else []
    problems: dict[str, dict[str, int]] = {}
    for name in names:
        benchmark = load_benchmark(name, place)
        if benchmark.own is not None:
            problems[name] = {
                split: len(load_problems(name, split, data, folder=place)) for split in benchmark.splits
            }
    return Checked(tuple(names), 0 if place.is_file() else check_task_files(place), problems)


def check_task_files(folder: Path) -> int:
    """Check all task and group files of a folder; returns how many there are.

    Raises:
        ConfigError: everything that is wrong, each with file, line, key and the nearest valid name.
    """
    documents, errors = _read(folder)
    names = {name for document in documents for name in _names(document)}
    for document in documents:
        errors += _wrong(document, names)
    if errors:
        raise ConfigError(errors)
    return len(documents)


def check_asked(folders: Iterable[Path], asked: Collection[str], known: Collection[str]) -> None:
    """Check the files behind some names before lm-eval reports their errors one at a time.

    Files of other tasks are not checked; unreadable ones are reported only when a name is not found.

    Args:
        folders: with the task files.
        asked: tasks, groups or tags.
        known: names that are defined elsewhere.

    Raises:
        ConfigError: everything that is wrong, each with file, line, key and the nearest valid name.
    """
    documents: list[Document] = []
    unread: list[UserError] = []
    for folder in folders:
        found, errors = _read(folder)
        documents += found
        unread += errors
    names = {name for document in documents for name in _names(document)} | set(known)
    wrong = [] if set(asked) <= names else unread
    for document in _behind(documents, asked):
        wrong += _wrong(document, names)
    if wrong:
        raise ConfigError(wrong)


def names_in(folders: Iterable[Path]) -> set[str]:
    """Names of the tasks, groups and tags in the task files of some folders; unreadable files are skipped."""
    return {name for folder in folders for document in _read(folder)[0] for name in _names(document)}


def _read(folder: Path) -> tuple[list[Document], list[UserError]]:
    documents: list[Document] = []
    errors: list[UserError] = []
    for path in sorted(folder.glob("**/*.yaml")):
        if path.name == FILE_NAME or path == folder / SUPPORT:
            continue
        try:
            document = read_yaml(path)
            if not (isinstance(document.data, dict) and _OTHERS & document.data.keys()):
                documents.append(document)
        except ConfigError as error:
            errors += error.errors
        except UserError as error:
            errors.append(error)
    return documents, errors


def _names(document: Document) -> set[str]:
    """The names that request a file: its task or group, and its tags."""
    if not isinstance(document.data, dict):
        return set()
    tags = document.data.get("tag") or []
    names = [
        document.data.get("task"),
        document.data.get("group"),
        *([tags] if isinstance(tags, str) else tags),
    ]
    return {name for name in names if isinstance(name, str)}


def _behind(documents: list[Document], asked: Collection[str]) -> list[Document]:
    """The documents of some names, and those of the members of their groups."""
    names, found = set(asked), []
    rest = documents
    while chosen := [document for document in rest if _names(document) & names]:
        found += chosen
        rest = [document for document in rest if document not in chosen]
        for document in chosen:
            members = document.data.get("task")
            names |= (
                {member for member in members if isinstance(member, str)}
                if isinstance(members, list)
                else set()
            )
    return found


def _named(document: Document, key: str) -> bool:
    return isinstance(document.data, dict) and isinstance(document.data.get(key), str)


def _wrong(document: Document, names: set[str]) -> Iterator[UserError]:
    if not isinstance(document.data, dict):
        yield UserError("expected keys and values at the top level", where=str(document.path))
        return
    from lm_eval.config.group import GroupConfig
    from lm_eval.config.task import TaskConfig

    group = "group" in document.data
    config = GroupConfig if group else TaskConfig
    known = {field.name for field in dataclasses.fields(config)} | {"include", "class", "dataset_path", "tag"}
    for key in document.data:
        if key not in known:
            close = nearest(str(key), known)
            fix = f"did you mean '{close}'?" if close else f"known here: {', '.join(sorted(known))}"
            yield UserError(f"unknown key '{key}'", where=document.where((key,)), fix=fix)
    if group:
        yield from _members(document, names)
        return
    if not _named(document, "task"):
        yield UserError("key 'task' is missing", where=str(document.path))
    yield from _included(document)
    yield from _functions(document)
    yield from _fields(document)


def _members(document: Document, names: set[str]) -> Iterator[UserError]:
    members = document.data.get("task") or []
    for place, member in enumerate(members if isinstance(members, list) else [members]):
        if isinstance(member, str) and member not in names:
            close = nearest(member, names)
            fix = f"did you mean '{close}'?" if close else None
            yield UserError(f"no task or group '{member}'", where=document.where(("task", place)), fix=fix)


def _included(document: Document) -> Iterator[UserError]:
    include = document.data.get("include")
    for name in include if isinstance(include, list) else [include] if include else []:
        if not (document.path.parent / str(name)).is_file():
            there = [path.name for path in (document.path.parent / str(name)).parent.glob("*")]
            close = nearest(Path(str(name)).name, there)
            fix = f"did you mean '{close}'?" if close else None
            yield UserError(f"no such file: {name}", where=document.where(("include",)), fix=fix)


def _functions(document: Document) -> Iterator[UserError]:
    for key, value in document.data.items():
        if not isinstance(value, str) or not value.startswith("!function "):
            continue
        module, _, function = value.removeprefix("!function ").rpartition(".")
        beside = document.path.parent / f"{module.replace('.', '/')}.py"
        if not beside.is_file() and not _importable(module):
            yield UserError(f"no module '{module}' for '{function}'", where=document.where((key,)))


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _fields(document: Document) -> Iterator[UserError]:
    """Jinja fields that no document has; checked where the documents are ours."""
    if _merged(document).get("custom_dataset") != OURS:
        return
    import jinja2
    from jinja2 import meta

    environment = jinja2.Environment()  # only parsed, never rendered
    for key in TEMPLATES:
        template = document.data.get(key)
        if not isinstance(template, str) or template.startswith("!function"):
            continue
        try:
            used = meta.find_undeclared_variables(environment.parse(template))
        except jinja2.TemplateSyntaxError as error:
            yield UserError(f"malformed Jinja: {error.message}", where=document.where((key,)))
            continue
        if key == "doc_to_target" and "{" not in template:
            used = {template}
        for field in sorted(used - set(FIELDS)):
            close = nearest(field, FIELDS)
            fix = f"did you mean '{close}'?" if close else f"fields of a document: {', '.join(FIELDS)}"
            yield UserError(f"no document has a field '{field}'", where=document.where((key,)), fix=fix)


def _merged(document: Document) -> dict[str, Any]:
    """The document over what it includes; missing includes are reported elsewhere."""
    include = document.data.get("include")
    below: dict[str, Any] = {}
    for name in include if isinstance(include, list) else [include] if include else []:
        path = (document.path.parent / str(name)).resolve()
        if path.is_file() and path != document.path.resolve():
            below |= _merged(read_yaml(path))
    return {**below, **document.data}
