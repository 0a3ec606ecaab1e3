"""Random tables against scipy and statsmodels, where those are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import proportion_confint

from smallsteps.stats import (
    PairedCounts,
    clopper_pearson_interval,
    exact_bootstrap_interval,
    mcnemar_exact,
    mcnemar_midp,
    wilson_interval,
)
from smallsteps.stats.paired import bootstrap_pmf, tango_interval, tango_score


def _random_tables(number: int, largest: int) -> list[PairedCounts]:
    rng = np.random.default_rng(4)
    tables = []
    for _ in range(number):
        n = int(rng.integers(1, largest))
        tables.append(PairedCounts(*(int(v) for v in rng.multinomial(n, rng.dirichlet([1.0] * 4)))))
    return tables


@pytest.mark.parametrize("counts", _random_tables(60, 3000), ids=str)
def test_exact_mcnemar_against_statsmodels_and_binomtest(counts: PairedCounts) -> None:
    table = [[counts.both, counts.only_a], [counts.only_b, counts.neither]]
    assert mcnemar_exact(counts) == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue, rel=1e-9)
    if counts.discordant:
        oracle = stats.binomtest(counts.only_a, counts.discordant, 0.5).pvalue
        assert mcnemar_exact(counts) == pytest.approx(oracle, rel=1e-9)
        point = stats.binom.pmf(counts.only_a, counts.discordant, 0.5)
        if counts.only_a != counts.only_b:
            assert mcnemar_midp(counts) == pytest.approx(oracle - point, rel=1e-6, abs=1e-15)
        chi = statsmodels_mcnemar(table, exact=False, correction=False).statistic
        assert tango_score(counts, 0.0) ** 2 == pytest.approx(chi, rel=1e-9)


@pytest.mark.parametrize("counts", _random_tables(20, 200), ids=str)
def test_exact_bootstrap_pmf_is_the_direct_convolution(counts: PairedCounts) -> None:
    step = np.array([counts.only_b, counts.n - counts.discordant, counts.only_a]) / counts.n
    direct = np.ones(1)
    for _ in range(counts.n):
        direct = np.convolve(direct, step)
    start, pmf = bootstrap_pmf(counts)
    offset = start + counts.n
    assert np.abs(direct[offset : offset + pmf.size] - pmf).max() < 1e-12
    assert direct[:offset].sum() + direct[offset + pmf.size :].sum() < 1e-14


@pytest.mark.parametrize("n", [1319, 6511])
def test_exact_bootstrap_window_loses_nothing_at_benchmark_sizes(n: int) -> None:
    for b, c in [(2, 0), (1, 1), (40, 20), (n // 5, n // 10), (n - 1, 1)]:
        counts = PairedCounts(0, b, c, n - b - c)
        start, pmf = bootstrap_pmf(counts)
        support = start + np.arange(pmf.size)
        mean = float(support @ pmf)
        variance = float((support - mean) ** 2 @ pmf)
        assert mean == pytest.approx(b - c, abs=1e-8)
        assert variance == pytest.approx((b + c) - (b - c) ** 2 / n, rel=1e-8)


def test_exact_bootstrap_equals_monte_carlo_within_its_error() -> None:
    counts = PairedCounts(700, 150, 114, 355)
    rng = np.random.default_rng(11)
    p = np.array([counts.only_a, counts.only_b, counts.n - counts.discordant]) / counts.n
    draws = rng.multinomial(counts.n, p, size=400_000)
    net = (draws[:, 0] - draws[:, 1]) / counts.n
    interval = exact_bootstrap_interval(counts)
    assert interval is not None
    # the Monte-Carlo error of a .025 quantile here is about 0.06 of a count
    assert interval.low == pytest.approx(np.quantile(net, 0.025), abs=1.01 / counts.n)
    assert interval.high == pytest.approx(np.quantile(net, 0.975), abs=1.01 / counts.n)


def test_tango_solves_its_equation() -> None:
    for counts in _random_tables(40, 2000):
        interval = tango_interval(counts)
        if interval.low > -1:
            assert tango_score(counts, interval.low) == pytest.approx(1.959963984540054, rel=1e-6)
        if interval.high < 1:
            assert tango_score(counts, interval.high) == pytest.approx(-1.959963984540054, rel=1e-6)


def test_proportion_intervals_against_statsmodels() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        n = int(rng.integers(1, 3000))
        x = int(rng.integers(0, n + 1))
        confidence = float(rng.choice([0.8, 0.9, 0.95, 0.99]))
        for ours, method in ((wilson_interval, "wilson"), (clopper_pearson_interval, "beta")):
            low, high = proportion_confint(x, n, alpha=1 - confidence, method=method)
            mine = ours(x, n, confidence)
            assert (mine.low, mine.high) == pytest.approx((low, high), abs=1e-10)


def test_clopper_pearson_limits_are_where_the_binomial_test_turns() -> None:
    interval = clopper_pearson_interval(37, 125)
    assert stats.binom.sf(36, 125, interval.low) == pytest.approx(0.025, rel=1e-9)
    assert stats.binom.cdf(37, 125, interval.high) == pytest.approx(0.025, rel=1e-9)
