"""Methods over seeds: variance parts, reductions, permutation limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from contrasts import compare_methods
from smallsteps.errors import UserError
from smallsteps.stats.partial import paired_t
from smallsteps.stats.seeds import (
    ONE_SEED,
    seed_sd_that_erases,
)


def _scores(
    seeds: int, items: int, seed_sd: float, rng: np.random.Generator, shift: float = 0.0
) -> np.ndarray:
    easy = rng.normal(0, 0.2, size=items)
    return 0.5 + shift + rng.normal(0, seed_sd, (seeds, 1)) + easy + rng.normal(0, 0.1, (seeds, items))


def test_formula_against_a_plain_transcription() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((3, 50)), rng.random((4, 50))
    result = compare_methods(a, b)
    n = 50

    def residual(y: np.ndarray) -> float:
        total = 0.0
        for s in range(y.shape[0]):
            for i in range(n):
                total += (y[s, i] - y[s].mean() - y[:, i].mean() + y.mean()) ** 2
        return total / ((y.shape[0] - 1) * (n - 1))

    va, vb = np.var(a.mean(1), ddof=1) / 3, np.var(b.mean(1), ddof=1) / 4
    vi = np.var(a.mean(0) - b.mean(0), ddof=1) / n
    v = max(va + vb + vi - residual(a) / (n * 3) - residual(b) / (n * 4), va + vb, vi)
    welch = (va + vb) ** 2 / (va**2 / 2 + vb**2 / 3)
    share = (va + vb) / v  # Banerjee's half width, with a quantile for each part
    half = share * stats.t.ppf(0.975, welch) ** 2 + (1 - share) * stats.t.ppf(0.975, n - 1) ** 2
    df = optimize.brentq(lambda x: stats.t.ppf(0.975, x) ** 2 - half, 1, 1e6)
    assert result.test.standard_error == pytest.approx(math.sqrt(v), rel=1e-12)
    assert result.test.df == pytest.approx(df, rel=1e-9)
    t = (a.mean() - b.mean()) / math.sqrt(v)
    assert result.test.pvalue == pytest.approx(2 * stats.t.sf(abs(t), df), rel=1e-9)


def test_one_seed_makes_no_method_claim() -> None:
    rng = np.random.default_rng(2)
    for a, b in [(rng.random((1, 30)), rng.random((1, 30))), (rng.random((1, 30)), rng.random((5, 30)))]:
        result = compare_methods(a, b)
        assert result.test.note == ONE_SEED
        assert (result.test.pvalue, result.test.interval, result.parts) == (None, None, None)


def test_variance_parts_find_their_source() -> None:
    rng = np.random.default_rng(3)
    seeds_matter = compare_methods(_scores(5, 2000, 0.05, rng), _scores(5, 2000, 0.05, rng))
    items_matter = compare_methods(
        rng.integers(0, 2, (5, 100)).astype(float).mean(0) + np.zeros((5, 100)) + rng.normal(0, 1e-4, (5, 1)),
        rng.integers(0, 2, (5, 100)).astype(float).mean(0) + np.zeros((5, 100)) + rng.normal(0, 1e-4, (5, 1)),
    )
    assert seeds_matter.buy == "seeds"
    assert items_matter.buy == "items"
    for result in (seeds_matter, items_matter):
        assert result.parts is not None
        shares = result.parts.shares()
        assert shares is not None
        assert sum(shares) == pytest.approx(1)
        assert result.test.standard_error == pytest.approx(math.sqrt(result.parts.total))


def test_swap_negates_and_keeps_p() -> None:
    rng = np.random.default_rng(4)
    a, b = _scores(3, 40, 0.02, rng), _scores(4, 40, 0.02, rng, 0.03)
    ab, ba = compare_methods(a, b).test, compare_methods(b, a).test
    assert ab.estimate == pytest.approx(-ba.estimate, rel=1e-12)
    assert ab.pvalue == pytest.approx(ba.pvalue, rel=1e-12)


def test_identical_seeds_on_paired_seeds_reduce_to_the_item_test() -> None:
    rng = np.random.default_rng(5)
    d = rng.normal(0.02, 0.3, 60)
    a = np.tile(d, (4, 1))
    result = compare_methods(a, np.zeros((4, 60)), same_seeds=True)
    assert result.test.standard_error == pytest.approx(paired_t(d).standard_error, rel=1e-10)
    assert result.test.df == pytest.approx(59)
    assert "same accuracy" in result.test.note


def test_sensitivity_to_seed_noise() -> None:
    sd = seed_sd_that_erases(0.05, 0.015, 1319)
    assert sd is not None
    critical = stats.t.ppf(0.975, 1318)
    assert math.sqrt(0.015**2 + 2 * sd**2) * critical == pytest.approx(0.05)
    assert seed_sd_that_erases(0.02, 0.015, 1319) is None


def test_bad_shapes_are_named() -> None:
    with pytest.raises(UserError, match="same items"):
        compare_methods(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(UserError, match="2-dimensional"):
        compare_methods(np.zeros(3), np.zeros(3))
    with pytest.raises(UserError, match="same number"):
        compare_methods(np.zeros((2, 3)), np.zeros((3, 3)), same_seeds=True)
    nothing = compare_methods(np.zeros((2, 3)), np.zeros((2, 3)))
    assert (nothing.test.pvalue, nothing.test.interval) == (None, None)
    assert compare_methods(np.zeros((2, 1)), np.ones((2, 1))).test.pvalue is None
