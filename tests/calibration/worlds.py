"""Worlds in which students are equal by construction: outcome tables whose true accuracies are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from smallsteps.comparing.suites import family_name
from smallsteps.outcomes import OutcomeTable
from smallsteps.outcomes.columns import COLUMNS
from smallsteps.problems import load_benchmark


@dataclass(frozen=True)
class World:
    """How outcomes are drawn. Accuracies are proportions.

    Attributes:
        students, tasks, items: how many; items are of each task.
        seeds: of a student; the first student has one and no training seed where `base` is set.
        sd: of the accuracy of a training run; correlation: of a run's luck on two tasks.
        discordance: share of items on which two runs are expected to differ.
        cluster: items in a cluster; 1 for none.
        parts: subtasks of each task (a shipped suite's, so that they are fixed strata); 1 for none.
        base: whether the first student is one given model.
        shift: true accuracy of a student less that of the first, by number of student and task; 0 elsewhere.
        agree: share of contested items on which all runs of a student agree.
        families: sd of what a student other than the first gains or loses on a family of parts, drawn anew in
        each world, so that the families are a sample.
    """

    students: int = 2
    tasks: int = 1
    items: int = 500
    seeds: int = 3
    sd: float = 0.0
    correlation: float = 1.0
    discordance: float = 0.2
    cluster: int = 1
    parts: int = 1
    base: bool = False
    shift: Mapping[tuple[int, int], float] = field(default_factory=dict)
    agree: float = 0.5
    families: float = 0.0

    def draw(self, rng: np.random.Generator) -> OutcomeTable:
        """One outcome table."""
        contested = min(1.0, 2 * self.discordance)
        runs, scores = [], []
        for k in range(self.students):
            lone = self.base and k == 0
            count = 1 if lone else self.seeds
            luck = rng.normal(size=(1 + self.tasks, 1 if lone else count)) * (0.0 if lone else self.sd)
            offsets = self.correlation**0.5 * luck[0] + (1 - self.correlation) ** 0.5 * luck[1:]
            runs += [(k, -1 if lone or self.seeds == 1 else s) for s in range(count)]
            scores.append(
                np.stack([self._task(rng, k, t, offsets[t], contested) for t in range(self.tasks)], 1)
            )
        matrix = np.concatenate(scores)  # runs x tasks x items
        return self._table(np.array(runs), matrix)

    def _task(
        self, rng: np.random.Generator, student: int, task: int, offsets: np.ndarray, contested: float
    ) -> np.ndarray:
        """Scores, seeds x items: each run has half the contested items right, give or take its offset."""
        n = self.items
        open_to_all = np.arange(n) * 37 % 100 < 100 * contested  # spread evenly over clusters and parts
        groups = np.arange(n) // self.cluster
        own = rng.random(n)
        if self.cluster > 1:  # half the items follow their cluster
            own = np.where(np.arange(n) % 2 == 0, rng.random(groups[-1] + 1)[groups], own)
        together = rng.random(n) < self.agree
        each = np.where(together, own, rng.random((offsets.size, n)))
        gain = np.full(n, self.shift.get((student, task), 0.0))
        if self.families and student:
            names = [family_name(name) for name in load_benchmark("bbh").subtask_names[: self.parts]]
            kinds = list(dict.fromkeys(names))
            drawn = rng.normal(0, self.families, len(kinds))
            gain += drawn[[kinds.index(name) for name in names]][np.arange(n) % self.parts]
        right = each < np.clip(0.5 + (offsets[:, None] + gain) / contested, 0, 1)
        return np.where(open_to_all, right, np.arange(n) % 3 > 0)

    def _table(self, runs: np.ndarray, matrix: np.ndarray) -> OutcomeTable:
        """From (student, seed) pairs and scores of runs x tasks x items; a seed of -1 is none."""
        r, t, n = matrix.shape
        item, task = np.tile(np.arange(n), r * t), np.tile(np.repeat(np.arange(t), n), r)
        run = np.repeat(np.arange(r), t * n)
        columns: dict[str, Any] = dict.fromkeys(COLUMNS, pa.nulls(run.size))
        seed = runs[run, 1]
        columns |= {
            "student": _words(runs[run, 0], [f"s{k}" for k in range(self.students)]),
            "seed": pa.array(seed, mask=seed < 0),
            "task": _words(task, self.task_names),
            "item": _words(item, [f"i{i:05d}" for i in range(n)]),
            "sample": np.zeros(run.size, dtype=np.int64),
            "score": matrix.ravel().astype(np.float64),
            "status": _words(np.zeros(run.size), ["ok"]),
        }
        if self.parts > 1:
            columns["cluster"] = _words(item % self.parts, load_benchmark("bbh").subtask_names[: self.parts])
        elif self.cluster > 1:
            columns["cluster"] = _words(item // self.cluster, [f"c{g}" for g in range(n)])
        return OutcomeTable(columns)

    @property
    def task_names(self) -> list[str]:
        """Tasks with parts go by the name of a shipped suite, so that their labels are read as parts."""
        kind = "bbh" if self.parts > 1 else "task"
        return [f"{kind}_{'z' * (i // 26)}{chr(97 + i % 26)}" for i in range(self.tasks)]


def _words(codes: np.ndarray, labels: Sequence[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(labels, type=pa.string())
    )
