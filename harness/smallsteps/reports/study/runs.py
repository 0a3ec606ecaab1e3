"""Outcomes arranged for the tables: one `Run` per student, seed and column, paired by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smallsteps.comparing.graded import grade_all
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes import OutcomeTable, Status
from smallsteps.reports.study.inputs import ReportInput, TaskInfo, TaskRole
from smallsteps.stats.model import Floats

Key = tuple[str, str]
FAILURES = tuple(str(status) for status in Status if status != Status.OK)


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
        """The part of a suite an item belongs to: its task, or where there is one task its named part.

        Other clusters (one passage, twin sentences) are items that vary together, not parts to report.
        """
        if len(self.tasks) > 1:
            return task
        only = self.tasks[0]
        named = cluster is not None and isinstance(only.chance, Mapping) and cluster in only.chance
        return str(cluster) if named else only.title

    @property
    def unit(self) -> Unit:
        """The unit of comparisons on this column."""
        return Unit(self.name, tuple(task.name for task in self.tasks), suite=len(self.tasks) > 1)

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
        rows: row of each item's first sample in the outcome table.
        status: share of samples by status.
        tokens: mean tokens of a response; None where it was not recorded.
    """

    keys: tuple[Key, ...]
    scores: Floats
    strict: Floats | None
    subtasks: tuple[str, ...]
    rows: tuple[int, ...]
    status: dict[str, float]
    tokens: float | None


class Runs:
    """All runs of a study, graded once; the numbers of every comparison come from its sheet.

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
        self.reference = report_input.reference
        self.graded = {
            key: run
            for key, run in grade_all(self.table, [task.name for task in report_input.tasks]).items()
            if key[0] in self.students
        }
        fixed = () if self.reference is None else (self.reference,)
        whole = [task.name for task in report_input.tasks if isinstance(task.chance, Mapping)]
        self.sheet = Sheet(self.graded, [column.unit for column in self.columns], fixed, suites=whole)
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

    def seeds(self, student: str, column: Column) -> tuple[int | None, ...]:
        """Seeds at which the student was evaluated on every task of the column; none where they differ."""
        unit = column.unit
        return (self.sheet.seeds(student, unit.tasks) or ()) if self.sheet.has(student, unit) else ()

    def incomplete(self, student: str, column: Column) -> int:
        """Tasks of the column with outcomes of the student, where that is some but not all; else 0."""
        found = sum((student, task.name) in self.graded for task in column.tasks)
        return found if 0 < found < len(column.tasks) else 0

    def run(self, student: str, seed: int | None, column: Column) -> Run:
        """The run of a student at a seed on a column."""
        key = (student, seed, column.name)
        if key not in self._runs:
            self._runs[key] = self._run(student, seed, column)
        return self._runs[key]

    def _run(self, student: str, seed: int | None, column: Column) -> Run:
        parts = [self.graded[student, task.name] for task in sorted(column.tasks, key=lambda t: t.name)]
        at = [part.seeds.index(seed) for part in parts]
        total = sum(len(part.items) for part in parts)
        pairs = list(zip(parts, at, strict=True))
        strict = [part.strict[s] for part, s in pairs if part.strict is not None]
        tokens = [float(part.tokens[s]) for part, s in pairs if part.tokens is not None]
        return Run(
            keys=tuple((part.task, item) for part in parts for item in part.items),
            scores=np.concatenate([part.by_seed()[s] for part, s in pairs]),
            strict=np.concatenate(strict) if len(strict) == len(parts) else None,
            subtasks=tuple(
                column.subtask(part.task, label)
                for part in parts
                for label in (part.clusters or (None,) * len(part.items))
            ),
            rows=tuple(int(row) for part, s in pairs if part.rows is not None for row in part.rows[s]),
            status={
                name: sum(
                    float(part.rates[name][s]) * len(part.items) for part, s in pairs if name in part.rates
                )
                / total
                for name in FAILURES
            },
            tokens=sum(tokens) / len(tokens) if tokens else None,
        )

    def matrix(self, student: str, column: Column) -> NDArray[np.float64]:
        """Scores, shape (seeds, items), items in the order of `Run.keys`."""
        return np.stack([self.run(student, seed, column).scores for seed in self.seeds(student, column)])


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
    """Refuse names that are duplicate or unknown, before any number is computed."""
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
