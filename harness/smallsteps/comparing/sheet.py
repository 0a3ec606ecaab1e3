"""All graded runs of a comparison side by side: arms and designs of contrasts over any tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from smallsteps.comparing.graded import Graded, Key
from smallsteps.comparing.suites import Layout, family_name, layout_of
from smallsteps.stats.crossed import MIN_CLUSTERS, Arm, Design, Moments, contrast_test, covariance
from smallsteps.stats.model import Floats
from smallsteps.stats.seeds import ONE_SEED
from smallsteps.stats.students_t import DifferenceTest, no_test

Level = Literal["checkpoint", "method", "none"]
Weights = Mapping[str, float]  # of each task's accuracy


@dataclass(frozen=True, slots=True)
class Unit:
    """What one row is about: a task, or a suite whose parts are fixed.

    Attributes:
        name: of the task or suite.
        tasks: its tasks.
        suite: whether it was declared as a suite of tasks.
    """

    name: str
    tasks: tuple[str, ...]
    suite: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """A contrast with its uncertainty.

    Attributes:
        test: t test and interval; no p-value where no test is possible, and then a note says why.
        level: `checkpoint` (these weights; items vary), `method` (seeds vary too), `none` (no test).
        moments: parts of the variance; None where seeds do not fit together.
        design: of the units.
    """

    test: DifferenceTest
    level: Level
    moments: Moments | None
    design: Design


class Sheet:
    """Graded runs, and what varies together in them.

    Args:
        graded: every (student, task).
        units: what rows are about.
        fixed: students that are one given model, not a draw from a method.
        confidence: of intervals.
        same_seeds: equal seeds of two students share initialisation and data order.
        suites: tasks that hold a whole suite, whose labels name its fixed parts and not clusters.

    Raises:
        UserError: students label the clusters of one item differently.
    """

    def __init__(
        self,
        graded: Mapping[Key, Graded],
        units: Sequence[Unit],
        fixed: Collection[str] = (),
        confidence: float = 0.95,
        same_seeds: bool = False,
        suites: Collection[str] = (),
    ) -> None:
        self.graded = graded
        self.units = {unit.name: unit for unit in units}
        self.confidence = confidence
        self.same_seeds = same_seeds
        self._fixed = set(fixed)
        inside = {task for unit in units if unit.suite for task in unit.tasks}
        runs: dict[str, list[Graded]] = {}
        for (_, task), run in graded.items():
            runs.setdefault(task, []).append(run)
        self.layouts: dict[str, Layout] = {
            task: layout_of(r, task in inside, whole_suite=task in suites) for task, r in runs.items()
        }
        self._items = {task: r[0].items for task, r in runs.items()}
        self._designs: dict[tuple[str, ...], Design] = {}
        self.memo: dict[tuple[Any, ...], Any] = {}  # what rows of one student share

    def has(self, student: str, unit: Unit) -> bool:
        """Whether a student has outcomes of every task of a unit."""
        return all((student, task) in self.graded for task in unit.tasks)

    def binary(self, student: str, unit: Unit) -> bool:
        """One 0/1 score for each item and seed."""
        key = ("binary", student, *unit.tasks)
        if key not in self.memo:
            self.memo[key] = all(self.graded[student, task].binary() for task in unit.tasks)
        return bool(self.memo[key])

    def items(self, task: str) -> tuple[str, ...]:
        """Item keys of a task, sorted."""
        return self._items[task]

    def size(self, unit: Unit) -> int:
        """Items of a unit."""
        key = ("size", *unit.tasks)
        if key not in self.memo:
            self.memo[key] = sum(len(self._items[task]) for task in unit.tasks)
        return int(self.memo[key])

    def weights(self, unit: Unit) -> dict[str, float]:
        """Weight of each task's accuracy in a unit: items count equally."""
        total = self.size(unit)
        return {task: len(self._items[task]) / total for task in unit.tasks}

    def seeds(self, student: str, tasks: Sequence[str]) -> tuple[int | None, ...] | None:
        """Seeds of a student; None where they differ between tasks."""
        found = {self.graded[student, task].seeds for task in tasks}
        return found.pop() if len(found) == 1 else None

    def accuracy(self, student: str, weights: Weights) -> float:
        """Weighted accuracy, mean over seeds."""
        return float(sum(w * self.graded[student, task].by_seed().mean() for task, w in weights.items()))

    def is_fixed(self, student: str, tasks: Sequence[str]) -> bool:
        """One given model: declared so, or a single run that has no training seed."""
        seeds = self.seeds(student, tasks)
        return seeds is not None and len(seeds) == 1 and (student in self._fixed or seeds == (None,))

    def design(self, tasks: Sequence[str]) -> Design:
        """Strata and clusters of the items of some tasks; an item that several tasks share is one cluster."""
        key = tuple(tasks)
        if key not in self._designs:
            self._designs[key] = self._make_design(key)
        return self._designs[key]

    def _make_design(self, tasks: tuple[str, ...]) -> Design:
        layouts = [self.layouts[task] for task in tasks]
        sizes = [len(self._items[task]) for task in tasks]
        total = sum(sizes)
        if len(tasks) == 1:
            return Design.of(total, strata=layouts[0].strata, clusters=layouts[0].clusters)
        strata = [
            (task, part)
            for task, layout, size in zip(tasks, layouts, sizes, strict=True)
            for part in (layout.strata or ("",) * size)
        ]
        clusters = [
            label
            for task, layout in zip(tasks, layouts, strict=True)
            for label in (layout.clusters or self._items[task])
        ]
        return Design.of(total, strata=strata, clusters=clusters)

    def arm(self, student: str, weights: Weights, tasks: Sequence[str]) -> Arm:
        """A student's part of a contrast over some tasks, given the weight of each task's accuracy."""
        key = ("arm", student, *tasks)
        if key not in self.memo:
            self.memo[key] = self._scores(student, tasks), self.is_fixed(student, tasks)
        scores, fixed = self.memo[key]
        return Arm(scores, self._each(tuple(weights.get(task, 0.0) for task in tasks), tasks), fixed)

    def _scores(self, student: str, tasks: Sequence[str]) -> Floats:
        """Seeds x items of some tasks side by side."""
        runs = [self.graded[student, task] for task in tasks]
        if self.seeds(student, tasks) is None:  # only descriptions get here: each task's seeds count as one
            return np.hstack([run.by_seed().mean(axis=0, keepdims=True) for run in runs])
        return np.hstack([run.by_seed() for run in runs]) if len(runs) > 1 else runs[0].by_seed()

    def _each(self, weights: tuple[float, ...], tasks: Sequence[str]) -> Floats:
        """Weight of every item, given that of each task's accuracy."""
        key = ("weights", weights, *tasks)
        if key not in self.memo:
            sizes = [len(self._items[task]) for task in tasks]
            self.memo[key] = np.repeat(np.array(weights) / sizes, sizes)
        found: Floats = self.memo[key]
        return found

    def level(self, students: Sequence[str], tasks: Sequence[str]) -> tuple[Level, str]:
        """What a statement about these students can claim, and why not more."""
        counts: dict[str, int] = {}
        for student in students:
            seeds = self.seeds(student, tasks)
            if seeds is None:
                return "none", f"'{student}' has other seeds on some tasks than on others"
            counts[student] = len(seeds)
        if max(counts.values()) == 1:
            return "checkpoint", ""
        lone = [student for student, count in counts.items() if count == 1]
        if any(not self.is_fixed(student, tasks) for student in lone):
            return "none", f"{ONE_SEED} ('{lone[0]}'; if it is one given model, say so with --fixed)"
        if self.same_seeds and len({self.seeds(s, tasks) for s in students if counts[s] > 1}) > 1:
            return "none", "seeds differ, so they cannot be paired: leave out --same-seeds"
        return "method", ""

    def contrast(self, parts: Mapping[str, Weights], confidence: float | None = None) -> Estimate:
        """Estimate sum over students and tasks of weight times accuracy.

        Args:
            parts: weights of each student's accuracies by task; every student needs every task.
            confidence: of the interval; that of the sheet unless given.
        """
        students = list(parts)
        tasks = list(dict.fromkeys(task for weights in parts.values() for task in weights))
        design = self.design(tasks)
        level, why = self.level(students, tasks)
        arms = [self.arm(student, parts[student], tasks) for student in students]
        if level == "none":  # summed as a test would, so that the estimate is the same to the last digit
            means = [(arm.scores * arm.weights).mean(axis=0) for arm in arms]
            estimate = float(np.sum(means, axis=0).sum())
            return Estimate(no_test(estimate, "no test", why), level, None, design)
        test, moments = contrast_test(
            arms, design, confidence or self.confidence, paired=self._paired(students, tasks)
        )
        return Estimate(test, level if test.pvalue is not None else "none", moments, design)

    def covariance(self, first: Mapping[str, Weights], second: Mapping[str, Weights]) -> float:
        """Covariance of two contrasts; students and tasks that one lacks have weight 0 there."""
        students = list(dict.fromkeys([*first, *second]))
        tasks = list(
            dict.fromkeys(task for parts in (first, second) for weights in parts.values() for task in weights)
        )
        arms = [
            [self.arm(student, parts.get(student, {}), tasks) for student in students]
            for parts in (first, second)
        ]
        return covariance(arms[0], arms[1], self.design(tasks), paired=self._paired(students, tasks))

    def _paired(self, students: Sequence[str], tasks: Sequence[str]) -> bool:
        several = [s for s in students if len(self.seeds(s, tasks) or ()) > 1]
        return self.same_seeds and len(several) > 1

    def at_large(self, a: str, b: str, unit: Unit) -> tuple[DifferenceTest, int, int] | None:
        """Mean over parts of a suite with families as a sample: (test, parts, families); None for one part.

        Every part counts the same; the units that vary are its families, crossed with seeds as everywhere.
        """
        if len(unit.tasks) == 1 and self.layouts[unit.tasks[0]].strata is None:
            return None
        names, families, means = self._parts((a, b), unit)
        level, why = self.level((a, b), unit.tasks)
        count = len(set(families))
        if level == "none":
            return (
                no_test(float((means[a].mean(0) - means[b].mean(0)).mean()), "no test", why),
                len(names),
                count,
            )
        each = np.full(len(names), 1 / len(names))
        arms = [
            Arm(means[a], each, self.is_fixed(a, unit.tasks)),
            Arm(means[b], -each, self.is_fixed(b, unit.tasks)),
        ]
        test, _ = contrast_test(
            arms,
            Design.of(len(names), clusters=families),
            self.confidence,
            paired=self._paired((a, b), unit.tasks),
            method=f"{count} families of {unit.name} as a sample",
        )
        if count < MIN_CLUSTERS and test.pvalue is not None:
            note = f"{count} families: descriptive only, a test needs at least {MIN_CLUSTERS}"
            test = no_test(test.estimate, test.method, note, standard_error=test.standard_error, df=test.df)
        return test, len(names), count

    def _parts(self, students: Sequence[str], unit: Unit) -> tuple[list[str], list[str], dict[str, Floats]]:
        """Parts of a suite, the family of each, and each student's means, seeds x parts."""
        names: list[str] = []
        families: list[str] = []
        columns: dict[str, list[Floats]] = {student: [] for student in students}
        for task in unit.tasks:
            layout = self.layouts[task]
            parts = np.array(layout.strata) if layout.strata else None
            for part in dict.fromkeys(layout.strata or (task,)):
                names.append(part)
                families.append(layout.family or family_name(part))
                for student in students:
                    y = self.graded[student, task].by_seed()
                    columns[student].append((y if parts is None else y[:, parts == part]).mean(axis=1))
        seeds_agree = {s: len({c.size for c in column}) == 1 for s, column in columns.items()}
        means = {
            s: np.stack(column, axis=1) if seeds_agree[s] else np.array([[float(c.mean()) for c in column]])
            for s, column in columns.items()
        }
        return names, families, means
