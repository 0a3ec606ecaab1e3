"""Outcomes arranged for the tables: one `Run` per student, seed and column, paired by item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable, Status
from smallsteps.reports.study.inputs import ReportInput, TaskInfo, TaskRole

Key = tuple[str, str]
FAILURES = (Status.UNPARSED, Status.MALFORMED, Status.TRUNCATED, Status.ERROR)


@dataclass(frozen=True, slots=True)
class Column:
    """A task, or a suite of tasks shown as one.

    Attributes:
        name: of the task or suite.
        title: what readers see.
        role: of all its tasks.
        tasks: its tasks, in the study's order.
        note: shown under the title.
    """

    name: str
    title: str
    role: TaskRole
    tasks: tuple[TaskInfo, ...]
    note: str

    def subtask(self, task: str, cluster: str | None) -> str:
        """The part of a suite an item belongs to: its task, or its cluster where there is one task."""
        if len(self.tasks) > 1:
            return task
        return cluster if cluster is not None else self.tasks[0].title

    def chance(self, subtask: str) -> float:
        """Accuracy of a guess on a subtask; 0 where none was given."""
        for task in self.tasks:
            if len(self.tasks) > 1 and task.name != subtask:
                continue
            if isinstance(task.chance, Mapping):
                values = list(task.chance.values())
                return float(task.chance.get(subtask, sum(values) / len(values) if values else 0.0))
            return float(task.chance or 0.0)
        return 0.0

    def subtask_title(self, subtask: str) -> str:
        """What readers see for a subtask."""
        return next((t.title for t in self.tasks if len(self.tasks) > 1 and t.name == subtask), subtask)


@dataclass(frozen=True, slots=True)
class Run:
    """One student's outcomes at one seed on one column, items in the order of their keys.

    Attributes:
        keys: (task, item), sorted.
        scores: mean score of an item's samples, shape (items,).
        strict: the same under the strict rule; None where it was not recorded.
        subtasks: subtask of each item.
        clusters: cluster of each item; None where none was recorded.
        prompts: hash of the prompt of each item; None where none was recorded.
        rows: row of each item's first sample in the outcome table.
        status: share of samples by status.
        tokens: mean tokens of a response; None where it was not recorded.
    """

    keys: tuple[Key, ...]
    scores: NDArray[np.float64]
    strict: NDArray[np.float64] | None
    subtasks: tuple[str, ...]
    clusters: tuple[str | None, ...]
    prompts: tuple[str | None, ...]
    rows: tuple[int, ...]
    status: dict[str, float]
    tokens: float | None

    def binary(self) -> bool:
        """True if every item is right or wrong."""
        return bool(np.isin(self.scores, (0.0, 1.0)).all())


class Runs:
    """All runs of a study.

    Args:
        report_input: see there.

    Raises:
        UserError: a name is used twice, or a claim or the reference names what is not there.
    """

    def __init__(self, report_input: ReportInput) -> None:
        check_names(report_input)
        self.table: OutcomeTable = report_input.outcomes
        self.columns = columns_of(report_input.tasks)
        self.students = {s.name: s for s in report_input.students}
        self._rows: dict[tuple[str, int | None, str], list[int]] = defaultdict(list)
        c = self.table.columns
        for row, key in enumerate(zip(c["student"], c["seed"], c["task"], strict=True)):
            self._rows[key].append(row)
        self._seeds: dict[tuple[str, str], list[int | None]] = defaultdict(list)
        for student, seed, task in self._rows:
            self._seeds[student, task].append(seed)
        self._runs: dict[tuple[str, int | None, str], Run] = {}

    def column(self, name: str) -> Column | None:
        """The column with this name, or a column of one task of a suite."""
        for column in self.columns:
            if column.name == name:
                return column
        for column in self.columns:
            for task in column.tasks:
                if task.name == name:
                    return Column(task.name, task.title, task.role, (task,), task.note)
        return None

    def seeds(self, student: str, column: Column) -> list[int | None]:
        """Seeds at which the student was evaluated on every task of the column, in order."""
        everywhere = set.intersection(*(set(self._seeds.get((student, t.name), [])) for t in column.tasks))
        return sorted(everywhere, key=lambda seed: (seed is not None, seed or 0))

    def incomplete(self, student: str, column: Column) -> int:
        """Tasks of the column with outcomes of the student, where that is some but not all; else 0."""
        found = sum(1 for t in column.tasks if self._seeds.get((student, t.name)))
        return found if 0 < found < len(column.tasks) else 0

    def run(self, student: str, seed: int | None, column: Column) -> Run:
        """The run of a student at a seed on a column."""
        key = (student, seed, column.name)
        if key not in self._runs:
            rows = [r for t in column.tasks for r in self._rows[student, seed, t.name]]
            self._runs[key] = _run(self.table, rows, column)
        return self._runs[key]

    def matrix(self, student: str, column: Column) -> NDArray[np.float64]:
        """Scores, shape (seeds, items).

        Raises:
            UserError: seeds of one student were graded on different items.
        """
        runs = [self.run(student, seed, column) for seed in self.seeds(student, column)]
        for other in runs[1:]:
            check_same_items(runs[0], other, student, f"another seed of {student}", column.title)
        return np.stack([run.scores for run in runs])


def columns_of(tasks: Sequence[TaskInfo]) -> list[Column]:
    """Columns in the order of first appearance; tasks of one suite are gathered."""
    gathered: dict[str, list[TaskInfo]] = {}
    for task in tasks:
        gathered.setdefault(task.suite or task.name, []).append(task)
    columns = []
    for name, members in gathered.items():
        title = members[0].title if members[0].suite is None else name.replace("_", " ")
        note = members[0].note if members[0].suite is None else f"{len(members)} tasks"
        columns.append(Column(name, title, members[0].role, tuple(members), note))
    return columns


def check_names(report_input: ReportInput) -> None:
    """Refuse names that are used twice or lead nowhere, before any number is computed."""
    students = [s.name for s in report_input.students]
    tasks = [t.name for t in report_input.tasks]
    for kind, names in (("student", students), ("task", tasks)):
        for name in names:
            if names.count(name) > 1:
                raise UserError(f"{kind} '{name}' is listed twice in the report", code=DATA)
    if report_input.reference is not None and report_input.reference not in students:
        raise unknown_name("reference student", report_input.reference, students)
    known = {*tasks, *(t.suite for t in report_input.tasks if t.suite)}
    for number, claim in enumerate(report_input.claims, start=1):
        for name in (claim.better, claim.than):
            if name not in students:
                raise unknown_name("student", name, students, where=f"claim {number}")
        for name in claim.on:
            if name not in known:
                raise unknown_name("task", name, known, where=f"claim {number}")


def check_same_items(a: Run, b: Run, name_a: str, name_b: str, column: str) -> None:
    """Items are never silently intersected.

    Raises:
        UserError: the two runs hold different items.
    """
    if a.keys == b.keys:
        return
    only_a, only_b = sorted(set(a.keys) - set(b.keys)), sorted(set(b.keys) - set(a.keys))
    example = (only_a or only_b)[0]
    raise UserError(
        f"{name_a} and {name_b} were not graded on the same items of {column}: {len(only_a)} items only in "
        f"the first, {len(only_b)} only in the second, for example {example[1]} of {example[0]}",
        fix="evaluate both with the same task version and the same --limit",
        code=DATA,
    )


def _run(table: OutcomeTable, rows: list[int], column: Column) -> Run:
    c = table.columns
    samples: dict[Key, list[int]] = defaultdict(list)
    for row in rows:
        samples[c["task"][row], c["item"][row]].append(row)
    keys = tuple(sorted(samples))
    first = tuple(min(samples[key], key=lambda row: int(c["sample"][row])) for key in keys)
    has_strict = all(c["strict"][row] is not None for row in rows)
    tokens = [c["tokens"][row] for row in rows if c["tokens"][row] is not None]
    return Run(
        keys=keys,
        scores=_means(c["score"], samples, keys),
        strict=_means(c["strict"], samples, keys) if has_strict else None,
        subtasks=tuple(column.subtask(c["task"][row], c["cluster"][row]) for row in first),
        clusters=tuple(c["cluster"][row] for row in first),
        prompts=tuple(c["prompt"][row] for row in first),
        rows=first,
        status={
            str(status.value): sum(1 for row in rows if c["status"][row] == status) / len(rows)
            for status in FAILURES
        },
        tokens=sum(tokens) / len(tokens) if tokens else None,
    )


def _means(values: list[float], samples: dict[Key, list[int]], keys: tuple[Key, ...]) -> NDArray[np.float64]:
    return np.array([sum(values[row] for row in samples[key]) / len(samples[key]) for key in keys])
