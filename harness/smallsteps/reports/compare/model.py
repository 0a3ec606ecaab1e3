"""What a comparison report holds; plain data, all proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smallsteps.stats.clusters import ClusterComparison
from smallsteps.stats.families import PartialConjunction
from smallsteps.stats.many import OverallTest, SimultaneousIntervals
from smallsteps.stats.model import Interval, PairedCounts
from smallsteps.stats.paired import OddsRatio
from smallsteps.stats.ranking import RankInterval
from smallsteps.stats.samples import SampleVariance
from smallsteps.stats.seeds import SeedComparison
from smallsteps.stats.strata import SuiteComparison
from smallsteps.stats.students_t import DifferenceTest

Level = Literal["checkpoint", "method", "none"]


@dataclass(frozen=True, slots=True)
class Side:
    """One student in a comparison."""

    student: str
    accuracy: float
    interval: Interval | None
    seeds: int
    samples: int
    failed: float


@dataclass(frozen=True, slots=True)
class CheckpointDetails:
    """All that four counts say."""

    counts: PairedCounts
    exact_p: float
    midp: float
    tango: Interval
    bootstrap: Interval | None
    odds_ratio: OddsRatio | None
    cohen_g: float | None
    detectable: float | None
    can_reach: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A against B on one task or suite.

    Attributes:
        a, b: the two sides.
        task: task or suite; n: items.
        level: `checkpoint` (these weights; items vary), `method` (seeds and items vary), `none` (no test).
        claim: what the p-value is about, in words.
        difference: A minus B; interval: 95 %; p: two-sided, None where no test is possible.
        adjusted: Holm-adjusted over the family of this report.
        method: the procedure in words.
        checkpoint, clusters, seeds, suite, samples: details, where they apply.
        sensitivity: with one seed each, the sd between seeds that would erase significance.
        notes: what the reader must know.
    """

    a: Side
    b: Side
    task: str
    n: int
    level: Level
    claim: str
    difference: float
    interval: Interval | None
    p: float | None
    method: str
    adjusted: float | None = None
    checkpoint: CheckpointDetails | None = None
    clusters: ClusterComparison | None = None
    seeds: SeedComparison | None = None
    suite: SuiteComparison | None = None
    partial: DifferenceTest | None = None
    samples: tuple[SampleVariance, SampleVariance] | None = None
    sensitivity: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        p = self.adjusted if self.adjusted is not None else self.p
        return p is not None and p <= 0.05


@dataclass(frozen=True, slots=True)
class Across:
    """A against B over several tasks: on how many better, and the mean difference of fixed tasks."""

    a: str
    b: str
    tasks: tuple[str, ...]
    better: PartialConjunction
    worse: PartialConjunction
    mean: DifferenceTest


@dataclass(frozen=True, slots=True)
class Standing:
    """Place of one student on one task."""

    student: str
    accuracy: float
    interval: Interval | None
    rank: RankInterval
    letters: str
    best: float


@dataclass(frozen=True, slots=True)
class Board:
    """Three or more students on one task; `simultaneous` is left out for very many."""

    task: str
    overall: OverallTest
    standings: tuple[Standing, ...]
    simultaneous: SimultaneousIntervals | None
    students: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole comparison."""

    sources: tuple[str, ...]
    family: str
    rows: tuple[Row, ...]
    across: tuple[Across, ...]
    boards: tuple[Board, ...]
    confidence: float
    notes: tuple[str, ...] = ()
