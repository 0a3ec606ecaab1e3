"""Published values for two 0/1 runs on the same items."""

from __future__ import annotations

import math

import pytest
from scipy import special

from smallsteps.errors import UserError
from smallsteps.stats import (
    PairedCounts,
    clopper_pearson_interval,
    cohen_g,
    conditional_odds_ratio,
    exact_bootstrap_interval,
    mcnemar_exact,
    mcnemar_midp,
    paired_counts,
    tango_interval,
    wilson_interval,
)
from smallsteps.stats.paired import can_reach, tango_score

CAVO = PairedCounts(59, 6, 16, 80)
BENTUR = PairedCounts(1, 1, 7, 12)
R_HELP = PairedCounts(794, 86, 150, 570)
STATSMODELS = PairedCounts(101, 121, 59, 33)


# Expected strings: R package contingencytables, tests/testthat/test-ch8.R (data of Cavo et al. 2012).
def test_cavo_exact_and_midp() -> None:
    assert mcnemar_exact(CAVO) == pytest.approx(0.052479, abs=5e-7)
    assert mcnemar_midp(CAVO) == pytest.approx(0.034690, abs=5e-7)


def test_cavo_score_statistic_at_zero_is_the_asymptotic_mcnemar_z() -> None:
    z = tango_score(CAVO, 0.0)
    assert z == pytest.approx(-2.132, abs=5e-4)
    assert 2 * special.ndtr(z) == pytest.approx(0.033006, abs=5e-7)


def test_cavo_intervals() -> None:
    assert CAVO.difference == pytest.approx(-0.0621, abs=5e-5)
    tango = tango_interval(CAVO)
    assert (tango.low, tango.high) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


# contingencytables, same file: Tango for n = 3 and Clopper-Pearson at the edges.
@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [(PairedCounts(0, 3, 0, 0), -0.1230, 1.0), (PairedCounts(0, 0, 3, 0), -1.0, 0.1230)],
)
def test_contingencytables_tango_three_items(counts: PairedCounts, low: float, high: float) -> None:
    interval = tango_interval(counts)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_contingencytables_clopper_pearson_edges() -> None:
    assert clopper_pearson_interval(10, 10).low == pytest.approx(0.6915, abs=5e-5)
    assert clopper_pearson_interval(10, 10).high == 1.0
    assert clopper_pearson_interval(0, 10).high == pytest.approx(0.3085, abs=5e-5)


# Bentur et al. 2009, table 8.2 of Fagerland, Lydersen and Laake.
def test_bentur() -> None:
    assert mcnemar_exact(BENTUR) == 0.0703125
    assert mcnemar_midp(BENTUR) == 0.0390625
    assert tango_score(BENTUR, 0.0) ** 2 == pytest.approx(4.5)
    tango = tango_interval(BENTUR)
    assert (tango.low, tango.high) == pytest.approx((-0.51723, -0.02600), abs=5e-6)


# R help(mcnemar.test), approval ratings (Agresti 1990, p. 350).
def test_r_help_page_approval_ratings() -> None:
    assert R_HELP.n == 1600
    assert tango_score(R_HELP, 0.0) ** 2 == pytest.approx(17.3559, abs=5e-5)
    assert mcnemar_exact(R_HELP) == pytest.approx(3.7159e-05, rel=2e-5)


# statsmodels documentation, contingency tables, mcnemar.
def test_statsmodels_documentation_table() -> None:
    assert mcnemar_exact(STATSMODELS) == pytest.approx(4.43444926e-06, rel=1e-8)


# scipy documentation of binomtest: one-sided interval of 3 of 15.
def test_scipy_documentation_binomtest_lower_limit() -> None:
    assert clopper_pearson_interval(3, 15, confidence=0.90).low == pytest.approx(
        0.05684686759024681, rel=1e-12
    )


def test_all_correct_bamboogle_has_an_interval_with_width() -> None:
    assert wilson_interval(125, 125).low == pytest.approx(0.970185, abs=5e-7)
    assert clopper_pearson_interval(125, 125).low == pytest.approx(0.025 ** (1 / 125), rel=1e-12)  # .97092


def test_no_discordant_item() -> None:
    counts = PairedCounts(90, 0, 0, 35)
    z2 = 1.959963984540054**2
    assert (mcnemar_exact(counts), mcnemar_midp(counts)) == (1.0, 1.0)
    interval = tango_interval(counts)
    assert interval.high == pytest.approx(z2 / (125 + z2), rel=1e-12)
    assert interval.low == -interval.high
    assert exact_bootstrap_interval(counts) is None
    assert conditional_odds_ratio(counts) is None
    assert cohen_g(counts) is None
    assert not can_reach(counts)


def test_five_discordant_items_cannot_reach_significance() -> None:
    assert mcnemar_exact(PairedCounts(0, 5, 0, 7)) == 0.0625
    assert mcnemar_exact(PairedCounts(0, 6, 0, 7)) == 0.03125
    assert not can_reach(PairedCounts(0, 3, 2, 7))
    assert can_reach(PairedCounts(0, 3, 3, 7))


def test_odds_ratio_is_open_where_it_is_infinite() -> None:
    odds = conditional_odds_ratio(PairedCounts(0, 4, 0, 0))
    assert odds is not None
    assert (odds.estimate, odds.high) == (None, None)
    assert odds.low == pytest.approx(
        clopper_pearson_interval(4, 4).low / (1 - clopper_pearson_interval(4, 4).low)
    )


def test_standard_error_is_miller_s_paired_identity() -> None:
    a, b = [1, 1, 0, 1, 0, 0, 1], [1, 0, 0, 0, 1, 0, 1]
    counts = paired_counts(a, b)
    n, mean_a, mean_b = 7, 4 / 7, 3 / 7
    var_a, var_b = mean_a * (1 - mean_a) / (n - 1), mean_b * (1 - mean_b) / (n - 1)
    covariance = (2 / 7 - mean_a * mean_b) / (n - 1)
    assert counts.standard_error == pytest.approx(math.sqrt(var_a + var_b - 2 * covariance))
    assert PairedCounts(1, 0, 0, 0).standard_error is None


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 0], [1], "same items"),
        ([], [], "no items"),
        ([1, float("nan")], [1, 0], "missing"),
        ([1, 0.5], [1, 0], "partial credit"),
    ],
)
def test_bad_vectors_are_named(a: list[float], b: list[float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        paired_counts(a, b)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(UserError, match="no items"):
        PairedCounts(0, 0, 0, 0)
    with pytest.raises(UserError, match="negative"):
        PairedCounts(1, -1, 0, 0)
    with pytest.raises(UserError, match="3 of 2"):
        wilson_interval(3, 2)
