"""Screening of plans and evolution of problems, with a teacher from a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from smallsteps.corpora import CorpusSpec, Store, collect, plan
from smallsteps.corpora.build import finish, prepare
from smallsteps.corpora.evolve import evolve
from smallsteps.corpora.planning import planning_text, planning_tokens
from smallsteps.corpora.screening import screen
from smallsteps.corpora.taught import taught_steps, with_replies
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.schemes import get_scheme
from smallsteps.schemes.socratic import solver_prompt
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


PLAN = "Questions:\n1. How many are two?\n- What is two and 1?\n"


def test_plans_come_first_and_are_answered_by_screening(tmp_path: Path) -> None:
    """Divide-or-Conquer: a plan alone, then the teacher answers it; kept with its sub-answers when right."""

    def rule(request: Request) -> str:
        if request.prompt.rstrip().endswith("Answers:"):
            right = "Question 2" in request.prompt or request.problem.id == "3"
            reply = "1. Two are 2.\nQuestion 2: 2 + 1 = 3.\n" if right else "?\n"
            return f"{reply}The answer is {request.problem.answer if right else 0}."
        plans = {"1": "No decomposition.", "2": PLAN, "3": "I like it."}
        return plans[request.problem.id]

    spec = CorpusSpec.model_validate(
        {
            "benchmark": "b",
            "keep": "all",
            "decomposition": "plan",
            "screen": True,
            "teacher": {"kind": "openai", "model": "m", "base_url": "http://127.0.0.1:9"},
        }
    )
    assert spec.template == "decompose"
    wanted = prepare(spec, list(PROBLEMS.values()))
    wanted = replace(wanted, teacher=Scripted(rule))
    wanted.requests[:] = plan("scripted", wanted.problems, load_template("decompose"), spec.sampling, 1)
    unscreened = spec.model_copy(update={"screen": False})
    with Store(tmp_path / "s") as store:
        collect(wanted.teacher, wanted.requests, store)
        plans = finish(unscreened, wanted, store, tmp_path / "a")
        whole = finish(spec, wanted, store, tmp_path / "b")
    assert [[s.question for s in r.steps] for r in plans.rationales] == [
        ["What is 1 and 1?"],
        ["How many are two?", "What is two and 1?"],
    ]
    assert plans.quality["dropped"] == {"no plan": 1}
    assert (plans.quality["right"], plans.quality["wrong"], plans.quality["unparsed"]) == (0, 0, 3)
    assert whole.quality["dropped"] == {"no plan": 1, "plan does not help": 1}
    (kept,) = whole.rationales
    assert [(s.question, s.solution, s.answer) for s in kept.steps] == [
        ("How many are two?", "Two are 2.", "2"),
        ("What is two and 1?", "2 + 1 = 3.", "3"),
    ]
    assert (kept.answer, kept.correct) == ("3", True)
    parts = get_scheme("socratic").examples(PROBLEMS, [kept])
    assert len(parts["solver"]) == 2
    with pytest.raises(ValueError, match="a plan states no answer"):
        CorpusSpec.model_validate({"benchmark": "b", "decomposition": "plan"})


def test_replies_that_do_not_fit_the_plan_leave_it_bare() -> None:
    steps = (Step("a?", "", ""), Step("b?", "", ""))
    assert with_replies(steps, "One line only.\nThe answer is 3.", "3") == steps
    filled = with_replies(steps, "Answer 1: It is 2.\n\n2) It is 3.\nThe answer is 3.", "3")
    assert [(s.solution, s.answer) for s in filled] == [("It is 2.", "2"), ("It is 3.", "3")]


def test_planning_is_counted_call_by_call() -> None:
    """Words stand for tokens here, so that every number can be checked by hand."""

    def words(texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    problem = PROBLEMS["2"]
    steps = (Step("How many?", "Two things.", "2"), Step("And one?", "It is 3.", "3"))
    found = planning_tokens([(problem, steps), (PROBLEMS["1"], ())], words, "words")
    assert found is not None
    assert (found.problems, found.questions) == (1, 2)
    assert (found.static.calls, found.self_ask.calls, found.dynamic.calls) == (2, 1, 5)
    first = words([load_template("decompose").render(problem)])[0]
    asked = ["How many?", "And one?"]
    second = words([load_template("answer_questions").render(problem, questions=asked)])[0]
    assert found.static.prompt == first + second
    assert found.static.completion == 4 + (2 + 3) + 4  # questions, replies, "The answer is 3."
    head = words([load_template("self_ask").render(problem)])[0]
    needed, one, two = 7, (4 + 4), (4 + 5)  # "Follow up: ..." and "Intermediate answer: ..."
    assert found.self_ask.prompt == head
    assert found.self_ask.completion == needed + one + two + 4
    solver = words(
        [
            solver_prompt(problem.question, [], "How many?"),
            solver_prompt(problem.question, [("How many?", "Two things. The answer is 2.")], "And one?"),
        ]
    )
    assert found.dynamic.prompt == 3 * (head + needed) + 2 * one + two + sum(solver)
    assert found.dynamic.completion == (4 + 4) + (2 + 4) + (3 + 4) + 4
    assert planning_tokens([(problem, ())], words, "words") is None
    lines = planning_text(found.data())
    assert lines[0] == "planning   2.0 sub-questions for each of 1 problems, in tokens of words"
    assert "(1.00 of static)" in lines[1]


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
