"""Which tasks are subtasks of one suite, and which subtasks are one family."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from smallsteps.errors import UserError
from smallsteps.problems import Role, list_benchmarks, load_benchmark
from smallsteps.reports.compare.pairing import Graded

# BBH has three sizes of two puzzles: 27 subtasks, but 23 families.
SIZE = re.compile(r"_(three|five|seven)_objects$")


def named_suites(options: Sequence[str], tasks: Sequence[str]) -> dict[str, list[str]]:
    """Suites from options `NAME=PATTERN[,PATTERN...]`, patterns as of a shell.

    Raises:
        UserError: not of this form, or a pattern that no task matches.
    """
    suites: dict[str, list[str]] = {}
    for option in options:
        name, _, patterns = option.partition("=")
        if not name or not patterns:
            raise UserError(f"--suite '{option}' is not NAME=PATTERN[,PATTERN]")
        found: list[str] = []
        for pattern in patterns.split(","):
            matched = [task for task in tasks if fnmatchcase(task, pattern.strip())]
            if not matched:
                raise UserError(
                    f"--suite {name}: no task matches '{pattern}'", fix=f"tasks: {', '.join(tasks)}"
                )
            found += [task for task in matched if task not in found]
        suites[name] = found
    return suites


def benchmark_of(task: str) -> str | None:
    """The shipped benchmark that a task name speaks of, or None.

    A suite with the subtask that the name ends in comes before a benchmark of that subtask's name: of
    `bbh_date_understanding`, it is `bbh`. Else the longest name among the words of the task.
    """
    words = f"_{re.sub(r'[^a-z0-9]+', '_', task.lower())}_"
    found = [name for name in list_benchmarks() if f"_{name}_" in words]
    for name in found:
        if _subtask_of(task, name) is not None:
            return name
    return max(found, key=len, default=None)


def _subtask_of(task: str, benchmark: str) -> str | None:
    loaded = load_benchmark(benchmark)
    if not loaded.subtasks:
        return None
    ends = [name for name in loaded.subtask_names if task.endswith(f"_{name}")]
    return max(ends, key=len, default=None)


def role_of(task: str) -> Role | None:
    """Role of a task's benchmark; None for tasks of unknown benchmarks."""
    name = benchmark_of(task)
    return load_benchmark(name).role if name else None


def known_suites(tasks: Sequence[str]) -> dict[str, list[str]]:
    """Tasks that are subtasks of one shipped benchmark (BBH), by what is left of their names without them."""
    suites: dict[str, list[str]] = {}
    for task in tasks:
        benchmark = benchmark_of(task)
        subtask = _subtask_of(task, benchmark) if benchmark else None
        if subtask is not None:
            suites.setdefault(task.removesuffix(f"_{subtask}"), []).append(task)
    return {name: members for name, members in suites.items() if len(members) > 1}


def families_of(tasks: Sequence[str], graded: Mapping[str, Graded]) -> dict[str, str]:
    """Family of each subtask: the cluster that all its items share, else its name less the puzzle's size."""
    families = {}
    for task in tasks:
        clusters = set(graded[task].clusters or ())
        families[task] = clusters.pop() if len(clusters) == 1 else SIZE.sub("", task)
    return families
