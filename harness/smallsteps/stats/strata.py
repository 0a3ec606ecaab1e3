"""A suite of subtasks, read in two ways: subtasks as fixed strata, or their families as a sample of tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.errors import DATA, UserError
from smallsteps.stats.clusters import ClusterComparison, cluster_t
from smallsteps.stats.crossed import Arm, Design, contrast_test
from smallsteps.stats.model import (
    Interval,
    PairedCounts,
    as_scores,
    check_confidence,
    group_index,
    grouped,
)
from smallsteps.stats.paired import SLACK, bootstrap_pmf
from smallsteps.stats.students_t import DifferenceTest


def stratified_bootstrap_interval(
    differences: ArrayLike, strata: Sequence[object], confidence: float = 0.95
) -> Interval | None:
    """Exact percentile bootstrap of the item mean within strata: a convolution of one net count per stratum.

    None unless all differences are -1, 0 or 1,
    and where no stratum has any variation, see `exact_bootstrap_interval`.
    """
    d = as_scores(differences, "differences")
    if not np.isin(d, (-1.0, 0.0, 1.0)).all():
        return None
    index = group_index(strata)
    start, pmf, varies = 0, np.ones(1), False
    for group in range(int(index.max()) + 1):
        part = d[index == group]
        up, down = int(np.count_nonzero(part > 0)), int(np.count_nonzero(part < 0))
        varies = varies or (0 < up < part.size) or (0 < down < part.size)
        first, mass = bootstrap_pmf(PairedCounts(0, up, down, part.size - up - down))
        start, pmf = start + first, np.convolve(pmf, mass)
    if not varies:
        return None
    tail = (1 - check_confidence(confidence)) / 2
    low = int(np.argmax(np.cumsum(pmf) >= tail - SLACK))
    high = pmf.size - 1 - int(np.argmax(np.cumsum(pmf[::-1]) >= tail - SLACK))
    return Interval((start + low) / d.size, (start + high) / d.size)


@dataclass(frozen=True, slots=True)
class SuiteComparison:
    """Both readings of a suite made of subtasks.

    Attributes:
        on_items: "on this suite", mean over items: subtasks are fixed strata, items vary within them.
        on_subtasks: "on this suite", mean of subtask means: subtasks fixed.
        beyond: "the ability this suite samples": families of subtasks vary; mean of subtask means.
        bootstrap_on_items: exact stratified bootstrap interval for `on_items` on 0/1 scores, else None.
        subtasks: number of subtasks.
        families: number of families.
    """

    on_items: DifferenceTest
    on_subtasks: DifferenceTest
    beyond: ClusterComparison
    bootstrap_on_items: Interval | None
    subtasks: int
    families: int


def stratified_t(
    differences: ArrayLike, strata: Sequence[object], confidence: float = 0.95, *, macro: bool = False
) -> DifferenceTest:
    """Mean difference with fixed strata: sum w_g^2 s_g^2/n_g, w_g = n_g/n, or 1/J for the macro mean.

    Degrees of freedom by Satterthwaite. A stratum with one item has no variance: no test then.
    """
    d = as_scores(differences, "differences")
    design = Design.of(d.size, strata=strata)
    count = design.per_stratum.size
    sizes = np.bincount(design.strata)
    weights = 1 / (count * sizes[design.strata]) if macro else np.full(d.size, 1 / d.size)
    method = f"{'macro' if macro else 'item'} mean over {count} fixed strata"
    return contrast_test([Arm(d[None, :], weights)], design, confidence, method=method)[0]


def compare_suite(
    differences: ArrayLike,
    subtasks: Sequence[str],
    families: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> SuiteComparison:
    """Compare on a suite of subtasks, with both estimands.

    Args:
        differences: A minus B for each item.
        subtasks: subtask of each item (fixed strata).
        families: family of each item; subtasks of one family are not independent samples of tasks.
        confidence: level of the intervals.

    Raises:
        UserError: lengths differ, or a subtask belongs to two families.
    """
    d = as_scores(differences, "differences")
    sums, sizes = grouped(d, subtasks)
    names = list(dict.fromkeys(subtasks))
    pairs = dict.fromkeys(zip(subtasks, families if families is not None else subtasks, strict=True))
    if len(pairs) != len(names):
        raise UserError("a subtask belongs to more than one family", code=DATA)
    family_of = dict(pairs.keys())
    beyond = cluster_t(sums / sizes, [family_of[name] for name in names], confidence)
    return SuiteComparison(
        stratified_t(d, subtasks, confidence),
        stratified_t(d, subtasks, confidence, macro=True),
        beyond,
        stratified_bootstrap_interval(d, subtasks, confidence),
        len(names),
        beyond.clusters,
    )
