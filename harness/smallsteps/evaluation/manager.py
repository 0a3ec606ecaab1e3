"""Our tasks and the user's own in lm-eval, found in a millisecond without indexing lm-eval's 14,000 files."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from smallsteps.errors import UserError
from smallsteps.evaluation.task_files import own_files, unknown_task
from smallsteps.files import sha256_of, write_atomic
from smallsteps.problems.finding import ENVIRONMENT, own_places
from smallsteps.problems.listing import GROUPS
from smallsteps.problems.tasks import LIKELIHOOD, PREFIX
from smallsteps.resources import shipped


def task_manager(
    data: Path | None = None,
    include: Sequence[Path] = (),
    names: Iterable[str] | None = None,
    split: str = "test",
) -> Any:
    """lm-eval's TaskManager over the shipped tasks, the user's own and further folders.

    Args:
        data: offline data directory for the tasks' documents.
        include: folders with more task files; a later one wins over an earlier one. `refuse_code` looks
            for code in them.
        names: the only tasks that will be requested; the folders of other benchmarks are not read.
        split: of the problems of our tasks.
    """
    from lm_eval.tasks import TaskManager

    from smallsteps.evaluation.task_code import refuse_unbounded, refuse_unread

    metadata = {"data": str(data.resolve())} if data is not None else {}
    metadata |= {"split": split} if split != "test" else {}
    paths = folders_of(names) if names is not None else [shipped("tasks")]
    foreign = [*written_folders(), *include]
    refuse_unbounded(foreign)
    manager = TaskManager(
        include_path=[*paths, *own_folders(), *include], include_defaults=False, metadata=metadata or None
    )
    refuse_unread(manager, foreign)
    return manager


def folders_of(names: Iterable[str]) -> list[Path]:
    """Folders of the shipped benchmarks that define these tasks; all folders when a task is in none of them.

    Tasks of the user's own benchmarks are in `own_folders`.
    """
    root = shipped("tasks")
    found: dict[str, Path] = {}
    for path in root.glob(f"*/**/{PREFIX}*.yaml"):
        found[path.stem] = root / path.relative_to(root).parts[0]
    own = own_names()
    folders = {found.get(name, root) for name in names if name not in own}
    return [root] if root in folders or root / "_groups" in folders else sorted(folders)


def our_names() -> frozenset[str]:
    """Names of all tasks, groups and tags, shipped and own; shipped files are named as their tasks."""
    tags = (f"{PREFIX}{group}{end}" for group in GROUPS for end in ("", f"_{LIKELIHOOD}"))
    ours = (path.stem for path in shipped("tasks").glob(f"*/**/{PREFIX}*.yaml"))
    return frozenset((*ours, *tags, *own_names()))


def own_folders() -> list[Path]:
    """Folders with the task files of the user's own benchmarks: generated ones, then those the user wrote.

    The latter are read only in folders that the user named: a benchmark that a recipe names brings none,
    since task files can run code.
    """
    if not os.environ.get(ENVIRONMENT):
        return []
    return [_own_tasks(os.environ[ENVIRONMENT])[0], *written_folders()]


def written_folders() -> list[Path]:
    """The folders of SMALLSTEPS_TASKS, which may hold task files that the user wrote."""
    return [place for place in own_places() if place.is_dir()]


def own_names() -> frozenset[str]:
    """Names of the tasks of the user's own benchmarks, and of those that the user wrote."""
    if not os.environ.get(ENVIRONMENT):
        return frozenset()
    from smallsteps.evaluation.task_check import names_in

    return frozenset((*_own_tasks(os.environ[ENVIRONMENT])[1], *names_in(written_folders())))


@lru_cache(maxsize=4)
def _own_tasks(_environment: str) -> tuple[Path, tuple[str, ...]]:
    """A folder with the task files of own benchmarks, and their names.

    It is in the user's cache, named by the hash of its content: lm-eval writes the path into its results,
    which must not change from call to call. Where no cache can be written, it is a temporary folder.
    """
    files = own_files()
    names = tuple(Path(path).stem for path in files if not path.startswith("_common/"))
    try:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smallsteps" / "tasks"
        return _written(cache / sha256_of(files)[:16], files), names
    except (UserError, RuntimeError):  # not writable, or no home
        folder = Path(tempfile.mkdtemp(prefix="smallsteps-tasks-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return _written(folder, files), names


def _written(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        if not (folder / path).exists() or (folder / path).read_text() != text:
            write_atomic(folder / path, text)
    return folder


def load_tasks(manager: Any, names: Sequence[str], samples: int | None = None) -> list[Any]:
    """Task and group objects by name, in the given order.

    Args:
        samples: texts drawn per item; None leaves it to the task. Several vote where the scorer is ours.

    Raises:
        UserError: no name at all, or an unknown one.
    """
    if not names:
        raise UserError("no tasks given", fix="name at least one, see 'smallsteps tasks ls'")
    known = manager.all_tasks
    for name in names:
        if name not in known:
            raise unknown_task(name, known, where="--tasks")
    loaded = manager.load(list(names))
    if samples is not None:
        for task in loaded["tasks"].values():
            task.set_config("repeats", samples)
            if samples > 1 and _scored_by_us(task):
                _let_vote(task, samples)
    inner = {child for children in loaded["group_map"].values() for child in children}
    groups = [group for name, group in loaded["groups"].items() if name not in inner]
    return [*groups, *(task for name, task in loaded["tasks"].items() if name not in inner)]


def _scored_by_us(task: Any) -> bool:
    return getattr(task.config.process_results, "__module__", None) == "smallsteps.evaluation.scoring"


def _let_vote(task: Any, samples: int) -> None:
    """Give all samples to the scorer, which votes; lm-eval's own filter keeps the first one only."""
    from lm_eval.filters import build_filter_ensemble

    task._filters = [build_filter_ensemble("vote", [("take_first_k", {"k": samples})])]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence lm-eval's log lines, its progress bar per task, and git's warnings; errors are still shown.

    Each prompt template is compiled once; lm-eval compiles it for every document, which takes as long as a
    small student takes to answer. The environment (a call of pip, half a second) is looked up once in a
    process. Templates run in Jinja's sandbox, unless the user trusts the task files.
    """
    from lm_eval import evaluator, utils
    from lm_eval.api import task
    from torch.utils import collect_env

    from smallsteps.evaluation.sandbox import templates_of

    logger = logging.getLogger("lm_eval")
    level, bar, commit = logger.level, task.tqdm, evaluator.get_git_commit_hash
    environment = collect_env.get_pretty_env_info
    logger.setLevel(logging.ERROR)
    task.tqdm = _no_bar
    collect_env.get_pretty_env_info = lambda: _answer_of(environment)
    utils.env.from_string = lru_cache(maxsize=64)(templates_of(utils.env).from_string)
    if not any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
        evaluator.get_git_commit_hash = _no_commit  # git would write "fatal: not a git repository"
    try:
        yield
    finally:
        task.tqdm, evaluator.get_git_commit_hash = bar, commit
        collect_env.get_pretty_env_info = environment
        del utils.env.from_string  # restores the method of its class
        logger.setLevel(level)


@lru_cache(maxsize=1)
def _answer_of(question: Callable[[], str]) -> str:
    return question()


def _no_commit() -> None:
    return None


def _no_bar(rows: Iterable[Any], *args: Any, **kwargs: Any) -> Iterable[Any]:
    return rows
