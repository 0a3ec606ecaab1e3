"""DROP's published metric, against lm-eval's own implementation of it and on cases with known results."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smallsteps.answers import Verdict, equal, score
from smallsteps.answers.compat import compat
from smallsteps.answers.drop import STOCK_RULE, drop_scores, span_form, span_metrics
from smallsteps.evaluation.docs import document
from smallsteps.evaluation.scoring import process_results
from smallsteps.problems import AnswerKind, Problem, load_benchmark, load_problems
from smallsteps.problems.readers.base import Context
from smallsteps.problems.readers.passages import drop

# (predicted spans, gold spans, exact match, F1), by hand from the definition
CASES = [
    (["150"], ["150"], 1.0, 1.0),
    (["150.0"], ["150"], 1.0, 1.0),
    (["1,500"], ["1500"], 1.0, 1.0),
    (["$1,500"], ["1500"], 1.0, 1.0),
    (["150 houses"], ["150"], 0.0, 0.67),  # one of two words, all of one
    (["151 houses"], ["150 houses"], 0.0, 0.0),  # the number must match before words count
    (["houses"], ["150 houses"], 0.0, 0.0),
    (["the Bears"], ["Bears"], 1.0, 1.0),
    (["The Chicago Bears"], ["Bears"], 0.0, 0.67),
    (["U.S."], ["US"], 1.0, 1.0),
    (["3-yard"], ["3 yard"], 1.0, 1.0),
    (["12 October 1492"], ["12 October 1492"], 1.0, 1.0),
    (["October 12 1492"], ["12 October 1492"], 0.0, 1.0),  # a bag of words has no order
    (["12 October"], ["12 October 1492"], 0.0, 0.8),
    (["Siam", "Laos"], ["Laos", "Siam"], 1.0, 1.0),
    (["Laos"], ["Laos", "Siam"], 0.0, 0.5),
    (["Laos", "Siam", "Burma"], ["Laos", "Siam"], 0.0, 0.67),
    (["Laos and Siam"], ["Laos", "Siam"], 0.0, 0.25),  # one span of three words against two spans
    ([""], ["Laos"], 0.0, 0.0),
]


@pytest.mark.parametrize(("predicted", "gold", "exact", "f1"), CASES)
def test_cases_by_hand(predicted: list[str], gold: list[str], exact: float, f1: float) -> None:
    assert span_metrics(predicted, gold) == (exact, f1)


def _stock() -> Any:
    from lm_eval.tasks.drop import utils

    return utils


WORDS = "the a an 3 3.0 1,000 1000 $5 5% -2 U.S. US Bears bears. yard 3-yard nan inf 1e3 'tis é ½ & -"
PIECES = st.sampled_from(WORDS.split())
SPANS = st.lists(st.lists(PIECES, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=5)


@settings(max_examples=400, deadline=None)
@given(SPANS, SPANS)
def test_equal_to_lm_evals_implementation(predicted: list[str], gold: list[str]) -> None:
    exact, f1 = _stock().get_metrics(predicted, gold)
    assert span_metrics(predicted, gold) == (exact, pytest.approx(float(f1), abs=0.0101))
    assert [span_form(span) for span in predicted] == _stock()._answer_to_bags(predicted)[0]


@settings(max_examples=300, deadline=None)
@given(SPANS, SPANS)
def test_what_the_published_metric_calls_exact_is_right(predicted: list[str], gold: list[str]) -> None:
    # spans without a word or named twice are left out: the metric compares sets and lengths
    forms = [span_form(span) for span in gold]
    assume(all(forms) and len(set(forms)) == len(forms))
    answer = ", ".join(predicted)
    if drop_scores(answer, json.dumps([gold]))[0] == 1.0:
        assert equal(answer, ", ".join(gold), AnswerKind.SPAN)


def _row(answer: dict[str, Any], *validated: dict[str, Any]) -> Problem:
    pair = {"question": "Which?", "query_id": "q", "answer": answer, "validated_answers": list(validated)}
    row = {"passage_id": "p", "passage": "Text.", "qa_pairs": [pair]}
    (problem,) = drop(row, Context("drop.jsonl:1", 0, "test", AnswerKind.SPAN))
    return problem


def _columns(problem: Problem, response: str) -> dict[str, float]:
    return process_results(document(problem, load_benchmark("drop"), "question"), [response])


def test_the_best_of_several_accepted_answers_counts() -> None:
    problem = _row({"spans": ["Chicago Bears"]}, {"spans": ["Bears"]}, {"number": "3"})
    assert _columns(problem, "The answer is the Bears.")["em"] == 1.0
    assert _columns(problem, "The answer is Bears fans.") | {"unparsed": 0.0} == _columns(
        problem, "The answer is Bears fans."
    )
    found = _columns(problem, "The answer is the Bears team.")
    assert (found["em"], found["f1"], found["flexible"]) == (0.0, 0.67, 0.0)


def test_several_spans_in_any_order_and_written_as_text() -> None:
    problem = _row({"spans": ["Laos", "Siam"]})
    found = _columns(problem, "They are neighbours. The answer is Siam and Laos.")
    assert (found["em"], found["f1"], found["flexible"], found["strict"]) == (1.0, 1.0, 1.0, 1.0)
    found = _columns(problem, "The answer is Siam.")
    assert (found["em"], found["f1"], found["flexible"]) == (0.0, 0.5, 0.0)


def test_a_span_that_holds_a_comma_is_one_span() -> None:
    problem = _row({"spans": ["Carlisle, Cumbria"]})
    assert _columns(problem, "The answer is Carlisle, Cumbria.")["em"] == 1.0


def test_units_make_the_metric_stricter_than_the_flexible_rule() -> None:
    found = _columns(_row({"number": "150"}), "300 were there. The answer is 150 houses.")
    assert found["flexible"] == 1.0
    assert (found["em"], found["f1"]) == (1.0, 1.0)  # the number is extracted before the metric sees it


def test_dates() -> None:
    problem = _row({"date": {"day": "12", "month": "October", "year": "1492"}})
    found = _columns(problem, "The answer is 12 October 1492.")
    assert (found["em"], found["flexible"]) == (1.0, 1.0)
    found = _columns(problem, "The answer is October 12, 1492.")
    assert (found["em"], found["f1"], found["flexible"]) == (0.0, 1.0, 1.0)


def test_nothing_found_scores_nothing() -> None:
    found = _columns(_row({"number": "150"}), "I cannot tell.")
    assert (found["em"], found["f1"], found["unparsed"]) == (0.0, 0.0, 1.0)


def test_only_drop_reports_the_columns() -> None:
    row = document(Problem("p", "1 + 1?", "2", AnswerKind.NUMBER), load_benchmark("gsm8k"), "question")
    assert {"em", "f1"} & set(process_results(row, ["2"])) == set()


def test_real_golds_score_full_marks_and_as_lm_eval_on_altered_ones(data_dir: Any) -> None:
    problems = load_problems("drop_contrast", "test", data_dir)
    assert len(problems) == 947
    rng = random.Random(3)
    golds = [json.loads(problem.tags["target"]) for problem in problems]
    for problem, accepted in zip(problems, golds, strict=True):
        assert drop_scores(problem.answer, problem.tags["target"]) == (1.0, 1.0)
        verdict = score(f"The answer is {problem.answer}.", problem.answer, problem.kind, (), problem.aliases)
        assert verdict.flexible is Verdict.RIGHT
        other = rng.choice(golds)[0]
        altered = [
            " ".join(rng.sample(span.split(), k=max(1, len(span.split()) - 1))) for span in accepted[0]
        ]
        for predicted in (accepted[0], altered, other, [*altered, *other]):
            exact, f1 = _stock().get_metrics(predicted, accepted[0])
            assert span_metrics(predicted, accepted[0]) == (exact, pytest.approx(float(f1), abs=0.0101))
        response = ", ".join(altered)
        stock = _stock().process_results({"answers": accepted}, [response.partition(".")[0]])
        assert compat(STOCK_RULE, response, problem.tags["target"]).right is (stock["em"] == 1.0)


@pytest.mark.parametrize("name", ["asdiv", "bamboogle", "bbh", "drop_contrast", "strategyqa", "svamp"])
def test_every_gold_answer_said_in_the_format_is_right(name: str, data_dir: Any) -> None:
    """Also where it is a sentence itself, such as "Richard was arrested"."""
    for problem in load_problems(name, "test", data_dir)[::3]:
        for frame in ("The answer is {}.", "One, two.\n\nSo the answer is {}"):
            response = frame.format(problem.answer)
            found = score(response, problem.answer, problem.kind, problem.choices, problem.aliases)
            assert (found.strict, found.flexible) != ("right", "wrong"), (response, found)
            assert found.flexible == "right", (response, found)
