"""Power: published tables and agreement between routes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats
from statsmodels.stats.power import TTestPower

from smallsteps.errors import UserError
from smallsteps.stats import PairedCounts
from smallsteps.stats.noninferiority import Verdict, noninferior_paired
from smallsteps.stats.power import (
    detectable_by_t,
    detectable_difference,
    gate_power,
    items_needed,
    mcnemar_power,
    method_power,
    provable_margin,
    seeds_needed,
)

# Points; two-sided .05, power .80: exact McNemar / mid-p / normal approximation of the gate's margin, at
# psi 10, 20, 30 %.
TABLE = {
    125: ((7.99, 7.48, 7.03), (11.55, 10.95, 9.95), (14.13, 13.47, 12.18)),
    300: ((5.30, 5.04, 4.54), (7.42, 7.14, 6.42), (9.09, 8.79, 7.86)),
    490: ((4.11, 3.94, 3.55), (5.80, 5.62, 5.02), (7.08, 6.90, 6.15)),
    600: ((3.71, 3.57, 3.21), (5.24, 5.09, 4.54), (6.39, 6.24, 5.56)),
    687: ((3.47, 3.34, 3.00), (4.89, 4.75, 4.24), (5.97, 5.84, 5.20)),
    1000: ((2.87, 2.78, 2.49), (4.04, 3.95, 3.52), (4.93, 4.84, 4.31)),
    1319: ((2.50, 2.43, 2.17), (3.51, 3.44, 3.06), (4.29, 4.22, 3.75)),
    2096: ((1.97, 1.93, 1.72), (2.78, 2.73, 2.43), (3.39, 3.35, 2.97)),
    2305: ((1.88, 1.84, 1.64), (2.65, 2.61, 2.32), (3.24, 3.19, 2.84)),
    6511: ((1.11, 1.10, 0.97), (1.57, 1.55, 1.38), (1.92, 1.90, 1.69)),
}


@pytest.mark.parametrize("n", TABLE)
def test_detectable_difference_table(n: int) -> None:
    for discordance, row in zip((0.1, 0.2, 0.3), TABLE[n], strict=True):
        found = (
            detectable_difference(n, discordance),
            detectable_difference(n, discordance, test="midp"),
        )
        assert [100 * (v or 0) for v in found] == pytest.approx(row[:2], abs=0.0051)
        margin = provable_margin(n, discordance)
        assert margin is not None
        # with many discordant items the exact margin is the approximate one
        assert row[2] <= 100 * margin <= row[2] * (1 + 0.4 / math.sqrt(n * discordance))


def test_card_2020_notebook() -> None:
    # NLP-power-analysis notebook: n = 500, delta .02, agreement .975 -> power .800
    power = mcnemar_power(500, 0.025, 0.02)
    assert power == pytest.approx(0.7976, abs=5e-5)
    assert power == pytest.approx(0.800, abs=3 * np.sqrt(0.16 / 10_000))


def _share_that_passes(n: int, psi: float, margin: float, alpha: float = 0.05) -> float:
    """P(PASS) when nothing was lost, from the verdict of the gate on every table."""
    total = 0.0
    for m in range(n + 1):
        for b in range(m + 1):
            result = noninferior_paired(PairedCounts(0, b, m - b, n - m), margin, alpha)
            if result.verdict is Verdict.PASS:
                total += float(stats.binom.pmf(m, n, psi) * stats.binom.pmf(b, m, 0.5))
    return total


@pytest.mark.parametrize(("n", "psi"), [(20, 0.1), (50, 0.05), (50, 0.3), (12, 1.0), (3, 0.2)])
def test_gate_margin_has_the_promised_power_by_enumeration_of_all_tables(n: int, psi: float) -> None:
    margin = provable_margin(n, psi)
    assert margin is not None
    assert margin == round(margin, 4)
    reached = _share_that_passes(n, psi, margin)
    assert gate_power(n, psi, margin) == pytest.approx(reached, abs=1e-12)
    assert reached >= 0.8 > _share_that_passes(n, psi, margin - 1e-4)


@pytest.mark.parametrize(("n", "psi", "reached"), [(50, 0.05, 0.57), (20, 0.1, 0.61)])
def test_the_normal_approximation_of_the_gate_margin_promises_too_much(
    n: int, psi: float, reached: float
) -> None:
    approximate = (stats.norm.isf(0.05) + stats.norm.isf(0.2)) * math.sqrt(psi / n)
    assert gate_power(n, psi, approximate) == pytest.approx(reached, abs=0.01)


def test_gate_margin_of_another_level_and_power() -> None:
    margin = provable_margin(30, 0.2, alpha=0.01, power=0.95)
    assert margin is not None
    assert (
        _share_that_passes(30, 0.2, margin, 0.01) >= 0.95 > _share_that_passes(30, 0.2, margin - 1e-4, 0.01)
    )


def test_gate_margin_beyond_100_points_is_none() -> None:
    assert provable_margin(1, 0.9) is None
    assert provable_margin(1, 0.9, power=0.5) == pytest.approx(0.7302)


def test_gate_margin_of_large_sets_is_quick_and_near_the_normal_one() -> None:
    margin = provable_margin(1_000_000, 0.2)
    assert margin is not None
    assert margin == pytest.approx(2.486 * math.sqrt(0.2e-6), abs=1.01e-4)


def test_connor_formula_agrees_with_enumeration() -> None:
    n = items_needed(0.04, 0.2)
    assert mcnemar_power(n, 0.2, 0.04, test="midp") == pytest.approx(0.80, abs=0.01)


@pytest.mark.parametrize("test", ["exact", "midp"])
def test_power_by_enumeration_against_simulation(test: str) -> None:
    rng = np.random.default_rng(0)
    n, psi, delta = 60, 0.3, 0.12
    draws = rng.multinomial(n, [(psi + delta) / 2, (psi - delta) / 2, 1 - psi], 200_000)
    m, smaller = draws[:, 0] + draws[:, 1], np.minimum(draws[:, 0], draws[:, 1])
    p = np.minimum(1, 2 * stats.binom.cdf(smaller, m, 0.5))
    if test == "midp":
        p = np.where(draws[:, 0] == draws[:, 1], 1.0, p - stats.binom.pmf(smaller, m, 0.5))
    expected = (p <= 0.05).mean()
    assert mcnemar_power(n, psi, delta, test=test) == pytest.approx(expected, abs=0.004)  # type: ignore[arg-type]


def test_exact_size_never_exceeds_alpha() -> None:
    for n in (10, 50, 125):
        for psi in (0.05, 0.1, 0.3, 1.0):
            assert mcnemar_power(n, psi, 0.0) <= 0.05


def test_nothing_is_detectable_with_few_discordant_items() -> None:
    assert detectable_difference(20, 0.1) is None


def test_seed_noise_sets_a_floor_however_many_items() -> None:
    huge = method_power(3, 10**8, 0.02, 0.2)
    assert huge.standard_error == pytest.approx(0.0163, abs=5e-5)
    assert huge.detectable == pytest.approx(0.061, abs=0.001)
    assert method_power(1, 1000, 0.02, 0.2).detectable is None


def test_method_power_against_statsmodels_noncentral_t() -> None:
    result = method_power(4, 10**9, 0.03, 0.2)
    df = result.df
    effect = TTestPower().solve_power(effect_size=None, nobs=df + 1, alpha=0.05, power=0.8)
    assert result.detectable == pytest.approx(effect * np.sqrt(df + 1) * result.standard_error, rel=1e-4)


@pytest.mark.parametrize("df", [1.0, 1.05, 1.2, 1.5, 2.0, 4.0, 200.0])
def test_a_detectable_difference_has_its_power_with_two_seeds_as_well(df: float) -> None:
    """With few degrees of freedom scipy's noncentral t may be NaN in its lower tail: it counted as power."""
    shift, critical = detectable_by_t(1.0, df), stats.t.ppf(0.975, df)

    def density(v: float) -> float:  # T beyond the critical value, given that chi-square is v
        beyond = special.ndtr(shift - critical * math.sqrt(v / df))
        return float((beyond + special.ndtr(-shift - critical * math.sqrt(v / df))) * stats.chi2.pdf(v, df))

    split = float(stats.chi2.median(df))
    parts = [integrate.quad(density, *ends, limit=200)[0] for ends in ((0, split), (split, np.inf))]
    assert sum(parts) == pytest.approx(0.8, abs=1e-4)


def test_seeds_needed_is_the_first_that_suffices() -> None:
    seeds = seeds_needed(0.04, 1319, 0.01, 0.2)
    assert seeds is not None
    enough, short = method_power(seeds, 1319, 0.01, 0.2), method_power(seeds - 1, 1319, 0.01, 0.2)
    assert enough.detectable is not None
    assert enough.detectable <= 0.04
    assert short.detectable is None or short.detectable > 0.04
    assert seeds_needed(0.005, 125, 0.01, 0.2) is None


def test_impossible_plans_are_named() -> None:
    with pytest.raises(UserError, match="discordance"):
        items_needed(0.3, 0.2)
    with pytest.raises(UserError, match="discordance"):
        mcnemar_power(10, 0.2, 0.3)
    with pytest.raises(UserError, match="items"):
        provable_margin(0, 0.2)
