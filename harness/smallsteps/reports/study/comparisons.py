"""Two students on one column of a study: their row, and the items that pairs of checkpoints won and lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from smallsteps.comparing.compare import check_unit
from smallsteps.comparing.model import AtLarge, Row
from smallsteps.comparing.rows import compare_unit
from smallsteps.comparing.sheet import Unit
from smallsteps.reports.study.runs import Column, Key, Run, Runs
from smallsteps.stats import PairedCounts, mcnemar_exact, paired_counts
from smallsteps.stats.model import is_binary
from smallsteps.stats.partial import sign_flip


@dataclass(frozen=True, slots=True)
class SeedPair:
    """One checkpoint of A against one of B on the same items, as a description.

    Attributes:
        seed_a: of A; seed_b: of B; None for a checkpoint without one.
        counts: the four paired counts; None where scores are not all 0 or 1.
        difference: A minus B.
        p: two-sided, of these two checkpoints alone and not adjusted.
        won: items only A has right (A higher, for partial credit); lost: the reverse.
    """

    seed_a: int | None
    seed_b: int | None
    counts: PairedCounts | None
    difference: float
    p: float
    won: tuple[Key, ...]
    lost: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A against B on one column.

    Attributes:
        a: student; b: the other; column: name.
        n: items a seed.
        level: `checkpoint` (these weights, items vary), `method` (seeds and items vary) or `none` (no test).
        accuracy_a: mean over seeds; accuracy_b: likewise.
        difference: A minus B; low, high: 95 % interval; None where there is none.
        p: two-sided, not adjusted for the family; None where no test is possible.
        method: the procedure in words; claim: what the p-value is about.
        detectable: true difference that this design finds with 80 % power; None where unknown.
        pairs: one per pair of checkpoints.
        at_large: the second estimand of a suite, with its families as a sample.
        clusters: clusters that are the units of the test; None where items vary alone.
        shares: of the variance: seeds, items, residual; None at checkpoint level.
        can_reach: False if no split of the discordant items could have been significant.
        notes: what the reader must know.
    """

    a: str
    b: str
    column: str
    n: int
    level: Literal["checkpoint", "method", "none"]
    accuracy_a: float
    accuracy_b: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    method: str
    claim: str
    detectable: float | None
    pairs: tuple[SeedPair, ...]
    at_large: AtLarge | None
    clusters: int | None
    shares: tuple[float, float, float] | None
    can_reach: bool
    notes: tuple[str, ...]

    @property
    def counts(self) -> PairedCounts | None:
        """The four counts where there is one pair of checkpoints."""
        return self.pairs[0].counts if len(self.pairs) == 1 else None


def compare(runs: Runs, a: str, b: str, column: Column) -> Comparison | None:
    """Compare two students on a column; None where outcomes are missing.

    Raises:
        UserError: the two were graded on different items, or are not comparable otherwise.
    """
    found = compare_rows(runs, a, b, column)
    return None if found is None else found[0]


def compare_rows(runs: Runs, a: str, b: str, column: Column) -> tuple[Comparison, Row] | None:
    """The same with the row of the comparison engine, for tests of its difference against a margin."""
    unit = column.unit
    if not (runs.sheet.has(a, unit) and runs.sheet.has(b, unit)):
        return None
    notes = check_unit(runs.sheet, a, b, unit, ())
    row = compare_unit(runs.sheet, a, b, unit)
    parts = row.seeds.parts.shares() if row.seeds else None
    details = row.checkpoint
    comparison = Comparison(
        a=a,
        b=b,
        column=column.name,
        n=row.n,
        level=row.level,
        accuracy_a=row.a.accuracy,
        accuracy_b=row.b.accuracy,
        difference=row.difference,
        low=row.interval.low if row.interval else None,
        high=row.interval.high if row.interval else None,
        p=row.p,
        method=row.method,
        claim=row.claim,
        detectable=row.detectable,
        pairs=_pairs(runs, a, b, column),
        at_large=row.at_large,
        clusters=row.clusters.clusters if row.clusters else None,
        shares=parts,
        can_reach=details is None or details.can_reach,
        notes=tuple(dict.fromkeys([*_notes(runs, notes, unit), *row.notes, *_fixed(runs, row, unit)])),
    )
    return comparison, row


def _notes(runs: Runs, notes: list[str], unit: Unit) -> list[str]:
    """Notes on a column of one task need not name it; students go by their titles."""
    out = []
    for note in notes:
        text = note.removeprefix(f"{unit.tasks[0]}: ") if len(unit.tasks) == 1 else note
        for name, info in runs.students.items():
            text = text.replace(f"'{name}'", info.title)
        out.append(text)
    return out


def _fixed(runs: Runs, row: Row, unit: Unit) -> list[str]:
    if row.level != "method":
        return []
    return [
        f"{runs.students[side.student].title} is one given model"
        for side in (row.a, row.b)
        if runs.sheet.is_fixed(side.student, unit.tasks)
    ]


def _pairs(runs: Runs, a: str, b: str, column: Column) -> tuple[SeedPair, ...]:
    seeds_a, seeds_b = runs.seeds(a, column), runs.seeds(b, column)
    return tuple(
        _pair(runs.run(a, sa, column), runs.run(b, sb, column), sa, sb)
        for sa, sb in _matched(seeds_a, seeds_b)
    )


def _matched(a: tuple[int | None, ...], b: tuple[int | None, ...]) -> list[tuple[int | None, int | None]]:
    """Pairs of checkpoints: equal seeds where both have them, else the single one against each."""
    if len(a) == 1 or len(b) == 1:
        return [(x, y) for x in a for y in b]
    return [(seed, seed) for seed in a if seed in b]


def _pair(a: Run, b: Run, seed_a: int | None, seed_b: int | None) -> SeedPair:
    x, y = a.scores, b.scores
    won = tuple(key for key, up in zip(a.keys, x > y, strict=True) if up)
    lost = tuple(key for key, down in zip(a.keys, x < y, strict=True) if down)
    if is_binary(x) and is_binary(y):
        counts = paired_counts(x, y)
        return SeedPair(seed_a, seed_b, counts, counts.difference, mcnemar_exact(counts), won, lost)
    return SeedPair(seed_a, seed_b, None, float((x - y).mean()), sign_flip(x - y).pvalue, won, lost)
