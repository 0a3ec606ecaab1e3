"""Contrasts of one shape each, on plain arrays: what tests and simulations feed to the one variance."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smallsteps.errors import UserError
from smallsteps.stats.clusters import design_effect
from smallsteps.stats.crossed import Arm, Design, VarianceParts, contrast_test
from smallsteps.stats.model import as_scores, grouped
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.partial import SignFlip, sign_flip
from smallsteps.stats.seeds import ONE_SEED, what_to_buy
from smallsteps.stats.sequential import EProcess
from smallsteps.stats.students_t import DifferenceTest, no_test


@dataclass(frozen=True, slots=True)
class ClusterComparison:
    """A difference tested with clusters as the units that vary.

    Attributes:
        test: cluster t with G - 1 degrees of freedom; descriptive only under 6 clusters.
        sign_flip: sign-flip permutation by whole clusters; None under 6 clusters.
        clusters: G.
        items: n.
        icc: intraclass correlation of the differences (one-way ANOVA estimator); None if undefined.
        design_effect: 1 + (m - 1) ICC with m = sum m_g^2 / n, at least 1/n; None if undefined.
        effective_items: n / design effect.
    """

    test: DifferenceTest
    sign_flip: SignFlip | None
    clusters: int
    items: int
    icc: float | None
    design_effect: float | None
    effective_items: float | None


def cluster_t(
    differences: ArrayLike, labels: Sequence[object], confidence: float = 0.95
) -> ClusterComparison:
    """Cluster-robust t of the mean difference over items.

    S_g = sum of (d_i - mean) in cluster g; SE = sqrt(G/(G-1) sum S_g^2)/n; t with G - 1 degrees of freedom
    (Miller 2024, appendix, with the finite-cluster factor). Sign-flip permutation flips whole clusters.
    """
    d = as_scores(differences, "differences")
    sums, _ = grouped(d, labels)
    groups, n = int(sums.size), int(d.size)
    icc, design = design_effect(d, labels)
    effective = None if design is None else n / design
    arm = Arm(d[None, :], np.full(n, 1 / n))
    test, _ = contrast_test(
        [arm], Design.of(n, clusters=labels), confidence, method=f"cluster t, {groups} clusters"
    )
    flips = sign_flip(sums) if test.pvalue is not None else None
    return ClusterComparison(test, flips, groups, n, icc, design, effective)


@dataclass(frozen=True, slots=True)
class SeedComparison:
    """Method-level comparison.

    Attributes:
        test: difference, t test and interval; no p-value with one seed.
        parts: where the variance comes from; None with one seed.
        seeds_a: seeds of A.
        seeds_b: seeds of B.
        items: items per seed.
        buy: which part of the variance is larger, and so what to buy more of; None if nothing varies.
    """

    test: DifferenceTest
    parts: VarianceParts | None
    seeds_a: int
    seeds_b: int
    items: int
    buy: Literal["seeds", "items"] | None = None


def compare_methods(
    a: ArrayLike, b: ArrayLike, confidence: float = 0.95, *, same_seeds: bool = False
) -> SeedComparison:
    """Compare two methods from their score matrices, seeds x items, items in the same order.

    V = s2(acc_A)/S_A + s2(acc_B)/S_B + s2(item differences of seed means)/n
    - MSres_A/(n S_A) - MSres_B/(n S_B), floored at the larger of its seed and item parts.

    Args:
        a: scores of method A, one row a seed.
        b: scores of method B.
        confidence: level of the interval.
        same_seeds: rows of A and B share initialisation and data order, so that row s of both is a pair.

    Raises:
        UserError: item counts differ; or seeds are paired and their numbers differ.
    """
    arms = difference_arms(a, b)
    seeds_a, seeds_b, items = len(arms[0].scores), len(arms[1].scores), arms[0].scores.shape[1]
    method = "two-way crossed (seeds x items), Banerjee t"
    if min(seeds_a, seeds_b) == 1 or items == 1:
        estimate = float(arms[0].scores.mean() - arms[1].scores.mean())
        note = ONE_SEED if min(seeds_a, seeds_b) == 1 else "one item: no claim about items"
        return SeedComparison(no_test(estimate, method, note), None, seeds_a, seeds_b, items)
    test, found = contrast_test(arms, Design.of(items), confidence, paired=same_seeds)
    parts = found.parts()
    return SeedComparison(test, parts, seeds_a, seeds_b, items, what_to_buy(parts))


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


def difference_arms(a: ArrayLike, b: ArrayLike) -> list[Arm]:
    """A minus B over all units, each unit with the same weight; rows are seeds.

    Raises:
        UserError: numbers of items differ.
    """
    first, second = as_scores(a, "A", ndim=2), as_scores(b, "B", ndim=2)
    if first.shape[1] != second.shape[1]:
        raise UserError("both must be graded on the same items")
    weights = np.full(first.shape[1], 1.0 / first.shape[1])
    return [Arm(first, weights), Arm(second, -weights)]


def run_eprocess(differences: ArrayLike, margin: float, alpha: float = 0.05) -> EProcess:
    """E-process over all differences, stopping at the first verdict."""
    state = EProcess(margin, alpha)
    for difference in np.asarray(differences, dtype=np.float64).tolist():
        state = state.update((difference,))
        if state.verdict is not Verdict.INCONCLUSIVE:
            break
    return state


def split_letters(letters: str) -> list[str]:
    """The names in a display of `compact_letters`: "yz(aa)" holds y, z and (aa)."""
    return re.findall(r"[a-z]|\([a-z]+\)", letters)
