"""The oracle teacher: distinct rationales, honest arithmetic, slips at the set rate."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallsteps.answers import calculate
from smallsteps.errors import UserError
from smallsteps.microworld import oracle_samples
from smallsteps.microworld.source import problems

EQUATION = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)\.")
DEV = problems("problems", "dev")


def final(text: str) -> str:
    found = re.fullmatch(r".* The answer is (\d+)\.", text)
    assert found, text
    return found[1]


@given(place=st.integers(0, len(DEV) - 1), seed=st.integers(0, 1000))
@settings(max_examples=150, deadline=None)
def test_right_samples_are_distinct_and_compute(place: int, seed: int) -> None:
    problem = DEV[place]
    texts = oracle_samples(problem, 10, seed, 0.0)
    assert len(set(texts)) == 10
    for text in texts:
        equations = EQUATION.findall(text)
        assert len(equations) == len(problem.steps)
        assert all(calculate(f"{a} {s} {b}") == int(v) for a, s, b, v in equations)
        assert final(text) == problem.answer == equations[-1][3]


def test_wrong_samples_come_at_the_set_rate_and_follow_their_slip() -> None:
    wrong = miscalculated = short = other = 0
    total = 0
    for problem in DEV[:400]:
        for text in oracle_samples(problem, 5, 7, 0.3):
            total += 1
            equations = EQUATION.findall(text)
            assert final(text) == equations[-1][3]
            if final(text) == problem.answer:
                continue
            wrong += 1
            false = [calculate(f"{a} {s} {b}") != int(v) for a, s, b, v in equations]
            assert sum(false) <= 1
            miscalculated += any(false)
            short += len(equations) < len(problem.steps)
            other += not any(false) and len(equations) == len(problem.steps)
    assert abs(wrong / total - 0.3) < 4 * (0.3 * 0.7 / total) ** 0.5  # four standard errors of 2,000 draws
    assert min(miscalculated, short, other) > 0.05 * wrong  # each kind of slip occurs


def test_rate_zero_and_one() -> None:
    for problem in DEV[:100]:
        assert all(final(text) == problem.answer for text in oracle_samples(problem, 4, 0, 0.0))
        assert all(final(text) != problem.answer for text in oracle_samples(problem, 4, 0, 1.0))


def test_asking_for_more_keeps_the_first_ones() -> None:
    problem = DEV[0]
    assert oracle_samples(problem, 12, 3, 0.2)[:5] == oracle_samples(problem, 5, 3, 0.2)
    assert oracle_samples(problem, 5, 3, 0.2) != oracle_samples(problem, 5, 4, 0.2)


def test_other_benchmarks_are_refused() -> None:
    with pytest.raises(UserError, match="oracle"):
        oracle_samples(problems("dates", "dev")[0], 2, 0, 0.1)
