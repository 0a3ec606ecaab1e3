"""Metrics of one document, the columns that depend on it, and votes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.evaluation.docs import dataset, document, documents
from smallsteps.evaluation.exemplars import demonstration
from smallsteps.evaluation.scoring import process_results
from smallsteps.problems import AnswerKind, Problem, Step, load_benchmark

PROBLEM = Problem(
    "p1", "How many?", "18", AnswerKind.NUMBER, steps=(Step("How many left?", "9 + 9 = 18.", "18"),)
)


def doc(problem: Problem = PROBLEM, benchmark: str = "gsm8k") -> dict:
    return document(problem, load_benchmark(benchmark), "question")


def test_a_right_answer_in_another_format_is_right_only_flexibly() -> None:
    found = process_results(doc(), ["9 + 9 = 18 eggs, so $18.00 in all"])
    assert (found["flexible"], found["strict"], found["unparsed"]) == (1.0, 0.0, 0.0)


def test_no_answer_is_unparsed_and_wrong() -> None:
    found = process_results(doc(), ["I do not know"])
    assert (found["flexible"], found["strict"], found["unparsed"]) == (0.0, 0.0, 1.0)


def test_the_stock_rule_is_a_further_column_where_lm_eval_has_the_benchmark() -> None:
    assert process_results(doc(), ["It is 18, after 3 steps"])["compatible"] == 0.0
    assert process_results(doc(), ["After 3 steps it is 18"])["compatible"] == 1.0
    assert "compatible" not in process_results(doc(benchmark="strategyqa"), ["18"])


def test_bbh_is_compared_with_its_own_target_by_the_stock_rule() -> None:
    problem = Problem(
        "p", "Which?\nOptions:\n(A) a\n(B) b", "B", AnswerKind.CHOICE, ("a", "b"), tags={"target": "(B)"}
    )
    row = document(problem, load_benchmark("bbh"), "cot")
    assert process_results(row, ["So the answer is (B)."])["compatible"] == 1.0
    assert process_results(row, ["So the answer is (B)"])["compatible"] == 0.0  # stock wants a full stop
    assert process_results(row, ["So the answer is (B)"])["flexible"] == 1.0
    row = document(problem, load_benchmark("bbh"), "answer_only")
    assert process_results(row, ["(B)"])["compatible"] == 1.0


def test_samples_vote_and_invalid_ones_do_not() -> None:
    samples = ["no idea", "The answer is 17.", "The answer is 18.", "none", "It is 18.0", "hm"]
    assert process_results(doc(), [samples])["flexible"] == 1.0
    assert process_results(doc(), [samples])["tied"] == 0.0
    assert process_results(doc(), [["hm", "no idea"]]) | {"compatible": 0.0} == {
        "flexible": 0.0, "strict": 0.0, "unparsed": 1.0, "malformed": 0.0, "tied": 0.0, "compatible": 0.0
    }  # fmt: skip


def test_malformed_samples_do_not_vote_in_lm_evals_columns_either() -> None:
    """Three bare numbers outvoted two names where no answer is a number; our own votes left them out."""
    problem = Problem("p", "Who?", "Ann", AnswerKind.TEXT)
    row = {
        **document(problem, load_benchmark("bamboogle"), "question"),
        "form": "closed",
        "options": ["Ann", "Bob"],
    }
    samples = ["The answer is 5."] * 3 + ["The answer is Ann.", "So the answer is Ann."]
    assert process_results(row, ["The answer is 5."])["malformed"] == 1.0
    found = process_results(row, [samples])
    assert (found["flexible"], found["malformed"], found["tied"]) == (1.0, 0.0, 0.0)


def test_ties_are_reported_and_the_first_of_the_tied_answers_stands() -> None:
    found = process_results(doc(), [["It is 17.", "The answer is 18.", "18.0", "17", "hm"]])
    assert (found["tied"], found["flexible"]) == (1.0, 0.0)
    found = process_results(doc(), [["It is 18.", "The answer is 17."]])
    assert (found["tied"], found["flexible"]) == (1.0, 1.0)
    assert "tied" not in process_results(doc(), ["18"])


def test_a_document_says_who_writes_the_prompt() -> None:
    assert doc()["prompt"] == "question"
    assert document(PROBLEM, load_benchmark("gsm8k"), "cot")["prompt"] == "raw"
    assert doc()["cluster"] == PROBLEM.item == doc()["item"]
    assert doc()["steps"] == [{"question": "How many left?", "solution": "9 + 9 = 18.", "answer": "18"}]


def test_demonstrations_of_each_variant() -> None:
    problem = replace(PROBLEM, rationale="9 + 9 = 18.")
    assert demonstration(problem, "answer_only") == "The answer is 18."
    assert demonstration(problem, "cot") == "9 + 9 = 18. The answer is 18."
    assert demonstration(problem, "fu_icl_cot") == "9 + 9 = 18. The answer is 18"
    assert (
        demonstration(problem, "socratic")
        == "Sub-question: How many left?\nA: 9 + 9 = 18.\nThe answer is 18."
    )
    with pytest.raises(UserError, match="has no reasoning"):
        demonstration(PROBLEM, "cot")
    with pytest.raises(UserError, match="has no sub-questions"):
        demonstration(replace(problem, steps=()), "socratic")


def test_the_socratic_variant_works_with_the_socratic_train_file(data_dir: Path, tmp_path: Path) -> None:
    import gzip
    import json

    for name in ("gsm8k/main_test.jsonl.gz", "gsm8k/main_train.jsonl.gz", "gsm8k/socratic_test.jsonl.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(data_dir / name)
    with gzip.open(data_dir / "gsm8k/main_train.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:  # a socratic file as the source lays it out
        *steps, last = row["answer"].split("\n")
        row["answer"] = "\n".join([*(f"What is step {n}? ** {s}" for n, s in enumerate(steps, 1)), last])
    with gzip.open(tmp_path / "gsm8k/socratic_train.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    parts = documents(load_benchmark("gsm8k"), "socratic", data=tmp_path)
    assert len(parts["fewshot"]) == 4
    assert parts["fewshot"][0]["demonstration"].startswith(
        "Sub-question: What is step 1?\nA: Natalia sold 48/2 = 24"
    )
    assert parts["fewshot"][0]["demonstration"].endswith("\nThe answer is 72.")


def test_the_socratic_variant_without_that_file_is_one_error(data_dir: Path) -> None:
    with pytest.raises(UserError, match="no sub-questions"):
        documents(load_benchmark("gsm8k"), "socratic", data=data_dir)


def test_lm_eval_gets_data_sets_with_all_fields(data_dir: Path) -> None:
    found = dataset("bbh", "cot", "navigate", data=str(data_dir), version=1, prompt="raw", pretrained="x")
    assert set(found) == {"test", "fewshot"}
    assert (len(found["test"]), len(found["fewshot"])) == (250, 3)
    first = found["test"][0]
    assert first["kind"] == "boolean"
    assert first["instruction"].endswith(".\n\n")
    assert first["choices"] == []
    assert set(dataset("bbh", subtask="navigate", data=str(data_dir))) == {"test"}


def test_an_exemplar_that_is_tested_is_left_out(data_dir: Path, tmp_path: Path) -> None:
    from smallsteps.evaluation.exemplars import exemplars_of
    from smallsteps.problems import load_problems

    benchmark = load_benchmark("strategyqa")
    train = load_problems("strategyqa", "train", data_dir)
    free = exemplars_of(benchmark, "demos", data_dir, train[:1])
    tested = [replace(train[0], question=f" {free[0].question.upper()} ")]
    left = exemplars_of(benchmark, "demos", data_dir, tested)
    assert free[0].question not in {p.question for p in left}
    everything = [replace(train[0], question=p.question) for p in free[:2]]
    with pytest.raises(UserError, match="of 6 remain, 5 are needed"):
        exemplars_of(benchmark, "demos", data_dir, everything)
