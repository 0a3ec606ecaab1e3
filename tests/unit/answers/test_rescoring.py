"""Rows of foreign JSONL files: checked strictly where a mistake would move a verdict."""

from __future__ import annotations

from typing import Any

import pytest

from smallsteps.answers.rescoring import parse_row, verdict
from smallsteps.errors import UserError

GOOD: dict[str, Any] = {"response": "The answer is 18.", "answer": "18", "kind": "number"}


@pytest.mark.parametrize(
    ("change", "message", "fix"),
    [
        ({"kind": "chioce"}, "unknown answer kind 'chioce'", "did you mean 'choice'?"),
        ({"kind": 3}, "unknown answer kind '3'", "known:"),
        ({"answer": None}, "'answer' is null", "give it as text"),
        ({"response": None}, "'response' is null", "counts as wrong when it is given as"),
        ({"answer": "  "}, "'answer' must be text or a number", None),
        ({"answer": ["18"]}, "'answer' must be text or a number", None),
        ({"response": 18}, "'response' must be a string", None),
        ({"choises": ["a", "b"]}, "unknown key 'choises'", "did you mean 'choices'?"),
        ({"kind": "choice", "choices": "ab", "answer": "A"}, "'choices' must be a list", None),
        ({"kind": "choice", "choices": ["a", {}], "answer": "A"}, "'choices' must be text or a number", None),
        (
            {"kind": "choice", "choices": ["x", "y"], "answer": "E"},
            "neither a letter nor one of the choices",
            "letter",
        ),
        ({"kind": "choice", "choices": ["x"] * 27, "answer": "A"}, "more than 26 choices", None),
        ({"answer": "foo"}, "'answer' is not a number: 'foo'", "another 'kind'"),
        ({"answer": float("nan")}, "'answer' is not a number: 'nan'", None),
        ({"aliases": ["19", "many"]}, "'aliases' is not a number: 'many'", None),
        ({"kind": "boolean", "answer": "maybe"}, "'answer' is neither yes nor no: 'maybe'", "true or false"),
        ({"id": [1]}, "'id' must be a string or an integer", None),
    ],
)
def test_a_bad_row_is_one_clear_error(change: dict[str, Any], message: str, fix: str | None) -> None:
    with pytest.raises(UserError) as caught:
        parse_row(GOOD | change, "file.jsonl:7")
    assert message in caught.value.message
    assert caught.value.where == "file.jsonl:7"
    assert caught.value.code == 65
    if fix:
        assert fix in (caught.value.fix or "")


def test_a_misspelt_required_key_is_named() -> None:
    row = {"respones": "18", "answer": "18", "kind": "number"}
    with pytest.raises(UserError, match="unknown key 'respones'"):
        parse_row(row, "f:1")


def test_foreign_keys_are_ignored() -> None:
    row = GOOD | {"model": "m", "prompt": "p", "gold": "18", "doc_id": 3}
    assert verdict(parse_row(row, "f:1"))["flexible"] == "right"


def test_numbers_and_booleans_as_gold() -> None:
    assert verdict(parse_row(GOOD | {"answer": 18}, "f:1"))["strict"] == "right"
    assert verdict(parse_row(GOOD | {"answer": 18.0}, "f:1"))["strict"] == "right"
    row = {"response": "Yes.", "answer": True, "kind": "boolean"}
    assert verdict(parse_row(row, "f:1"))["flexible"] == "right"


def test_aliases_and_option_texts() -> None:
    row = {"response": "Madison", "answer": "James Madison", "aliases": ["Madison"], "kind": "span"}
    assert verdict(parse_row(row, "f:1"))["strict"] == "right"
    row = {"response": "The answer is (B).", "answer": "dark", "choices": ["shelf", "dark"], "kind": "choice"}
    assert verdict(parse_row(row, "f:1"))["strict"] == "right"


def test_a_worked_gold_solution_counts_by_its_final_part() -> None:
    gold = "He buys 5*8=<<5*8=40>>40 eggs\nHe keeps 40-12=<<40-12=28>>28 eggs\n#### 28"
    row = {"response": "He keeps 28.\n#### 28", "answer": gold, "kind": "number"}
    assert verdict(parse_row(row, "f:1"))["flexible"] == "right"
    assert verdict(parse_row(row | {"response": "The answer is 5."}, "f:1"))["flexible"] == "wrong"
    assert verdict(parse_row(row | {"response": "The answer is 40."}, "f:1"))["strict"] == "wrong"


@pytest.mark.parametrize("gold", ["5*8=40", "28 eggs in 3 boxes", "#### 5 or 6"])
def test_a_gold_answer_of_several_numbers_is_refused(gold: str) -> None:
    with pytest.raises(UserError, match="holds several numbers") as caught:
        parse_row(GOOD | {"answer": gold}, "f:3")
    assert "####" in (caught.value.fix or "")
    assert caught.value.where == "f:3"


@pytest.mark.parametrize("gold", ["1,234", "1 3/4", "$18", "50%", "18 (eighteen)", "two and a half"])
def test_one_number_in_any_form_is_a_gold_answer(gold: str) -> None:
    assert parse_row(GOOD | {"answer": gold}, "f:1").answer == gold


def test_a_gold_text_that_two_options_share_is_accepted() -> None:
    row = {
        "response": "(d)",
        "answer": "tunnel",
        "kind": "choice",
        "choices": ["hill", "lake", "tunnel", "tunnel"],
    }
    assert verdict(parse_row(row, "f:1"))["flexible"] == "right"


def test_every_error_of_a_row_tells_the_remedy() -> None:
    choice = {"kind": "choice", "answer": "A"}
    for change in (
        {"response": 1}, {"id": []}, {"answer": []}, {"answer": "x"}, {"kind": "boolean"}, {"kind": "x"},
        choice | {"choices": "a"}, choice | {"choices": ["a"] * 27}, choice | {"choices": ["a"], "answer": "z"},  # noqa: E501
    ):  # fmt: skip
        with pytest.raises(UserError) as caught:
            parse_row(GOOD | change, "f:1")
        assert caught.value.fix, change
