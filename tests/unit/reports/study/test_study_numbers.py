"""How numbers are printed."""

from __future__ import annotations

import pytest

from smallsteps.reports.numbers import decimals, large, p_value, points, rate, signed


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.0, "< 1e-20"),
        (1e-300, "< 1e-20"),
        (3.2e-7, "= 3.2e-07"),
        (0.031, "= 0.031"),
        (0.04996, "= 0.0500"),
        (0.0496, "= 0.0496"),
        (0.0504, "= 0.0504"),
        (1.0, "= 1"),
        (None, "not available"),
    ],
)
def test_p_is_never_zero_and_keeps_the_digits_that_decide(p: float | None, text: str) -> None:
    assert p_value(p) == text


@pytest.mark.parametrize(
    ("half_width", "places"), [(0.15, 0), (0.0196, 1), (0.0098, 1), (0.0021, 1), (0.0015, 2)]
)
def test_no_more_decimals_than_the_standard_error_supports(half_width: float, places: int) -> None:
    assert decimals(0.5 - half_width, 0.5 + half_width) == places


def test_what_rounds_to_zero_has_no_sign() -> None:
    assert signed(-0.0001, 1) == "0.0"
    assert signed(0.0001, 1) == "0.0"
    assert signed(0.012, 1) == "+1.2"
    assert points(-0.012, 1) == "\u22121.2"


def test_a_rare_failure_is_not_printed_as_none() -> None:
    assert rate(0.0) == "0%"
    assert rate(0.0004) == "<0.1%"
    assert rate(0.034) == "3.4%"
    assert rate(0.57) == "57%"


def test_large_numbers() -> None:
    assert large(780_000) == "780 k"
    assert large(1_240_000) == "1.24 M"
    assert large(999_600) == "1 M"
    assert large(12) == "12"
    assert large(None) == "\u2013"
