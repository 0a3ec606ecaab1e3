"""Two students on one column: per pair of checkpoints, and for the methods where there are seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smallsteps.reports.study.runs import Column, Key, Run, Runs, check_same_items
from smallsteps.stats import PairedCounts, mcnemar_exact, paired_counts, tango_interval
from smallsteps.stats.clusters import MIN_CLUSTERS, cluster_t
from smallsteps.stats.paired import can_reach
from smallsteps.stats.partial import paired_t, sign_flip
from smallsteps.stats.power import detectable_difference, method_power
from smallsteps.stats.seeds import SeedComparison, compare_methods

Keep = Callable[[str], bool]
CHECKPOINT = "exact McNemar test, Tango interval"
PARTIAL = "sign-flip permutation test, paired t interval"


@dataclass(frozen=True, slots=True)
class SeedPair:
    """One checkpoint of A against one of B on the same items.

    Attributes:
        seed_a: of A; seed_b: of B; None for a checkpoint without one.
        counts: the four paired counts; None where scores are not all 0 or 1.
        difference: A minus B; low, high: 95 % interval; None where there is none.
        p: two-sided, not adjusted.
        won: items only A has right (A higher, for partial credit); lost: the reverse.
    """

    seed_a: int | None
    seed_b: int | None
    counts: PairedCounts | None
    difference: float
    low: float | None
    high: float | None
    p: float
    won: tuple[Key, ...]
    lost: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class ClusterLevel:
    """The same difference with clusters as the units that vary."""

    clusters: int
    difference: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """A against B on one column.

    Attributes:
        a: student; b: the other; column: name.
        n: items a seed.
        level: `checkpoint` (these weights, items vary) or `method` (seeds and items vary).
        accuracy_a: mean over seeds; accuracy_b: likewise.
        difference: A minus B; low, high: 95 % interval; None where there is none.
        p: two-sided, not adjusted for the family; None where no test is possible.
        method: the procedure in words.
        detectable: true difference that this design finds with 80 % power; None where unknown.
        pairs: one per pair of checkpoints.
        cluster: cluster-level result; None where items are not clustered, or there are fewer than 6 clusters.
        shares: of the variance: seeds, items, residual; None at checkpoint level.
        can_reach: False if no split of the discordant items could have been significant.
        notes: what the reader must know.
    """

    a: str
    b: str
    column: str
    n: int
    level: Literal["checkpoint", "method"]
    accuracy_a: float
    accuracy_b: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    method: str
    detectable: float | None
    pairs: tuple[SeedPair, ...]
    cluster: ClusterLevel | None
    shares: tuple[float, float, float] | None
    can_reach: bool
    notes: tuple[str, ...]

    @property
    def counts(self) -> PairedCounts | None:
        """The four counts where there is one pair of checkpoints."""
        return self.pairs[0].counts if len(self.pairs) == 1 else None


def compare(runs: Runs, a: str, b: str, column: Column, keep: Keep | None = None) -> Comparison | None:
    """Compare two students on a column, on the subtasks that `keep` accepts; None where outcomes are missing.

    Several seeds: the two-way crossed test. One seed against several: the single checkpoint is taken as fixed
    (a base model is not a draw from a training method). One against one: the checkpoints alone.

    Raises:
        UserError: the two were graded on different items.
    """
    seeds_a, seeds_b = runs.seeds(a, column), runs.seeds(b, column)
    if not seeds_a or not seeds_b:
        return None
    first, second = runs.run(a, seeds_a[0], column), runs.run(b, seeds_b[0], column)
    check_same_items(first, second, runs.students[a].title, runs.students[b].title, column.title)
    mask = np.array([keep is None or keep(s) for s in first.subtasks], dtype=bool)
    if not mask.any():
        return None
    matrix_a, matrix_b = runs.matrix(a, column)[:, mask], runs.matrix(b, column)[:, mask]
    pairs = tuple(
        _pair(runs.run(a, sa, column), runs.run(b, sb, column), sa, sb, mask)
        for sa, sb in _matched(seeds_a, seeds_b)
    )
    mean_difference = matrix_a.mean(axis=0) - matrix_b.mean(axis=0)
    notes = _prompt_notes(first, second, mask)
    common = Comparison(
        a=a,
        b=b,
        column=column.name,
        n=int(mask.sum()),
        level="checkpoint",
        accuracy_a=float(matrix_a.mean()),
        accuracy_b=float(matrix_b.mean()),
        difference=float(mean_difference.mean()),
        low=None,
        high=None,
        p=None,
        method="",
        detectable=None,
        pairs=pairs,
        cluster=_cluster_level(mean_difference, first.clusters, mask),
        shares=None,
        can_reach=True,
        notes=notes,
    )
    if max(len(seeds_a), len(seeds_b)) == 1:
        return _checkpoint(common, pairs[0])
    return _method(common, matrix_a, matrix_b)


def _checkpoint(common: Comparison, pair: SeedPair) -> Comparison:
    counts = pair.counts
    return replace(
        common,
        low=pair.low,
        high=pair.high,
        p=pair.p,
        method=PARTIAL if counts is None else CHECKPOINT,
        detectable=(
            detectable_difference(counts.n, counts.discordance) if counts and counts.discordant else None
        ),
        can_reach=counts is None or can_reach(counts),
    )


def _method(common: Comparison, matrix_a: NDArray[np.float64], matrix_b: NDArray[np.float64]) -> Comparison:
    seeds_a, seeds_b = len(matrix_a), len(matrix_b)
    seeds, notes = min(seeds_a, seeds_b), common.notes
    if seeds == 1:
        # A matrix of one fixed checkpoint repeated has no seed variance of its own: what is left of the
        # two-way variance is that of the other arm and of the items.
        seeds = max(seeds_a, seeds_b)
        matrix_a = np.broadcast_to(matrix_a, (seeds, matrix_a.shape[1]))
        matrix_b = np.broadcast_to(matrix_b, (seeds, matrix_b.shape[1]))
        fixed = "second" if seeds_b == 1 else "first"
        notes = (*notes, f"the {fixed} is one fixed checkpoint")
        found = compare_methods(matrix_a, matrix_b, same_seeds=True)
    else:
        found = compare_methods(matrix_a, matrix_b)
    test, parts = found.test, found.parts
    return replace(
        common,
        level="method",
        low=test.interval.low if test.interval else None,
        high=test.interval.high if test.interval else None,
        p=test.pvalue,
        method=test.method,
        detectable=_detectable(found, seeds, common.n),
        shares=parts.shares() if parts else None,
        notes=(*notes, test.note) if test.note else notes,
    )


def _detectable(found: SeedComparison, seeds: int, n: int) -> float | None:
    parts = found.parts
    if parts is None or parts.total <= 0:
        return None
    discordance = min(1.0, n * (parts.items + parts.residual))
    if discordance <= 0:
        return None
    return method_power(seeds, n, math.sqrt(parts.seeds * seeds / 2), discordance).detectable


def _matched(a: list[int | None], b: list[int | None]) -> list[tuple[int | None, int | None]]:
    """Pairs of checkpoints: equal seeds where both have them, else the single one against each."""
    if len(a) == 1 or len(b) == 1:
        return [(x, y) for x in a for y in b]
    return [(seed, seed) for seed in a if seed in b]


def _pair(a: Run, b: Run, seed_a: int | None, seed_b: int | None, mask: NDArray[np.bool_]) -> SeedPair:
    x, y = a.scores[mask], b.scores[mask]
    keys = [key for key, kept in zip(a.keys, mask, strict=True) if kept]
    won = tuple(key for key, up in zip(keys, x > y, strict=True) if up)
    lost = tuple(key for key, down in zip(keys, x < y, strict=True) if down)
    if a.binary() and b.binary():
        counts = paired_counts(x, y)
        interval = tango_interval(counts)
        return SeedPair(
            seed_a,
            seed_b,
            counts,
            counts.difference,
            interval.low,
            interval.high,
            mcnemar_exact(counts),
            won,
            lost,
        )
    test = paired_t(x - y)
    low, high = (test.interval.low, test.interval.high) if test.interval else (None, None)
    return SeedPair(seed_a, seed_b, None, test.estimate, low, high, sign_flip(x - y).pvalue, won, lost)


def _cluster_level(
    difference: NDArray[np.float64], clusters: tuple[str | None, ...], mask: NDArray[np.bool_]
) -> ClusterLevel | None:
    labels = [label for label, kept in zip(clusters, mask, strict=True) if kept]
    if any(label is None for label in labels) or not MIN_CLUSTERS <= len(set(labels)) < len(labels):
        return None
    found = cluster_t(difference, labels)
    interval, p = found.test.interval, found.test.pvalue
    if interval is None or p is None:
        return None
    return ClusterLevel(found.clusters, found.test.estimate, interval.low, interval.high, p)


def _prompt_notes(a: Run, b: Run, mask: NDArray[np.bool_]) -> tuple[str, ...]:
    """Different prompts are not an error between schemes, but they are never compared unseen."""
    differ = sum(
        1
        for x, y, kept in zip(a.prompts, b.prompts, mask, strict=True)
        if kept and x is not None and y is not None and x != y
    )
    return (f"the two were given different prompts on {differ} of {int(mask.sum())} items",) if differ else ()
