"""Outcomes: status, score and keys of each sample."""

from __future__ import annotations

from typing import Any

from smallsteps.evaluation.graded import Label, outcomes_of
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
