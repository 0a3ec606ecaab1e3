"""The lm-eval tasks of a study: checks that they and their data exist, and their names in the report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.evaluation.docs import documents
from smallsteps.evaluation.draw import thin
from smallsteps.evaluation.task_files import unknown_task
from smallsteps.problems import Benchmark, Role, chance_levels, load_benchmark, load_problems
from smallsteps.problems.tasks import subtasks_of, task_name
from smallsteps.problems.variants import variant_title
from smallsteps.reports.study import TaskInfo
from smallsteps.studies.names import known_tasks
from smallsteps.studies.study import Study


@dataclass(frozen=True, slots=True)
class TaskOf:
    """A task with its benchmark and variant."""

    name: str
    benchmark: Benchmark
    variant: str

    @property
    def leaves(self) -> list[tuple[str, str | None]]:
        """(lm-eval task, subtask) of all that is evaluated under this name."""
        if not self.benchmark.subtasks:
            return [(self.name, None)]
        subtasks = subtasks_of(self.benchmark, self.variant)
        return [(task_name(self.benchmark.name, self.variant, subtask), subtask) for subtask in subtasks]


def find_tasks(names: Sequence[str]) -> dict[str, TaskOf]:
    """Names of tasks to benchmarks and variants.

    Raises:
        UserError: an unknown name.
    """
    known = known_tasks()
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise unknown_task(unknown, known)
    return {name: TaskOf(name, load_benchmark(known[name][0]), known[name][1]) for name in names}


def check_data(tasks: Iterable[TaskOf], data: Path | None) -> None:
    """Load the test split of every benchmark once, before any training.

    Raises:
        UserError: data missing or damaged; says which file goes where.
    """
    for name in dict.fromkeys(task.benchmark.name for task in tasks):
        load_problems(name, "test", data)


def thin_parts(study: Study, data: Path | None) -> list[str]:
    """A note for every suite whose limit leaves a part with fewer than two items, where data are here."""
    notes = []
    for name, suite in study.suites.items():
        if suite.limit is None:
            continue
        found: dict[str, int] = {}
        for task in find_tasks(suite.tasks).values():
            for leaf, subtask in task.leaves:
                try:
                    docs = documents(task.benchmark, task.variant, "test", data, subtask)["test"]
                except UserError:
                    continue
                if (one := thin(docs, suite.limit)) is not None:
                    found |= {f"{leaf} ({part})" if part else leaf: one.enough for part in one.parts}
        if found:
            more = [f"{len(found) - 5} more"] if len(found) > 5 else []
            notes.append(
                f"suite '{name}': limit {suite.limit} leaves fewer than two items of "
                f"{', '.join([*list(found)[:5], *more])}; one item has no standard error, and nothing can be "
                f"tested there. The smallest limit that leaves two is {max(found.values())}"
            )
    return notes


def task_infos(study: Study, tasks: Mapping[str, TaskOf]) -> list[TaskInfo]:
    """The report's information on each task, in the order of the study."""
    infos = []
    for suite in study.suites.values():
        for name in suite.tasks:
            infos += _infos(tasks[name], suite.role)
    return infos


def _infos(task: TaskOf, role: Role) -> list[TaskInfo]:
    benchmark = task.benchmark
    how = variant_title(task.variant)
    title = f"{benchmark.title}, {how}" if how else benchmark.title
    leaves = task.leaves
    if leaves == [(task.name, None)]:
        parts = {name: level.best for name, level in benchmark.chances.items()}
        return [TaskInfo(task.name, title, role.value, parts or _best(task.name))]
    return [
        TaskInfo(leaf, str(subtask).replace("_", " "), role.value, _best(leaf), suite=title)
        for leaf, subtask in leaves
    ]


def _best(task: str) -> float | None:
    level = chance_levels(task)
    return level.best if level else None


def task_column(task: TaskOf) -> str:
    """The report column a task belongs to: its own name, or the suite its subtasks form."""
    return task.name if len(task.leaves) == 1 else str(_infos(task, Role.GENERIC)[0].suite)
