"""Screening of plans and evolution of problems, with a teacher from a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from smallsteps.corpora import Store
from smallsteps.corpora.evolve import evolve
from smallsteps.corpora.screening import screen
from smallsteps.corpora.taught import taught_steps
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.teachers import Emit, Request, Sampling
from smallsteps.teachers.model import answered
from smallsteps.teachers.prompting import load_template


class Scripted:
    """Answers by a rule; counts what it is asked."""

    name, paid = "scripted", True

    def __init__(self, rule: Callable[[Request], str]) -> None:
        self.rule = rule
        self.asked = 0

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        for request in requests:
            self.asked += 1
            emit([answered(request, self.name, self.rule(request))])


PROBLEMS = {n: Problem(n, f"What is {n} and 1?", str(int(n) + 1), AnswerKind.NUMBER) for n in ("1", "2", "3")}


def test_plans_are_kept_when_they_help(tmp_path: Path) -> None:
    def rule(request: Request) -> str:
        helpful = "Question 1: add one?" in request.prompt
        return f"The answer is {request.problem.answer if helpful else 0}."

    rationales = [
        Rationale("1", "t", "2", True, (Step("add one?", "s", "2"),)),
        Rationale("2", "t", "3", True, (Step("guess?", "s", "3"),)),
        Rationale("3", "t", "4", True),
    ]
    teacher = Scripted(rule)
    for _ in range(2):
        with Store(tmp_path / "s") as store:
            found = screen(
                teacher, PROBLEMS, rationales, load_template("answer_questions"), Sampling(), store
            )
        assert [r.problem_id for r in found.rationales] == ["1"]
        assert dict(found.dropped) == {"plan does not help": 1, "no sub-questions": 1}
    assert teacher.asked == 2


def test_evolution_is_judged_and_checked(tmp_path: Path) -> None:
    def rule(request: Request) -> str:
        last = request.prompt.strip().split("\n")[-1]
        if last == "New problem:":
            source = request.prompt.split("Problem: ")[1].split("\n")[0]
            return "What is 1 and 1?" if source.startswith("What is 3") else f"Harder: {source}"
        if last.startswith("Second:"):
            return "No." if "2 and 1" in last else "Yes, it is."
        return f"The answer is {9 if request.sample < 2 else 8}."

    teacher = Scripted(rule)
    with Store(tmp_path / "s") as store:
        found = evolve(teacher, list(PROBLEMS.values()), store, rounds=2, modes=("complicate",), agree=0.6)
    assert [p.question for p in found.problems] == [
        "Harder: What is 1 and 1?",
        "Harder: Harder: What is 1 and 1?",
    ]
    assert [p.answer for p in found.problems] == ["9", "9"]
    assert found.problems[1].tags == {"mode": "complicate", "round": "2", "origin": "1"}
    assert dict(found.dropped) == {"no new problem": 1, "refused by the judge": 1}
    with Store(tmp_path / "s") as store:
        strict = evolve(teacher, list(PROBLEMS.values()), store, modes=("complicate",), agree=0.9)
    assert not strict.problems
    assert strict.dropped["answers disagree"] == 1


def test_layouts_of_taught_steps() -> None:
    pairs = [("How many figs?", "He has 3."), ("How many in all?", "3 + 4 = 7.")]
    texts = [
        "Q1: How many figs?\nA1: He has 3.\nQ2: How many in all?\nA2: 3 + 4 = 7.",
        "Sub-question 1: How many figs?\nAnswer to sub-question 1: He has 3.\n"
        "Sub-question 2: How many in all?\nAnswer to sub-question 2: 3 + 4 = 7.",
        "How many figs? ** He has 3.\nHow many in all? ** 3 + 4 = 7.",
        "Are follow up questions needed here: Yes.\n"
        "Follow up: How many figs?\nIntermediate answer: He has 3.\n"
        "Follow up: How many in all?\nIntermediate answer: 3 + 4 = 7.",
    ]
    for text in texts:
        steps = taught_steps(text, "7")
        assert [(s.question, s.solution) for s in steps] == pairs
        assert [s.answer for s in steps] == ["3", "7"]
    assert taught_steps("He has 3. So 7.", "7") == ()
