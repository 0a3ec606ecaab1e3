"""Outcomes: status, score and keys of each sample."""

from __future__ import annotations

from typing import Any

from smallsteps.evaluation.graded import Label, outcomes_of, response_of
from smallsteps.evaluation.scoring import SCORER
from smallsteps.outcomes import Status
from smallsteps.schemes import Solution

DOC = {"item": "ab", "kind": "number", "answer": "7", "choices": [], "aliases": [], "cluster": "c"}


def sample(responses: list[str], filter_name: str = "none") -> dict[str, Any]:
    return {
        "doc": DOC,
        "filter": filter_name,
        "resps": [responses],
        "arguments": [["prompt", {}]],
        "prompt_hash": "f" * 64,
        "doc_hash": "d" * 64,
        "metrics": ["acc"],
        "target": "7",
        "acc": 1.0,
    }


def graded(responses: list[str], stops: list[str]) -> list[Any]:
    solutions = [Solution(r, 5, stop) for r, stop in zip(responses, stops, strict=True)]  # type: ignore[arg-type]
    rows = {"toy": [sample(responses), sample(responses, "maj")]}
    return list(outcomes_of(rows, {("toy", "ab", "prompt"): solutions}, Label("cot", 3)))


def test_status_of_right_wrong_unparsed_and_truncated() -> None:
    responses = ["The answer is 7.", "The answer is 8.", "I do not know", "so 7", "The answer is 9", "so we"]
    rows = graded(responses, ["eos", "eos", "eos", "length", "length", "length"])
    assert [row.status for row in rows] == [
        Status.OK,
        Status.OK,
        Status.UNPARSED,
        Status.OK,
        Status.TRUNCATED,
        Status.TRUNCATED,
    ]
    assert [row.score for row in rows] == [1, 0, 0, 1, 0, 0]
    assert [row.strict for row in rows][:2] == [1, 0]
    assert [row.sample for row in rows] == list(range(6))
    assert {(row.student, row.seed, row.task, row.item, row.cluster) for row in rows} == {
        ("cot", 3, "toy", "ab", "c")
    }


def test_a_task_of_somebody_else_keeps_its_metric() -> None:
    row = sample(["x"])
    row["doc"] = {"query": "?"}
    (outcome,) = outcomes_of({"other": [row]}, {}, Label("hf", None))
    assert (outcome.score, outcome.item, outcome.scorer) == (1.0, "d" * 16, "lm-eval:acc")


def test_an_answer_of_another_form_is_malformed_and_scores_nothing() -> None:
    """Right, malformed (even where `1` could be read as yes), truncated before malformed, unparsed."""
    doc = {
        **DOC,
        "kind": "boolean",
        "answer": "yes",
        "form": "yes_no",
        "labels": [],
        "options": ["yes", "no"],
    }
    responses = ["The answer is yes.", "The answer is 12.", "1", "The answer is 12.", "Who knows?"]
    solutions = [Solution(r, 5, "length" if place == 3 else "eos") for place, r in enumerate(responses)]
    row = {**sample(responses), "doc": doc}
    rows = list(outcomes_of({"toy": [row]}, {("toy", "ab", "prompt"): solutions}, Label("cot", 3)))
    expected = [Status.OK, Status.MALFORMED, Status.MALFORMED, Status.TRUNCATED, Status.UNPARSED]
    assert [row.status for row in rows] == expected
    assert [row.score for row in rows] == [1, 0, 0, 0, 0]
    assert [row.strict for row in rows] == [1, 0, 0, 0, 0]
    assert {row.scorer for row in rows} == {SCORER}
    assert "forms-1" in SCORER


def test_an_item_scored_by_likelihood_is_an_outcome_like_others() -> None:
    options = ["a long option", "short"]
    doc = {"item": "cd", "kind": "choice", "answer": "B", "options": options, "gold": 1, "cluster": "k"}
    row = {
        **sample(["x"]),
        "doc": doc,
        "resps": [[(-4.0, False)], [(-3.0, False)]],  # per character the long one is likelier
        "acc": 1.0,
        "acc_norm": 0.0,
    }
    tasks = {"smallsteps_openbookqa_likelihood": [row], "smallsteps_strategyqa_likelihood": [row]}
    by_character, by_sum = outcomes_of(tasks, {}, Label("cot", 1))
    assert (by_character.score, by_character.extracted, by_character.gold) == (0.0, "a long option", "short")
    assert (by_sum.score, by_sum.extracted) == (1.0, "short")
    assert by_character.scorer == "likelihood-1 acc_norm"
    assert by_sum.scorer == "likelihood-1 acc"
    assert {(o.item, o.cluster, o.status, o.seed) for o in (by_character, by_sum)} == {
        ("cd", "k", Status.OK, 1)
    }


def test_the_answer_that_is_shown_of_an_item_is_its_text_or_its_options() -> None:
    assert response_of(sample(["The answer is 7."])) == "The answer is 7."
    row = {
        **sample(["x"]),
        "doc": {"options": ["yes", "no"]},
        "resps": [[["-4.0", "False"]], [[-3.25, True]]],
    }
    assert response_of(row) == "   -4.000  yes\n   -3.250  no"
    foreign = {
        **row,
        "doc": {},
        "arguments": {"a": {"arg_0": "Q", "arg_1": " y"}, "b": {"x": "Q", "y": " n"}},
    }
    assert response_of(foreign) == "   -4.000   y\n   -3.250   n"


def test_a_vote_is_one_outcome_with_the_tokens_of_all() -> None:
    responses = ["The answer is 8.", "The answer is 7.", "I do not know", "so the answer is 7"]
    solutions = [Solution(text, 5, "eos") for text in responses]
    rows = {"toy": [sample(responses)]}
    (voted,) = outcomes_of(rows, {("toy", "ab", "prompt"): solutions}, Label("cot", 3), vote=True)
    assert (voted.sample, voted.score, voted.extracted, voted.tokens) == (0, 1.0, "7", 20)
    (unknown,) = outcomes_of(rows, {}, Label("cot", 3), vote=True)
    assert unknown.tokens is None
    (tied,) = outcomes_of({"toy": [sample(responses[:2])]}, {}, Label("cot", 3), vote=True)
    assert tied.extracted == "8", "of tied answers, the first counts"
