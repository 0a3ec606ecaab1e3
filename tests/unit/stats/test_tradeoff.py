"""Trade-off and scaling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from smallsteps.errors import UserError
from smallsteps.stats.partial import paired_t
from smallsteps.stats.scaling import linear_fit
from smallsteps.stats.students_t import DifferenceTest, t_test
from smallsteps.stats.tradeoff import (
    AT_CHANCE,
    exchange_rate,
    fieller,
    hypervolume,
    joint_region,
    probability_on_front,
    retention,
)


def _estimate(value: float, error: float, df: float = math.inf) -> DifferenceTest:
    return t_test(value, error**2, df, 0.95, "given")


def test_joint_region_covers_both_at_once() -> None:
    region = joint_region(_estimate(0.1, 0.02), _estimate(-0.03, 0.01))
    assert region is not None
    assert region.radius_x / 0.02 == pytest.approx(math.sqrt(stats.chi2.ppf(0.95, 2)))
    rng = np.random.default_rng(0)
    x, y = rng.normal(0.1, 0.02, 200_000), rng.normal(-0.03, 0.01, 200_000)
    inside = ((x - region.x) / region.radius_x) ** 2 + ((y - region.y) / region.radius_y) ** 2 <= 1
    assert inside.mean() == pytest.approx(0.95, abs=0.002)
    small = joint_region(_estimate(0.1, 0.02, 4), _estimate(-0.03, 0.01))
    assert small is not None
    assert small.radius_x / 0.02 == pytest.approx(math.sqrt(2 * stats.f.ppf(0.95, 2, 4)))
    assert joint_region(paired_t([0.1]), _estimate(0, 1)) is None


def test_outline_lies_on_the_ellipse() -> None:
    region = joint_region(_estimate(0.1, 0.02), _estimate(-0.03, 0.01), correlation=0.6)
    assert region is not None
    for x, y in region.outline(16):
        u, v = (x - region.x) / region.radius_x, (y - region.y) / region.radius_y
        assert (u * u - 1.2 * u * v + v * v) / (1 - 0.36) == pytest.approx(1)


def test_probability_on_front() -> None:
    target = np.array([[0.9, 0.5], [0.9, 0.5], [0.4, 0.5]])
    generic = np.array([[0.9, 0.5], [0.4, 0.5], [0.4, 0.5]])
    assert probability_on_front(target, generic) == pytest.approx((2 / 3, 2 / 3))


def test_hypervolume_reference() -> None:
    assert hypervolume([[1, 3], [2, 2], [3, 1]], (0, 0)) == 6
    assert hypervolume([[1, 3], [2, 2], [3, 1], [1, 1]], (0, 0)) == 6
    assert hypervolume([[0.2, 0.3]], (0.25, 0.25)) == 0


def test_fieller_covers_the_ratio() -> None:
    rng = np.random.default_rng(1)
    hits = defined = 0
    for _ in range(4000):
        x, y = rng.normal(0.10, 0.025), rng.normal(0.04, 0.012)
        interval = fieller(y, 0.012**2, x, 0.025**2, 1.959963984540054)
        defined += interval is not None
        hits += interval is not None and interval.contains(0.4)
    assert hits / defined == pytest.approx(0.95, abs=0.012)


def test_exchange_rate_is_undefined_when_the_gain_may_be_zero() -> None:
    rate = exchange_rate(_estimate(0.10, 0.01), _estimate(-0.04, 0.01))
    assert rate.estimate == pytest.approx(0.4)
    assert rate.interval is not None
    assert rate.interval.contains(0.4)
    for gain in (_estimate(0.01, 0.01), paired_t([0.5])):
        undefined = exchange_rate(gain, _estimate(-0.04, 0.01))
        assert (undefined.estimate, undefined.interval) == (None, None)
        assert undefined.note.startswith("undefined")
    assert "worse" in exchange_rate(_estimate(-0.1, 0.01), _estimate(0.0, 0.01)).note


def test_retention_is_a_ratio_above_chance_and_refuses_a_base_at_chance() -> None:
    kept = retention(_estimate(0.3, 0.01), _estimate(0.5, 0.01), 0.0, 1000.0)
    assert kept.estimate == pytest.approx(0.6)
    assert kept.interval is not None
    assert kept.interval.contains(0.6)
    narrower = retention(_estimate(0.3, 0.01), _estimate(0.5, 0.01), 0.00005, 1000.0)
    assert narrower.interval is not None
    assert narrower.interval.width < kept.interval.width
    assert retention(_estimate(0.0, 0.01), _estimate(0.01, 0.01), 0.0, 99.0).note == AT_CHANCE
    assert retention(_estimate(0.0, 0.01), paired_t([0.5]), 0.0, 99.0).estimate is None


ANSCOMBE_X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE_Y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]


def test_anscombe_1973_first_set() -> None:
    fit = linear_fit(ANSCOMBE_X, ANSCOMBE_Y)
    assert (fit.slope, fit.intercept) == pytest.approx((0.5000909, 3.0000909), abs=5e-8)
    assert (fit.slope_error, fit.intercept_error) == pytest.approx((0.1179055, 1.1247468), abs=5e-8)
    assert fit.r_squared == pytest.approx(0.6665425, abs=5e-8)
    assert fit.df == 9
    band = fit.band(10)
    assert band is not None
    assert (band.low + band.high) / 2 == pytest.approx(8.001, abs=5e-4)
    assert band.width / 2 == pytest.approx(0.8846127, abs=5e-8)


def test_two_sizes_have_no_band() -> None:
    fit = linear_fit([1.0, 2.0], [0.3, 0.5])
    assert (fit.df, fit.sigma, fit.band(1.5)) == (0, None, None)
    with pytest.raises(UserError, match="different sizes"):
        linear_fit([1, 1], [0, 1])
