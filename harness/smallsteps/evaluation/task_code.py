"""Code in task files of others: lm-eval calls what `!function` names and renders Jinja without a sandbox."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.config import Document, read_yaml
from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.task_check import _behind, _read

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


def code_of_folder(folder: Path) -> list[tuple[str, str]]:
    """(place, what) of all code in the task files of a folder."""
    return list(dict.fromkeys(found for document in _read(folder)[0] for found in code_in(document)))


def code_in(document: Document, seen: tuple[Path, ...] = ()) -> Iterator[tuple[str, str]]:
    """(place, what) of all code in a task file and in what it includes."""
    if not isinstance(document.data, dict):
        return
    folder = document.path.parent
    for key, text in _texts(document.data, ()):
        if text.startswith(_FUNCTION) and not _is_ours(text.removeprefix(_FUNCTION), folder):
            yield document.where(key), f"the function {text.removeprefix(_FUNCTION)}"
        elif _ESCAPE.search(text):
            yield document.where(key), "a template that reaches for Python's own objects"
    for name in _includes(document.data):
        path = (folder / name).resolve()
        if path.is_file() and path not in seen and path != document.path.resolve():
            yield from code_in(read_yaml(path), (*seen, document.path.resolve()))


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
