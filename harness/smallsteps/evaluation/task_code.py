"""Code in task files of others: lm-eval calls what `!function` names and renders Jinja without a sandbox."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.config import Document, UnboundedError, read_yaml
from smallsteps.config.document import LARGEST
from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.task_check import _behind, _merged, _read
from smallsteps.files import read_regular

TRUST = "SMALLSTEPS_TRUST_TASK_CODE"  # set by --trust-task-code; worker processes read it too
_FUNCTION = "!function "
_ESCAPE = re.compile(r"__[a-z]+__|\|\s*attr\b")  # how a template gets at Python's own objects


def refuse_code(folders: Iterable[Path], asked: Collection[str]) -> None:
    """Refuse task files that run code when they are evaluated, unless the user trusts them.

    Args:
        folders: of task files that are not ours.
        asked: tasks, groups or tags that will be evaluated.

    Raises:
        UserError: the first function or template that would run, with file and line.
    """
    if os.environ.get(TRUST):
        return
    for folder in folders:
        for document in _behind(_read(folder)[0], asked):
            for where, what in code_in(document):
                raise UserError(
                    f"{what} would run when this task is evaluated",
                    where=where,
                    fix="read the file; add --trust-task-code if you trust it",
                    code=DATA,
                )


def refuse_unbounded(folders: Iterable[Path]) -> None:
    """Refuse folders with a file that lm-eval would read forever, or until memory runs out.

    lm-eval opens every YAML file of a folder, and all that they include, whatever was asked for.

    Raises:
        UserError: a device, or a file beyond the bounds of `read_yaml`.
    """
    seen: set[Path] = set()
    waiting = [path for folder in folders for path in sorted(folder.glob("**/*.yaml"))]
    while waiting:
        path = waiting.pop()
        if path.resolve() in seen or path.is_dir():
            continue
        seen.add(path.resolve())
        try:
            waiting += [path.parent / name for name in _includes(read_yaml(path).data)]
        except UnboundedError as error:
            error.fix = "lm-eval would read it too: remove it, or name another folder"
            raise
        except UserError:
            if path.is_file() and "<<" in read_regular(path, LARGEST):
                raise UserError(
                    "merges of mappings (<<) are not read, and can take forever",
                    where=str(path),
                    fix="lm-eval would read it too: write the keys out, or name another folder",
                    code=DATA,
                ) from None
            continue  # malformed or missing: lm-eval passes over it, and `refuse_unread` looks after the rest


def refuse_unread(manager: Any, folders: Iterable[Path]) -> None:
    """Refuse tasks of files that lm-eval reads and we do not, so that no code in them is overlooked.

    Args:
        manager: lm-eval's, over these folders among others.
        folders: of task files that are not ours.

    Raises:
        UserError: there is such a file, and the user did not say that its code is trusted.
    """
    if os.environ.get(TRUST):
        return
    for folder in folders:
        read = {document.path.resolve() for document in _read(folder)[0]}
        for name, entry in manager._index.items():
            place = entry.yaml_path and Path(entry.yaml_path).resolve()
            if place and place.is_relative_to(folder.resolve()) and place not in read:
                raise UserError(
                    f"lm-eval takes the task '{name}' from this file, but its code cannot be checked",
                    where=str(place),
                    fix="'smallsteps tasks check FOLDER' says what is wrong with it; --trust-task-code "
                    "takes it as it is",
                    code=DATA,
                )


def code_of_folder(folder: Path) -> list[tuple[str, str]]:
    """(place, what) of all code in the task files of a folder."""
    return list(dict.fromkeys(found for document in _read(folder)[0] for found in code_in(document)))


def code_in(document: Document, seen: tuple[Path, ...] = ()) -> Iterator[tuple[str, str]]:
    """(place, what) of all code in a task file and in what it includes."""
    if not isinstance(document.data, dict):
        return
    folder = document.path.parent
    yield from _metrics(document)
    for key, text in _texts(document.data, ()):
        if text.startswith(_FUNCTION) and not _is_ours(text.removeprefix(_FUNCTION), folder):
            yield document.where(key), f"the function {text.removeprefix(_FUNCTION)}"
        elif _ESCAPE.search(text):
            yield document.where(key), "a template that reaches for Python's own objects"
    for name in _includes(document.data):
        path = (folder / name).resolve()
        if path.is_file() and path not in seen and path != document.path.resolve():
            yield from code_in(read_yaml(path), (*seen, document.path.resolve()))


def _metrics(document: Document) -> Iterator[tuple[str, str]]:
    """Metrics that lm-eval does not have: it lets the library `evaluate` run the script of that name."""
    listed = document.data.get("metric_list")
    if not isinstance(listed, list) or "process_results" in _merged(document):
        return
    import lm_eval.api.metrics  # noqa: F401  (registers lm-eval's own)
    from lm_eval.api.registry import metric_registry

    for place, metric in enumerate(listed):
        name = metric.get("metric") if isinstance(metric, dict) else metric
        hub = isinstance(metric, dict) and metric.get("hf_evaluate")
        if hub or (isinstance(name, str) and not name.startswith(_FUNCTION) and name not in metric_registry):
            yield document.where(("metric_list", place)), f"the script of the metric '{name}'"


def _is_ours(function: str, folder: Path) -> bool:
    module = function.rpartition(".")[0]
    beside = folder / f"{module.replace('.', '/')}.py"  # which lm-eval would prefer to the package
    return module.split(".")[0] == "smallsteps" and not beside.exists()


def _texts(value: Any, key: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, child in value.items():
            yield from _texts(child, (*key, name))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, (*key, index))


def _includes(value: Any) -> Iterator[str]:
    """Every `include`, of the task itself and of the tasks listed in a group."""
    if isinstance(value, dict):
        named = value.get("include")
        yield from (str(name) for name in (named if isinstance(named, list) else [named] if named else []))
        for child in value.values():
            yield from _includes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _includes(child)
