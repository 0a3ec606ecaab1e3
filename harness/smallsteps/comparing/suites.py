"""What the items of a task share: the suite they belong to, its strata and families, and real clusters."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from smallsteps.comparing.graded import Graded
from smallsteps.errors import DATA, UserError
from smallsteps.problems import Role, list_benchmarks, load_benchmark

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
        suites[name] = [task for task in tasks if task in found]  # one order, whatever the patterns' order
    return suites


def benchmark_of(task: str) -> str | None:
    """The shipped benchmark that a task name refers to, or None.

    A suite with the subtask that the name ends in comes before a benchmark of that subtask's name: of
    `bbh_date_understanding`, it is `bbh`. Else the longest name among the words of the task.
    """
    words = f"_{re.sub(r'[^a-z0-9]+', '_', task.lower())}_"
    found = [name for name in list_benchmarks() if f"_{name}_" in words]
    for name in found:
        if subtask_of(task, name) is not None:
            return name
    return max(found, key=len, default=None)


def subtask_of(task: str, benchmark: str) -> str | None:
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
        subtask = subtask_of(task, benchmark) if benchmark else None
        if subtask is not None:
            suites.setdefault(task.removesuffix(f"_{subtask}"), []).append(task)
    return {name: members for name, members in suites.items() if len(members) > 1}


@dataclass(frozen=True, slots=True)
class Layout:
    """What the cluster labels of a task's items mean.

    Attributes:
        strata: fixed part of each item, for a whole suite in one task; None for one part.
        clusters: items that vary together; None where items vary on their own.
        family: family of a task whose items all carry the same label, as subtasks of a suite do.
    """

    strata: tuple[str, ...] | None = None
    clusters: tuple[str, ...] | None = None
    family: str | None = None


def layout_of(runs: Sequence[Graded], inside_suite: bool = False, *, whole_suite: bool = False) -> Layout:
    """Read the labels of one task, of all its students together.

    Subtasks of a shipped suite are fixed strata; one label over all items of a suite's task names its family;
    any other label is a cluster. Items without a label are clusters of their own.

    Args:
        runs: all students on the task, checked to be labelled alike.
        inside_suite: the task is a subtask of a suite of this comparison.
        whole_suite: the task holds a suite, and labels name its parts; shipped ones are known anyway.
    """
    labels = _labels(runs)
    if labels is None:
        return Layout()
    items, task = runs[0].items, runs[0].task
    distinct = {label for label in labels if label is not None}
    benchmark = benchmark_of(task)
    shipped = load_benchmark(benchmark) if benchmark else None
    if whole_suite and None not in labels:
        return Layout(strata=tuple(str(label) for label in labels))
    if shipped is not None and shipped.subtask_names and None not in labels:
        if subtask_of(task, shipped.name) is None and distinct <= set(shipped.subtask_names):
            return Layout(strata=tuple(str(label) for label in labels))
        inside_suite = inside_suite or subtask_of(task, shipped.name) is not None
    if inside_suite and len(distinct) == 1 and None not in labels:
        return Layout(family=distinct.pop())
    clusters = tuple(
        label if label is not None else f"item {i}" for i, label in zip(items, labels, strict=True)
    )
    return Layout(clusters=clusters) if len(set(clusters)) < len(items) else Layout()


def _labels(runs: Sequence[Graded]) -> tuple[str | None, ...] | None:
    """Label of each item from whichever student has one.

    Raises:
        UserError: two students disagree.
    """
    known = [run for run in runs if run.clusters is not None]
    if not known:
        return None
    first = known[0].clusters
    assert first is not None
    if all(run.clusters == first for run in known):
        return first
    merged = list(first)
    for run in known[1:]:
        for i, label in enumerate(run.clusters or ()):
            if merged[i] is None:
                merged[i] = label
            elif label is not None and label != merged[i]:
                raise UserError(
                    f"item '{run.items[i]}' is in cluster '{merged[i]}' for '{known[0].student}' "
                    f"and '{label}' for '{run.student}'",
                    where=f"task '{run.task}'",
                    fix="label the clusters of all students alike",
                    code=DATA,
                )
    return tuple(merged)


def family_name(name: str) -> str:
    """Family of a subtask by its name: the three sizes of a puzzle are one family."""
    return SIZE.sub("", name)
