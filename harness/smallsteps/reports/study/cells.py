"""The accuracy table: one cell per student and column, seeds together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smallsteps.comparing.rows import side_of
from smallsteps.reports.study.runs import FAILURES, Column, Run, Runs
from smallsteps.stats import Interval, wilson_interval
from smallsteps.stats.partial import paired_t

WILSON = "Wilson 95% interval"
STUDENT_T = "95% t interval over items"
SEEDS_T = "95% interval over seeds and items"
ITEMS_T = "95% interval over items"


@dataclass(frozen=True, slots=True)
class SeedCell:
    """One checkpoint on one column. `low` and `high`: 95 % interval; `status`: shares of responses."""

    seed: int | None
    n: int
    right: float
    accuracy: float
    low: float
    high: float
    strict: float | None
    status: dict[str, float]
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One student on one column.

    Attributes:
        student: its name; column: the column's name.
        seeds: one entry a seed; empty where there are no outcomes.
        accuracy: mean over seeds; None where there are none.
        low, high: 95 % interval, over seeds and items where there are several seeds.
        interval: what `low` and `high` are, in words.
        status: share of responses by status, other than `ok`.
        strict: mean accuracy under the strict rule; None where not recorded.
        tokens: mean tokens of a response.
        missing: why there are no numbers; empty where there are.
    """

    student: str
    column: str
    seeds: tuple[SeedCell, ...]
    accuracy: float | None
    low: float | None
    high: float | None
    interval: str
    status: dict[str, float]
    strict: float | None
    tokens: float | None
    missing: str

    @property
    def unreadable(self) -> float:
        """Share of responses without a usable answer (any status but `ok`)."""
        return sum(self.status.values())

    @property
    def n(self) -> int:
        """Items a seed."""
        return self.seeds[0].n if self.seeds else 0


def interval_of(scores: NDArray[np.float64]) -> tuple[Interval, str]:
    """Interval of one checkpoint's accuracy: Wilson for right/wrong, t for shares of several samples."""
    if np.isin(scores, (0.0, 1.0)).all():
        return wilson_interval(int(scores.sum()), scores.size), WILSON
    found = paired_t(scores).interval
    if found is None:
        return Interval(0.0, 1.0), "no interval: the items do not vary"
    return Interval(max(0.0, found.low), min(1.0, found.high)), STUDENT_T


def cell_of(runs: Runs, student: str, column: Column) -> Cell:
    """The cell of a student and a column."""
    seeds = tuple(_seed_cell(seed, runs.run(student, seed, column)) for seed in runs.seeds(student, column))
    if not seeds:
        found = runs.incomplete(student, column)
        missing = f"{found} of {len(column.tasks)} tasks" if found else "not evaluated"
        if not found and runs.sheet.has(student, column.unit):
            missing = "other seeds on some tasks"
        return Cell(student, column.name, (), None, None, None, "", {}, None, None, missing)
    side = side_of(runs.sheet, student, column.unit)
    strict = [s.strict for s in seeds if s.strict is not None]
    tokens = [s.tokens for s in seeds if s.tokens is not None]
    interval = side.interval
    plain = runs.sheet.design(column.unit.tasks).plain and runs.sheet.binary(student, column.unit)
    kind = SEEDS_T if len(seeds) > 1 else WILSON if plain else ITEMS_T
    if interval is None:
        interval, kind = Interval(0.0, 1.0), "no interval: nothing varies"
    return Cell(
        student,
        column.name,
        seeds,
        side.accuracy,
        interval.low,
        interval.high,
        kind,
        {name: _mean([s.status.get(name, 0.0) for s in seeds]) for name in FAILURES},
        _mean(strict) if len(strict) == len(seeds) else None,
        _mean(tokens) if tokens else None,
        "",
    )


def _seed_cell(seed: int | None, run: Run) -> SeedCell:
    interval = interval_of(run.scores)[0]
    return SeedCell(
        seed,
        len(run.keys),
        float(run.scores.sum()),
        float(run.scores.mean()),
        interval.low,
        interval.high,
        None if run.strict is None else float(run.strict.mean()),
        run.status,
        run.tokens,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
