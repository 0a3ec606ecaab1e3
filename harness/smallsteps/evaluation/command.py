"""lm-eval's command line, with the model `smallsteps` and our tasks registered."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.resources import shipped
from smallsteps.startup import importing

LEVEL = "LMEVAL_LOG_LEVEL"  # the variable that lm-eval reads
WITH_TASKS = ("run", "ls", "list", "validate")  # lm-eval's verbs that take --include_path


def with_our_tasks(arguments: list[str]) -> list[str]:
    """The arguments with `--include_path` pointing at the shipped tasks, unless the user gave one."""
    verb = next((a for a in arguments if not a.startswith("-")), None)
    given = any(a == "--include_path" or a.startswith("--include_path=") for a in arguments)
    asks_help = not arguments or arguments[0] in ("-h", "--help")
    if given or asks_help or (verb not in WITH_TASKS and not arguments[0].startswith("-")):
        return arguments
    folder = shipped("tasks")
    if needs_only_ours(arguments):
        from smallsteps.evaluation.manager import folders_of

        folders = folders_of(_asked(arguments)[0])
        folder = folders[0] if len(folders) == 1 else folder  # lm-eval takes one
    return [*arguments, "--include_path", str(folder)]


def runs(arguments: list[str]) -> bool:
    """Whether the call needs a model: without a verb it is a run; help and lists need none."""
    asks_help = "-h" in arguments or "--help" in arguments
    return bool(arguments) and not asks_help and arguments[0] not in WITH_TASKS[1:]


def _asked(arguments: list[str]) -> tuple[set[str], Path | None]:
    """The requested tasks, and the folder of `--include_path` when it is not ours."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--tasks", "-t", nargs="+", default=[])
    parser.add_argument("--include_path")
    given = parser.parse_known_args(arguments)[0]
    asked = {name for part in given.tasks for name in part.split(",") if name}
    folder = Path(given.include_path).resolve() if given.include_path else None
    return asked, None if folder == shipped("tasks").resolve() else folder


def check_files(arguments: list[str]) -> None:
    """Check the requested task files of `--include_path`, for which lm-eval shows a traceback, or nothing.

    Raises:
        ConfigError: everything that is wrong in them.
    """
    asked, folder = _asked(arguments)
    if asked and folder is not None and folder.is_dir():
        from smallsteps.evaluation.task_check import check_asked
        from smallsteps.evaluation.task_code import refuse_code

        check_asked([folder], asked, ())
        refuse_code([folder], asked)


def needs_only_ours(arguments: list[str]) -> bool:
    """Whether all requested tasks are ours, so that lm-eval's own need not be indexed."""
    asked, elsewhere = _asked(arguments)
    if not asked or elsewhere:
        return False
    from smallsteps.evaluation.manager import our_names

    return asked <= our_names()


@contextlib.contextmanager
def without_default_tasks() -> Iterator[None]:
    """Keep every TaskManager from indexing lm-eval's own 14,000 task files, which takes ten seconds."""
    with _task_managers(lambda given: {**given, "include_defaults": False}):
        yield


@contextlib.contextmanager
def with_own_tasks(folders: list[Path]) -> Iterator[None]:
    """Make every TaskManager find the tasks of own benchmarks too; lm-eval's option takes one folder only."""

    def added(given: dict[str, Any]) -> dict[str, Any]:
        named = given.get("include_path") or []
        return {**given, "include_path": [*(named if isinstance(named, list) else [named]), *folders]}

    with _task_managers(added) if folders else contextlib.nullcontext():
        yield


@contextlib.contextmanager
def _task_managers(changed: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """Patch TaskManager so that each one is created with changed keyword arguments."""
    from lm_eval.tasks import TaskManager

    original = TaskManager.__init__

    def changing(self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **changed(kwargs))

    TaskManager.__init__ = changing
    try:
        yield
    finally:
        TaskManager.__init__ = original


@contextlib.contextmanager
def warnings_only(arguments: list[str]) -> Iterator[None]:
    """Suppress lm-eval's INFO lines, unless `--verbosity` or LMEVAL_LOG_LEVEL asks for them."""
    asked = any(a in ("--verbosity", "-v") or a.startswith("--verbosity=") for a in arguments)
    if asked or os.environ.get(LEVEL):
        yield
        return
    os.environ[LEVEL] = "WARNING"
    try:
        yield
    finally:
        del os.environ[LEVEL]


def lm_eval_main(arguments: list[str]) -> int:
    """Run lm-eval's command line; returns its exit code."""
    check_files(arguments)
    with importing():
        from lm_eval.__main__ import cli_evaluate

        if runs(arguments):
            import smallsteps.evaluation.components  # registers a filter and a metric
            import smallsteps.evaluation.model  # noqa: F401  (registers the model)
    from smallsteps.evaluation.manager import own_folders

    before = sys.argv
    lean = without_default_tasks() if needs_only_ours(arguments) else contextlib.nullcontext()
    sys.argv = ["smallsteps lm-eval", *with_our_tasks(arguments)]
    try:
        with lean, with_own_tasks(own_folders()), warnings_only(arguments):
            cli_evaluate()
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else int(done.code is not None)
    finally:
        sys.argv = before
    return 0
