"""The two axes of a trade-off: which tasks they are made of, and contrasts over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from smallsteps.comparing.compare import mean_difference, units_of
from smallsteps.comparing.rows import compare_unit
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.comparing.suites import role_of
from smallsteps.errors import DATA, UserError
from smallsteps.problems import Measure, Role, measure_of
from smallsteps.stats.model import Floats, PairedCounts
from smallsteps.stats.students_t import DifferenceTest


@dataclass(frozen=True, slots=True)
class Axis:
    """Tasks of one role. Parts count equally; within a suite, items do.

    Attributes:
        role: `target` or `generic`.
        parts: its tasks and suites.
    """

    role: Role
    parts: tuple[Unit, ...]

    @property
    def tasks(self) -> list[str]:
        return [task for part in self.parts for task in part.tasks]

    def weights(self, sheet: Sheet) -> dict[str, float]:
        """Share of each task's accuracy in the axis."""
        return {
            task: weight / len(self.parts)
            for part in self.parts
            for task, weight in sheet.weights(part).items()
        }


def make_axis(role: Role, patterns: Sequence[str], tasks: Sequence[str], suites: Sequence[str] = ()) -> Axis:
    """Tasks that patterns name, or those whose benchmark has the role and that are scored by generated text.

    Raises:
        UserError: a pattern matches nothing, or no task has the role.
    """
    chosen: list[str] = []
    for pattern in patterns:
        matched = [task for task in tasks if fnmatchcase(task, pattern)]
        if not matched:
            raise UserError(
                f"--{role}: no task matches '{pattern}'", fix=f"tasks: {', '.join(tasks)}", code=DATA
            )
        chosen += [task for task in matched if task not in chosen]
    if not patterns:
        of_role = [task for task in tasks if role_of(task) is role]
        chosen = [task for task in of_role if measure_of(task) is Measure.GENERATION] or of_role
    if not chosen:
        raise UserError(
            f"no {role} task among: {', '.join(tasks)}", fix=f"name them with --{role} TASK", code=DATA
        )
    # in the order of all verbs, so that sums agree to the last digit; a suite may belong to one axis alone
    inside = [
        replace(unit, tasks=tuple(task for task in unit.tasks if task in chosen))
        for unit in units_of(tasks, suites)
    ]
    parts = [
        unit if len(unit.tasks) > 1 else Unit(unit.tasks[0], unit.tasks) for unit in inside if unit.tasks
    ]
    return Axis(role, tuple(parts))


@dataclass(frozen=True, slots=True)
class Change:
    """Student minus base on an axis; of one part the numbers of its row in a comparison.

    Attributes:
        test: estimate, standard error, p and interval.
        counts: four counts where the axis is one 0/1 task with one run each; None otherwise.
        items: items of the axis.
    """

    test: DifferenceTest
    counts: PairedCounts | None
    items: int


def change(sheet: Sheet, axis: Axis, student: str, base: str) -> Change:
    """The change of a student on an axis: the row of its only part, or the mean over its parts."""
    items = sum(sheet.size(part) for part in axis.parts)
    if len(axis.parts) > 1:
        return Change(mean_difference(sheet, student, base, axis.parts), None, items)
    row = compare_unit(sheet, student, base, axis.parts[0])
    test = replace(row.test, estimate=row.difference, pvalue=row.p, interval=row.interval, method=row.method)
    return Change(test, row.checkpoint.counts if row.checkpoint else None, items)


def bootstrap_axes(
    sheet: Sheet, axes: Sequence[Axis], students: Sequence[str], resamples: int, seed: int
) -> list[Floats]:
    """Joint bootstrap: resamples x students on each axis, for pictures of the front; never for a verdict.

    Clusters are drawn within strata and shared by all students of a draw; where a student has several seeds,
    the same drawn seeds serve both axes, since seed noise correlates them.
    """
    rng = np.random.default_rng(seed)
    out = [np.zeros((resamples, len(students))) for _ in axes]
    weights = [axis.weights(sheet) for axis in axes]
    tasks = list(dict.fromkeys(task for axis in axes for task in axis.tasks))
    design = sheet.design(tasks)
    starts = np.cumsum([0, *(len(sheet.graded[students[0], task].items) for task in tasks)])
    arms = [
        [sheet.arm(student, w, tasks) for student in students] for w in weights
    ]  # axes x students; scores are the same on both
    counts = [len(arm.scores) for arm in arms[0]]
    groups = [np.flatnonzero(design.strata == s) for s in range(design.per_stratum.size)]
    clusters = [np.unique(design.clusters[group], return_inverse=True) for group in groups]
    assert starts[-1] == design.units
    for r in range(resamples):
        drawn = np.empty(design.units)
        for group, (labels, inverse) in zip(groups, clusters, strict=True):
            times = np.bincount(rng.integers(0, labels.size, labels.size), minlength=labels.size)
            each = times[inverse].astype(np.float64)
            drawn[group] = each * (group.size / each.sum()) if each.sum() else 1.0
        seeds = [rng.integers(0, n, n) if n > 1 else np.zeros(1, dtype=np.int64) for n in counts]
        for values, row in zip(out, arms, strict=True):
            for k, arm in enumerate(row):
                by_seed = arm.scores @ (arm.weights * drawn)
                values[r, k] = by_seed.mean() if arm.fixed else by_seed[seeds[k]].mean()
    return out
