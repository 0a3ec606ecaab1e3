"""A balanced eighth of the full cross of report shapes, and the table of their false statements.

The cross is sd of a training run 0 to 3 points x clusters or none x suites or none x 2 to 6 students x 1 to 6
tasks: 480 shapes. Of these, 60 are kept: every suite x students x tasks once, with sd = (students + tasks)
mod 4, and clusters where (students + tasks) div 4 + suite is odd. Each pair of levels of two factors occurs
at least twice.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import reports as rep
from worlds import World

from smallsteps.comparing.compare import Question, build

PARTS = 6  # tasks of a suite whose items come in clusters
FACTORS = ("sd", "clusters", "suites", "students", "tasks")


@dataclass(frozen=True)
class Shape:
    """One cell of the cross.

    Attributes:
        sd: of a training run, in points; clusters, suites: whether there are any.
        students, tasks: how many; a task is a suite where `suites` is set.
    """

    sd: int
    clusters: bool
    suites: bool
    students: int
    tasks: int

    def world(self) -> World:
        """Three seeds a student. A suite is eight subtasks of 20 items, or six tasks of 8 clusters of 5."""
        parts = PARTS if self.suites and self.clusters else 1
        if self.suites and not self.clusters:
            return World(self.students, self.tasks, items=160, sd=self.sd / 100, parts=8)
        items = 40 if parts > 1 else 120
        cluster = 5 if self.clusters else 1
        return World(self.students, self.tasks * parts, items=items, sd=self.sd / 100, cluster=cluster)

    def question(self) -> Question:
        """Which tasks are suites."""
        if not (self.suites and self.clusters):
            return Question()
        names = self.world().task_names
        return Question(
            suites=tuple(
                f"suite_{i}={','.join(names[i * PARTS : (i + 1) * PARTS])}" for i in range(self.tasks)
            )
        )

    def run(self, draws: int, seed: int) -> rep.Rates:
        """Shares of reports about equal students with each kind of false statement."""
        rng, world, question = np.random.default_rng(seed), self.world(), self.question()
        return rep.shares(draws, lambda: rep.false_statements(build(world.draw(rng), question)))

    def level(self, factor: str) -> str:
        """Level of one factor in words."""
        value = getattr(self, factor)
        if factor == "sd":
            return f"sd {value}"
        if isinstance(value, bool):
            return factor if value else f"no {factor}"
        return f"{value} {factor if value > 1 else factor[:-1]}"


def shapes() -> list[Shape]:
    """The 60 shapes."""
    out = []
    for suites, students, tasks in itertools.product((False, True), range(2, 7), range(1, 7)):
        total = students + tasks
        out.append(Shape(total % 4, bool((total // 4 + suites) % 2), suites, students, tasks))
    return out


@dataclass(frozen=True)
class Count:
    """Reports drawn of one shape, and how many of them said something false."""

    shape: Shape
    draws: int
    false: int


def counts(seed: int, chosen: Iterable[Shape] | None = None) -> list[Count]:
    """Draw reports of each shape, more of those that are quick."""
    found = []
    for shape in chosen or shapes():
        number = shapes().index(shape)
        draws = 150 if not shape.suites else 60 if shape.clusters else 100
        rate = shape.run(draws, 1000 * seed + number)["any"]
        found.append(Count(shape, draws, round(rate * draws)))
        print(shape, draws, rate, file=sys.stderr, flush=True)
    return found


def pooled(found: Iterable[Count]) -> tuple[int, int]:
    """Draws and false reports in all."""
    rows = list(found)
    return sum(row.draws for row in rows), sum(row.false for row in rows)


def cell(draws: int, false: int) -> str:
    """A share with twice its Monte-Carlo error."""
    rate = false / draws
    error = 1.96 * math.sqrt(max(rate * (1 - rate), 0.25 / draws) / draws)
    return f"{100 * rate:.1f} ± {100 * error:.1f} %"


def table(found: list[Count], seed: int) -> str:
    """Markdown: the share of false reports over all shapes and by level of each factor."""
    draws, false = pooled(found)
    lines = [
        f"{len(found)} shapes with 3 seeds a student, {draws:,} reports, seed {seed}: {cell(draws, false)} "
        f"of them say something false. The most in one shape: {_worst(found)}.",
        "",
        "| level | shapes | reports | any false statement |",
        "|---|---:|---:|---:|",
    ]
    for factor in FACTORS:
        for level in sorted({row.shape.level(factor) for row in found}):
            mine = [row for row in found if row.shape.level(factor) == level]
            lines.append(f"| {level} | {len(mine)} | {pooled(mine)[0]:,} | {cell(*pooled(mine))} |")
    return "\n".join(lines)


def _worst(found: list[Count]) -> str:
    row = max(found, key=lambda row: row.false / row.draws)
    return f"{row.false} of {row.draws} ({', '.join(row.shape.level(factor) for factor in FACTORS)})"
