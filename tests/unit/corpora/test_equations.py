"""Equations in running text and the sub-questions made from them."""

from __future__ import annotations

import time

import pytest

from smallsteps.corpora.equations import find_equations, steps_from_equations
from smallsteps.corpora.verify import wrong_steps
from smallsteps.problems import AnswerKind, Problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Total (5 + 3) * 2 = 16 apples.", [("(5 + 3) * 2", "16", "apples")]),
        ("15 bottle caps + 18 wrappers = 33 items now.", [("15 + 18", "33", "items")]),
        ("11 x 13 = 143 chairs in all", [("11 * 13", "143", "chairs")]),
        ("Thus:\n- 18 ÷ 6 = 3, so", [("18 / 6", "3", "")]),
        ("52 - 20 (bottles) = 32", [("52 - 20", "32", "")]),
        ("$1,200 − $200.50 = $999.50", [("1200 - 200.50", "999.50", "")]),
        ("48/2 = 24, 5 + 3 = 8 + 2 = 10", [("48 / 2", "24", ""), ("5 + 3", "8", ""), ("8 + 2", "10", "")]),
        ("Weight = 8 + 32 \n   = 40 pounds", [("8 + 32", "40", "pounds")]),
        ("7 - 15 = -8 cakes", [("7 - 15", "-8", "cakes")]),
        ("x + 10 = 16", []),
        ("2x + 3 = 7", []),
        ("y + 5 + 3 = 10", []),
        ("price = 10", []),
        ("", []),
    ],
)
def test_found(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(e.expression, e.result, e.unit) for e in find_equations(text)] == expected


def test_linear_on_hostile_text() -> None:
    started = time.perf_counter()
    find_equations("1 + " * 100_000 + "= 3")
    find_equations("(" * 100_000 + "= 3")
    find_equations("= 3 " * 100_000)
    assert time.perf_counter() - started < 10


def test_wrong_steps_are_named() -> None:
    assert wrong_steps("3 + 4 = 8 apples. 2 * 2 = 4. <<5*5=26>>26") == ["5*5=26", "3 + 4 = 8"]
    assert wrong_steps("10 / 3 = 3.33") == []
    assert wrong_steps("10 / 3 = 3.34") == ["10 / 3 = 3.34"]


PROBLEM = Problem(
    "1",
    "Dean is 11 feet shorter than Ron. The water is 5 times as deep as Dean is tall. "
    "If Ron stands at 12 feet, how deep is the water?",
    "5",
    AnswerKind.NUMBER,
)
TEXT = "Dean's height is 12 - 11 = 1 foot. So the water is 5 x 1 = 5 feet deep. That is all."


def test_steps_show_expressions_and_end_with_the_problem() -> None:
    first, last = steps_from_equations(PROBLEM, TEXT, "5", show=True)
    assert first.question == "How many foot is 12 - 11?"
    assert (first.solution, first.answer) == ("Dean's height is 12 - 11 = 1 foot.", "1")
    assert last.question == "how deep is the water?"
    assert last.solution == "So the water is 5 x 1 = 5 feet deep. That is all."
    assert (last.answer, last.equation) == ("5", "5 * 1")


def test_steps_by_operator_name_no_number() -> None:
    steps = steps_from_equations(PROBLEM, TEXT, "5", show=False)
    assert steps[0].question == "How many foot is the difference?"
    assert not any(character.isdigit() for step in steps for character in step.question)


def test_no_equation_is_one_step() -> None:
    (step,) = steps_from_equations(PROBLEM, "It is five feet deep.", "5", show=True)
    assert (step.question, step.solution, step.answer) == (
        "how deep is the water?",
        "It is five feet deep.",
        "5",
    )
