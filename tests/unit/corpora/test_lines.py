"""Gold sub-questions that the lines of a rationale answer (`decomposition: lines`), as in StrategyQA."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.corpora import select
from smallsteps.corpora.taught import answered_by_lines
from smallsteps.problems import AnswerKind, Problem, Step, load_problems
from smallsteps.teachers import Sample, Status, read_rationales

STEPS = (Step("Who?", "", ""), Step("Are #1 two?", "", "no"))


@pytest.mark.parametrize(
    ("text", "solutions"),
    [
        ("Ann.\nThey are.\nThe answer is yes.", ["Ann.", "They are."]),
        ("Ann.\nThe answer is yes.", ["Ann.", ""]),  # the last is answered by the final answer alone
        ("Ann.\n\nThey are. The answer is yes.", ["Ann.", "They are."]),
        ("One.\nTwo.\nThree.\nThe answer is yes.", None),
        ("The answer is yes.", None),
    ],
)
def test_a_line_answers_a_sub_question(text: str, solutions: list[str] | None) -> None:
    steps = answered_by_lines(STEPS, text, "yes")
    assert [step.solution for step in steps] == (solutions or [])
    if solutions:
        assert [step.answer for step in steps] == ["", "yes"]


def test_rationales_whose_lines_do_not_fit_are_dropped_and_counted() -> None:
    problem = Problem("p", "Is it so?", "yes", AnswerKind.BOOLEAN, steps=STEPS)
    texts = ("Ann.\nThey are.\nThe answer is yes.", "One.\nTwo.\nThree.\nThe answer is yes.")
    samples = {"p": [Sample(f"k{i}", "p", "t", "q", "{}", i, Status.OK, t) for i, t in enumerate(texts)]}
    found = select([problem], samples, samples_per_problem=2, decomposition="lines")
    assert [rationale.sample for rationale in found.rationales] == [0]
    assert found.dropped["lines fit no sub-questions"] == 1
    assert [step.solution for step in found.rationales[0].steps] == ["Ann.", "They are."]


def test_the_facts_of_strategyqa_are_rationales(data_dir: Path) -> None:
    items = list(read_rationales(data_dir / "strategyqa" / "train.jsonl.gz"))  # the layout is recognised
    assert len(items) == 2061
    first = load_problems("strategyqa", "train", data_dir)[0]
    (fact,) = [item for item in items if item.question == first.question]
    assert fact.gold == first.answer
    assert fact.text.startswith("Julius Caesar had three children.\nGenghis Khan had sixteen children.\n")
    assert fact.text.endswith(f"\nThe answer is {first.answer}.")
    steps = answered_by_lines(first.steps, fact.text, first.answer)
    assert steps[0].question == "How many kids did Julius Caesar have?"
    assert steps[0].solution == "Julius Caesar had three children."
