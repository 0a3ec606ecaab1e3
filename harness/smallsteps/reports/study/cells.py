"""The accuracy table: one cell per student and column, seeds together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smallsteps.reports.study.runs import Column, Run, Runs
from smallsteps.stats import Interval, wilson_interval
from smallsteps.stats.partial import paired_t

WILSON = "Wilson 95% interval"
STUDENT_T = "95% t interval over items"
SEED_RANGE = "range over seeds"


@dataclass(frozen=True, slots=True)
class SeedCell:
    """One checkpoint on one column. `low` and `high`: 95 % interval; rates are shares of responses."""

    seed: int | None
    n: int
    right: float
    accuracy: float
    low: float
    high: float
    strict: float | None
    unparsed: float
    truncated: float
    error: float
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One student on one column.

    Attributes:
        student: its name; column: the column's name.
        seeds: one entry a seed; empty where there are no outcomes.
        accuracy: mean over seeds; None where there are none.
        low: of the interval (one seed), or the lowest seed; high: likewise.
        interval: what `low` and `high` are, in words.
        strict: mean accuracy under the strict rule; None where not recorded.
        unparsed: share of responses without a readable answer; truncated, error: likewise.
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
    strict: float | None
    unparsed: float
    truncated: float
    error: float
    tokens: float | None
    missing: str

    @property
    def unreadable(self) -> float:
        """Share of responses that were not graded on an answer: unparsed, truncated or failed."""
        return self.unparsed + self.truncated + self.error

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
        return Cell(student, column.name, (), None, None, None, "", None, 0.0, 0.0, 0.0, None, missing)
    values = [s.accuracy for s in seeds]
    strict = [s.strict for s in seeds if s.strict is not None]
    tokens = [s.tokens for s in seeds if s.tokens is not None]
    if len(seeds) == 1:
        low, high = seeds[0].low, seeds[0].high
        kind = interval_of(runs.run(student, seeds[0].seed, column).scores)[1]
    else:
        low, high, kind = min(values), max(values), SEED_RANGE
    return Cell(
        student,
        column.name,
        seeds,
        _mean(values),
        low,
        high,
        kind,
        _mean(strict) if len(strict) == len(seeds) else None,
        _mean([s.unparsed for s in seeds]),
        _mean([s.truncated for s in seeds]),
        _mean([s.error for s in seeds]),
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
        run.status["unparsed"],
        run.status["truncated"],
        run.status["error"],
        run.tokens,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
