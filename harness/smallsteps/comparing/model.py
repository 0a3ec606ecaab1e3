"""What a comparison holds; plain data, all proportions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smallsteps.comparing.sheet import Level
from smallsteps.stats.crossed import VarianceParts
from smallsteps.stats.model import Interval, PairedCounts
from smallsteps.stats.paired import OddsRatio
from smallsteps.stats.ranking import RankInterval
from smallsteps.stats.samples import SampleVariance
from smallsteps.stats.students_t import DifferenceTest

ALPHA = 0.05

ClaimKind = Literal["better", "equivalent", "noninferior"]


@dataclass(frozen=True, slots=True)
class Side:
    """One student in a comparison.

    Attributes:
        student: its name.
        accuracy: mean over seeds and samples; interval: of it, None where there is none.
        seeds, samples: how many.
        failed: share of responses without a usable answer.
    """

    student: str
    accuracy: float
    interval: Interval | None
    seeds: int
    samples: int
    failed: float


@dataclass(frozen=True, slots=True)
class CheckpointDetails:
    """What the four counts of two 0/1 runs say."""

    counts: PairedCounts
    exact_p: float
    midp: float
    tango: Interval
    odds_ratio: OddsRatio | None
    cohen_g: float | None
    can_reach: bool


@dataclass(frozen=True, slots=True)
class ClusterDetails:
    """How items vary together.

    Attributes:
        clusters: number of them.
        icc: intraclass correlation of the differences; None if undefined.
        design_effect: factor by which clusters widen the variance; None if undefined.
        effective_items: n / design effect, at most n.
    """

    clusters: int
    icc: float | None
    design_effect: float | None
    effective_items: float | None


@dataclass(frozen=True, slots=True)
class SeedDetails:
    """Where the variance of a method-level difference comes from.

    Attributes:
        parts: seeds, items, seed by item.
        buy: `seeds` or `items`, whichever would lower it more; None if nothing varies.
    """

    parts: VarianceParts
    buy: str | None


@dataclass(frozen=True, slots=True)
class AtLarge:
    """The second estimand of a suite: its families as a sample of tasks.

    Attributes:
        test: mean over parts, families vary.
        parts: parts of the suite; families: families of them.
        adjusted: p adjusted over the report's family; None without a test.
    """

    test: DifferenceTest
    parts: int
    families: int
    adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Flips:
    """Items that changed sides, as shares of all items, each with an interval; averaged over pairs of seeds.

    Attributes:
        gained: only A has the item right; lost: only B has.
        gained_interval, lost_interval: None where there is none.
    """

    gained: float
    gained_interval: Interval | None
    lost: float
    lost_interval: Interval | None


@dataclass(frozen=True, slots=True)
class Equivalence:
    """Two one-sided tests (Schuirmann 1987): is the difference within +-margin?

    Attributes:
        margin: as a proportion.
        p: the larger of the two one-sided p-values; None where no test is possible.
        adjusted: p adjusted over the report's family.
    """

    margin: float
    p: float | None
    adjusted: float | None = None

    @property
    def shown(self) -> bool:
        """The two are equivalent within the margin."""
        return self.adjusted is not None and self.adjusted <= ALPHA


@dataclass(frozen=True, slots=True)
class Row:
    """A against B on one task or suite.

    Attributes:
        a, b: the two sides.
        task: task or suite; n: items.
        level: `checkpoint` (these weights; items vary), `method` (seeds and items vary), `none` (no test).
        claim: what the p-value is about, in words.
        difference: A minus B; interval: of it; p: two-sided, None where no test is possible.
        adjusted: p adjusted over the family of the report (Holm).
        method: the procedure in words.
        test: standard error and degrees of freedom of the same difference.
        checkpoint, clusters, seeds, at_large, samples, flips, equivalence: details, where they apply.
        parts: fixed parts of a suite; 1 for a task.
        sensitivity: with one seed each, the sd between seeds that would erase significance at 5 %.
        detectable: true difference that this comparison, taken alone, finds with 80 % power at 5 %, from the
        variance of its own test; None where no test is possible or nothing varies.
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
    test: DifferenceTest
    adjusted: float | None = None
    checkpoint: CheckpointDetails | None = None
    clusters: ClusterDetails | None = None
    seeds: SeedDetails | None = None
    at_large: AtLarge | None = None
    samples: tuple[SampleVariance, SampleVariance] | None = None
    flips: Flips | None = None
    equivalence: Equivalence | None = None
    parts: int = 1
    sensitivity: float | None = None
    detectable: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def significant(self) -> bool:
        """A and B differ, by the adjusted p-value."""
        p = self.adjusted if self.adjusted is not None else self.p
        return p is not None and p <= ALPHA


@dataclass(frozen=True, slots=True)
class Across:
    """A against B over several tasks.

    Attributes:
        a, b: students; tasks: names of the rows counted.
        better, worse: rows on which A is significantly better or worse, by the adjusted p-values of the rows.
        mean: mean difference with these tasks fixed and seeds shared by all of them.
        adjusted: p of the mean, adjusted over the report's family; None without a test.
    """

    a: str
    b: str
    tasks: tuple[str, ...]
    better: int
    worse: int
    mean: DifferenceTest
    adjusted: float | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Place of one student on one task."""

    student: str
    accuracy: float
    interval: Interval | None
    rank: RankInterval
    letters: str


@dataclass(frozen=True, slots=True)
class Board:
    """Three or more students on one task, ordered by the adjusted p-values of the report's rows."""

    task: str
    standings: tuple[Standing, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A whole comparison.

    Attributes:
        sources: where the outcomes came from.
        tests: size of the family that p-values are adjusted over.
        rows, across, boards: see there.
        confidence: of intervals.
        notes: what the reader must know.
    """

    sources: tuple[str, ...]
    tests: int
    rows: tuple[Row, ...]
    across: tuple[Across, ...]
    boards: tuple[Board, ...]
    confidence: float
    notes: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The family in words."""
        return f"{self.tests:,} test{'' if self.tests == 1 else 's'} of this report"
