"""Non-inferiority: three outcomes, duality, margins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contrasts import cluster_t
from smallsteps.errors import UserError
from smallsteps.stats import PairedCounts, tango_interval
from smallsteps.stats.noninferiority import Verdict, noninferior_paired, noninferior_t
from smallsteps.stats.partial import paired_t


def test_three_verdicts() -> None:
    assert noninferior_paired(PairedCounts(900, 60, 60, 299), 0.03).verdict is Verdict.PASS
    assert noninferior_paired(PairedCounts(900, 30, 180, 209), 0.03).verdict is Verdict.FAIL
    assert noninferior_paired(PairedCounts(80, 8, 10, 27), 0.03).verdict is Verdict.INCONCLUSIVE


def test_not_significantly_different_is_no_pass() -> None:
    few = PairedCounts(20, 1, 4, 5)
    assert tango_interval(few).contains(0.0)
    assert noninferior_paired(few, 0.03).verdict is Verdict.INCONCLUSIVE


def test_regressed_inside_the_margin() -> None:
    result = noninferior_paired(PairedCounts(3000, 100, 160, 3251), 0.03)
    assert result.verdict is Verdict.PASS
    assert result.regressed


@pytest.mark.parametrize("margin", [0.01, 0.03, 0.1])
def test_the_interval_and_the_test_decide_alike(margin: float) -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = int(rng.integers(1, 900))
        counts = PairedCounts(*(int(v) for v in rng.multinomial(n, rng.dirichlet([4.0, 1.0, 1.0, 4.0]))))
        result = noninferior_paired(counts, margin)
        assert result.pvalue is not None
        assert result.smallest_margin is not None
        assert (result.verdict is Verdict.PASS) == (result.pvalue < 0.05)
        assert (result.verdict is Verdict.PASS) == (result.smallest_margin < margin)


def test_smallest_margin_is_where_the_verdict_turns() -> None:
    counts = PairedCounts(60, 9, 12, 44)
    smallest = noninferior_paired(counts, 0.05).smallest_margin
    assert smallest is not None
    assert noninferior_paired(counts, smallest + 1e-9).verdict is Verdict.PASS
    assert noninferior_paired(counts, smallest - 1e-9).verdict is not Verdict.PASS


def test_items_needed_would_indeed_pass() -> None:
    counts = PairedCounts(60, 9, 9, 47)
    needed = noninferior_paired(counts, 0.03).items_needed
    assert needed is not None
    for factor, verdict in ((1.02, Verdict.PASS), (0.98, Verdict.INCONCLUSIVE)):
        grown = PairedCounts(*(round(factor * needed / counts.n * v) for v in (60, 9, 9, 47)))
        assert noninferior_paired(grown, 0.03).verdict is verdict
    hopeless = noninferior_paired(PairedCounts(60, 5, 12, 48), 0.03)
    assert hopeless.verdict is Verdict.INCONCLUSIVE
    assert hopeless.items_needed is None


def test_equivalence_needs_both_limits() -> None:
    assert noninferior_paired(PairedCounts(900, 60, 60, 299), 0.03).equivalent()
    better = noninferior_paired(PairedCounts(900, 120, 30, 269), 0.03)
    assert better.verdict is Verdict.PASS
    assert not better.equivalent()


def test_t_version_matches_scipy_one_sided() -> None:
    rng = np.random.default_rng(1)
    d = rng.normal(0, 0.3, 200)
    result = noninferior_t(paired_t(d), 200, 0.05)
    oracle = stats.ttest_1samp(d, -0.05, alternative="greater")
    assert result.pvalue == pytest.approx(oracle.pvalue, rel=1e-9)
    assert result.limits is not None
    assert result.limits.low == pytest.approx(oracle.confidence_interval(0.95).low - 0, abs=1e-9)


def test_too_few_clusters_are_inconclusive() -> None:
    result = noninferior_t(cluster_t(np.ones(20), [0] * 20).test, 20, 0.05)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.limits is None


@pytest.mark.parametrize("margin", [0.0, -0.01, 1.0, float("nan")])
def test_margin_must_be_a_real_loss(margin: float) -> None:
    with pytest.raises(UserError, match="margin"):
        noninferior_paired(PairedCounts(1, 0, 0, 0), margin)
