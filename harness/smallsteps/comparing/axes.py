"""The two axes of a trade-off: which tasks they are made of, and the change of a student on each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from smallsteps.errors import DATA, UserError
from smallsteps.problems import Role
from smallsteps.reports.compare.pairing import Graded
from smallsteps.reports.compare.suites import known_suites, role_of
from smallsteps.reports.compare.testing import real_clusters
from smallsteps.stats.clusters import cluster_t
from smallsteps.stats.model import Floats
from smallsteps.stats.partial import paired_t
from smallsteps.stats.seeds import compare_methods
from smallsteps.stats.strata import stratified_t
from smallsteps.stats.students_t import DifferenceTest, no_test, t_test

Grades = Mapping[tuple[str, str], Graded]


@dataclass(frozen=True, slots=True)
class Axis:
    """Tasks of one role. Parts count equally; within a suite, items do.

    Attributes:
        role: `target` or `generic`.
        parts: name of each task or suite, with its tasks.
    """

    role: Role
    parts: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def tasks(self) -> list[str]:
        return [task for _, members in self.parts for task in members]

    def weights(self, graded: Grades, student: str) -> dict[str, float]:
        """Share of each task in the axis."""
        found: dict[str, float] = {}
        for _, members in self.parts:
            sizes = [len(graded[student, task].items) for task in members]
            for task, size in zip(members, sizes, strict=True):
                found[task] = size / sum(sizes) / len(self.parts)
        return found


def make_axis(role: Role, patterns: Sequence[str], tasks: Sequence[str]) -> Axis:
    """Tasks that patterns name, or those whose benchmark has the role.

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
        chosen = [task for task in tasks if role_of(task) is role]
    if not chosen:
        raise UserError(
            f"no {role} task among: {', '.join(tasks)}", fix=f"name them with --{role} TASK", code=DATA
        )
    suites = known_suites(chosen)
    inside = {task for members in suites.values() for task in members}
    parts = [(task, (task,)) for task in chosen if task not in inside]
    return Axis(role, tuple(parts + [(name, tuple(members)) for name, members in suites.items()]))


def change(axis: Axis, graded: Grades, student: str, base: str, confidence: float) -> DifferenceTest:
    """Student minus base on an axis: mean over its parts, SE = sqrt(sum SE_j^2)/J."""
    tests = [_part(members, graded, student, base, confidence) for _, members in axis.parts]
    if len(tests) == 1:
        return tests[0]
    estimate = float(np.mean([test.estimate for test in tests]))
    method = f"mean over {len(tests)} fixed tasks"
    errors = [test.standard_error for test in tests]
    if any(error is None for error in errors):
        return no_test(estimate, method, "a task has no standard error")
    parts = [error**2 / len(tests) ** 2 for error in errors if error is not None]
    spread = sum(part**2 / (test.df or math.inf) for part, test in zip(parts, tests, strict=True))
    df = sum(parts) ** 2 / spread if spread > 0 else math.inf
    return t_test(estimate, sum(parts), df, confidence, method)


def _part(
    members: Sequence[str], graded: Grades, student: str, base: str, confidence: float
) -> DifferenceTest:
    pairs = [(graded[student, task], graded[base, task]) for task in members]
    if len(pairs) > 1:
        d = np.concatenate([new.by_seed().mean(axis=0) - old.by_seed().mean(axis=0) for new, old in pairs])
        return stratified_t(d, [new.task for new, _ in pairs for _ in new.items], confidence)
    new, old = pairs[0]
    if len(new.seeds) > 1:
        fixed = len(old.seeds) == 1  # an untrained base is one given model, not a draw from a method
        second = np.repeat(old.by_seed(), len(new.seeds), axis=0) if fixed else old.by_seed()
        return compare_methods(new.by_seed(), second, confidence, same_seeds=fixed).test
    d = np.asarray(new.by_seed()[0] - old.by_seed().mean(axis=0), dtype=np.float64)
    labels = real_clusters(new)
    return cluster_t(d, labels, confidence).test if labels is not None else paired_t(d, confidence)


def accuracy(axis: Axis, graded: Grades, student: str) -> float:
    """Accuracy of a student on an axis."""
    weights = axis.weights(graded, student)
    return float(sum(w * graded[student, task].by_seed().mean() for task, w in weights.items()))


def seed_correlation(
    target: Axis, generic: Axis, graded: Grades, student: str, gain: DifferenceTest, loss: DifferenceTest
) -> float:
    """Correlation of the two errors that comes from shared seeds; 0 with one seed."""
    if gain.standard_error is None or loss.standard_error is None:
        return 0.0
    rows = []
    for axis in (target, generic):
        weights = axis.weights(graded, student)
        rows.append(sum(w * graded[student, task].by_seed().mean(axis=1) for task, w in weights.items()))
    first, second = np.asarray(rows[0]), np.asarray(rows[1])
    if first.size < 2 or first.size != second.size:
        return 0.0
    covariance = float(np.cov(first, second)[0, 1]) / first.size
    return float(np.clip(covariance / (gain.standard_error * loss.standard_error), -0.95, 0.95))


def bootstrap_axes(
    axes: Sequence[Axis], graded: Grades, students: Sequence[str], resamples: int, seed: int
) -> list[Floats]:
    """Joint bootstrap: resamples x students on each axis; items are shared by all students in a draw.

    Where a student has several seeds, the same drawn seeds serve both axes, since seed noise correlates them.
    """
    rng = np.random.default_rng(seed)
    out = [np.zeros((resamples, len(students))) for _ in axes]
    counts = [len(graded[s, axes[0].tasks[0]].seeds) for s in students]
    plan = [
        (values, weight, [graded[s, task].by_seed() for s in students])
        for values, axis in zip(out, axes, strict=True)
        for task, weight in axis.weights(graded, students[0]).items()
    ]
    for r in range(resamples):
        drawn = [rng.integers(0, count, count) if count > 1 else None for count in counts]
        for values, weight, scores in plan:
            n = scores[0].shape[1]
            items = np.bincount(rng.integers(0, n, n), minlength=n) / n
            for k, y in enumerate(scores):
                means = y @ items
                rows = drawn[k]
                chosen = means if rows is None or len(means) != counts[k] else means[rows]
                values[r, k] += weight * float(chosen.mean())
    return out
