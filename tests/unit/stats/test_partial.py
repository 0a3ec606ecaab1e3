"""Paired t and sign-flip permutation of partial credit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from smallsteps.errors import UserError
from smallsteps.stats import PairedCounts, mcnemar_exact
from smallsteps.stats.partial import paired_t, sign_flip


def _brute_force(d: np.ndarray) -> float:
    flips = np.array(list(itertools.product((1, -1), repeat=d.size)))
    return float(np.mean(np.abs(flips @ d) >= abs(d.sum()) - 1e-9))


def test_paired_t_is_scipy_ttest_rel() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(80), rng.random(80)
    oracle = stats.ttest_rel(a, b)
    result = paired_t(a - b)
    low, high = oracle.confidence_interval(0.95)
    assert result.pvalue == pytest.approx(oracle.pvalue, rel=1e-10)
    assert result.interval is not None
    assert (result.interval.low, result.interval.high) == pytest.approx((low, high), rel=1e-10)


@pytest.mark.parametrize("scale", [1, 2, 3, 8, 7])
def test_lattice_sign_flip_is_the_full_enumeration(scale: int) -> None:
    rng = np.random.default_rng(scale)
    for _ in range(6):
        d = rng.integers(-scale, scale + 1, size=11) / scale
        result = sign_flip(d)
        assert result.method == "exact"
        assert result.pvalue == pytest.approx(_brute_force(d), abs=1e-12)


def test_sign_flip_of_binary_differences_is_exact_mcnemar() -> None:
    d = np.repeat([1.0, -1.0, 0.0], [42, 18, 1259])
    assert sign_flip(d).pvalue == pytest.approx(mcnemar_exact(PairedCounts(0, 42, 18, 1259)), rel=1e-12)


def test_monte_carlo_sign_flip_agrees_with_enumeration_within_its_error() -> None:
    rng = np.random.default_rng(3)
    d = rng.normal(0.15, 0.4, size=14)
    result = sign_flip(d, resamples=50_000)
    assert result.method == "monte carlo"
    assert result.pvalue == pytest.approx(_brute_force(d), abs=4 * result.monte_carlo_error)


def test_monte_carlo_p_is_never_zero_and_is_reproducible() -> None:
    d = np.linspace(0.1, 0.9, 40) ** 1.1
    first, second = sign_flip(d, resamples=999), sign_flip(d, resamples=999)
    assert first == second
    assert first.pvalue == 1 / 1000


def test_rounding_is_not_evidence() -> None:
    # the same difference everywhere: its variance is 0, and what rounding leaves must not make p tiny
    d = np.array([1 / 3, 0.1 + 0.2, 0.4, 0.7]) - np.array([1 / 3 - 0.1, 0.2, 0.3, 0.6])
    assert np.var(d) > 0
    result = paired_t(d)
    assert (result.pvalue, result.interval) == (None, None)


def test_edges_have_no_zero_width_interval() -> None:
    one = paired_t([0.3])
    assert (one.standard_error, one.pvalue, one.interval) == (None, None, None)
    same = paired_t([0.0, 0.0, 0.0])
    assert (same.pvalue, same.interval) == (None, None)
    assert sign_flip([0.0, 0.0]).pvalue == 1.0
    with pytest.raises(UserError, match="missing"):
        paired_t([1, float("nan")])
