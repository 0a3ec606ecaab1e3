"""Schemes in which another model guides: what it says, who reads it, and what is counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from smallsteps.engines import Decoding, Generation
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.schemes import Example, abilities_of, examples_of, get_scheme
from smallsteps.schemes.step_vote import StepVote, winner

STEPS = (
    Step("How many clips in May?", "48 / 2 = 24.", "24", "48 / 2"),
    Step("How many in all?", "48 + 24 = 72.", "72", "48 + 24"),
)
PROBLEM = Problem("1", "Ann sold 48 clips.", "72", AnswerKind.NUMBER, steps=STEPS)
RATIONALE = Rationale("1", "48 / 2 = 24. 48 + 24 = 72.", "72", True)


class Says:
    """An engine that says one text after the other, and remembers prompts."""

    def __init__(self, *texts: str, stop: str = "eos") -> None:
        self.texts, self.stop = list(texts), stop
        self.prompts: list[str] = []

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        self.prompts += prompts
        drawn = [[self.texts.pop(0) for _ in range(decoding.samples)] for _ in prompts]
        return [[Generation(text, 3, 5, self.stop) for text in row] for row in drawn]  # type: ignore[arg-type]

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        raise NotImplementedError


def taught(name: str, problem: Problem = PROBLEM) -> dict[str, list[Example]]:
    return examples_of(get_scheme(name), {problem.id: problem}, [RATIONALE])


@pytest.mark.parametrize(
    ("name", "guidance"), [("socratic_steps", "2 steps"), ("socratic_equations", "48 / 2; 48 + 24")]
)
def test_the_decomposer_reads_what_the_guide_writes(name: str, guidance: str) -> None:
    made = taught(name)
    assert [(one.prompt, one.target) for one in made["guide"]] == [
        ("Q: Ann sold 48 clips.\nGuide:", f" {guidance}")
    ]
    (plan,) = made["decomposer"]
    assert plan.prompt == f"Q: Ann sold 48 clips.\nGuide: {guidance}\nSub-questions:"
    assert plan.target == " How many clips in May? How many in all?"
    assert made["solver"] == taught("socratic")["solver"]


def test_without_equations_there_is_no_guidance_to_learn() -> None:
    bare = Problem("1", "q", "yes", AnswerKind.BOOLEAN, steps=(Step("Who?", "Ann.", "yes"),))
    assert taught("socratic_equations", bare) == {"guide": [], "decomposer": [], "solver": []}
    assert taught("socratic_steps", bare)["guide"][0].target == " 1 step"


def test_guided_students_plan_by_their_own_guidance_and_count_its_tokens() -> None:
    guide, decomposer = Says(" 2\nsteps", " 1 step"), Says(" a? b?", " c?")
    solver = Says("r1", "r3", "r2")
    engines = {"guide": guide, "decomposer": decomposer, "solver": solver}
    scheme = get_scheme("socratic_steps")
    ((first, second),) = scheme.solve(["q"], engines, Decoding(samples=2))
    assert decomposer.prompts == [
        "Q: q\nGuide: 2 steps\nSub-questions:",
        "Q: q\nGuide: 1 step\nSub-questions:",
    ]
    assert (first.response, second.response) == ("r2", "r3")
    assert (first.tokens, second.tokens) == (12, 9)
    assert abilities_of(scheme).answers_plans


def test_guidance_that_was_cut_makes_the_solution_cut() -> None:
    engines = {"guide": Says("2", stop="length"), "decomposer": Says("a?"), "solver": Says("r")}
    ((solution,),) = get_scheme("socratic_steps").solve(["q"], engines, Decoding())
    assert solution.stop == "length"


def test_the_first_question_or_step_is_said_by_another_model() -> None:
    asked, stepped = taught("quest_apart"), taught("first_step")
    assert asked["starter"][0].target == " How many clips in May?"
    assert asked["model"][0].prompt == "Q: Ann sold 48 clips.\nBegin: How many clips in May?\nA:"
    assert asked["model"][0].target == " 48 / 2 = 24. 48 + 24 = 72. The answer is 72."
    assert stepped["starter"][0].target == " 48 / 2 = 24."
    assert stepped["model"][0].target == " 48 + 24 = 72. The answer is 72."
    assert taught("quest")["model"][0].target == (
        " How many clips in May? 48 / 2 = 24. 48 + 24 = 72. The answer is 72."
    )


def test_a_started_student_goes_on_from_each_beginning() -> None:
    starter, model = Says(" b1", " b2"), Says(" r1", " r2")
    row = get_scheme("first_step").solve(["q"], {"starter": starter, "model": model}, Decoding(samples=2))[0]
    assert model.prompts == ["Q: q\nBegin: b1\nA:", "Q: q\nBegin: b2\nA:"]
    assert [(one.response, one.tokens) for one in row] == [("r1", 6), ("r2", 6)]


@pytest.mark.parametrize(
    ("texts", "step"),
    [
        ((" 2 + 3 = 5. Then 5.", " 3 + 2 = 5. More.", " 2 + 3 = 6. x"), " 2 + 3 = 5."),
        ((" 1 + 1 = 2. a", " 1 + 2 = 3. b"), " 1 + 1 = 2."),  # a tie goes to the first
        ((" The answer is 5.", " 2 + 3 = 5. x", " The answer is 5. y"), " The answer is 5."),
        (("", ""), ""),
    ],
)
def test_the_step_that_most_agree_on_is_kept(texts: tuple[str, ...], step: str) -> None:
    assert winner([Generation(text, 1, 1, "eos") for text in texts]) == step


def test_steps_are_voted_on_until_the_answer() -> None:
    scheme = StepVote(voters=3)
    model = Says(
        *(" 2 + 3 = 5. The answer is 9.", " 2 + 3 = 6. The answer is 6.", " 3 + 2 = 5. The answer is 5."),
        *(" The answer is 5.", " The answer is 5.", " The answer is 4."),
    )
    ((solution,),) = scheme.solve(["q"], {"model": model}, Decoding())
    assert model.prompts == ["Q: q\nA:", "Q: q\nA: 2 + 3 = 5."]
    assert solution.response == "2 + 3 = 5. The answer is 5."
    assert (solution.tokens, solution.stop) == (18, "eos")
    assert scheme.examples({"1": PROBLEM}, [RATIONALE]) == taught("cot")


def test_a_plan_is_answered_in_one_text() -> None:
    made = taught("divide")
    assert made["decomposer"][0].target == " How many clips in May?\nHow many in all?"
    (solving,) = made["solver"]
    assert solving.prompt.endswith("1. How many clips in May?\n2. How many in all?\nAnswers:")
    assert solving.target == " 48 / 2 = 24.\n48 + 24 = 72.\nThe answer is 72."
    assert taught("divide_direct")["solver"][0].target == " The answer is 72."
    engines = {"decomposer": Says("1. a?\n- b?\nthat is all"), "solver": Says("x\ny\nThe answer is 2.")}
    ((solution,),) = get_scheme("divide").solve(["q"], engines, Decoding())
    assert [(turn.question, turn.reply) for turn in solution.turns] == [("a?", "x"), ("b?", "y")]
    assert (solution.response, solution.tokens) == ("x\ny\nThe answer is 2.", 6)


def test_an_easy_problem_is_not_decomposed() -> None:
    alone = Problem("1", "q", "24", AnswerKind.NUMBER, steps=STEPS[:1])
    made = examples_of(get_scheme("divide"), {"1": alone}, [Rationale("1", "48 / 2 = 24.", "24", True)])
    assert made["decomposer"][0].target == " No decomposition."
    assert "Sub-questions:\nNo decomposition.\nAnswers:" in made["solver"][0].prompt
    engines = {"decomposer": Says("No decomposition."), "solver": Says("The answer is 24.")}
    ((solution,),) = get_scheme("divide").solve(["q"], engines, Decoding())
    assert solution.turns == ()


def test_self_ask_asks_and_answers_in_turn() -> None:
    (one,) = taught("self_ask")["model"]
    assert one.target == (
        " Yes.\nFollow up: How many clips in May?\nIntermediate answer: 48 / 2 = 24.\n"
        "Follow up: How many in all?\nIntermediate answer: 48 + 24 = 72.\nThe answer is 72."
    )
    ((solution,),) = get_scheme("self_ask").solve(["q"], {"model": Says(one.target)}, Decoding())
    assert [turn.question for turn in solution.turns] == ["How many clips in May?", "How many in all?"]


def test_a_chain_without_an_end_is_cut_at_its_budget() -> None:
    model = Says(*(f" {i} + 1 = {i + 1}. and so on" for i in range(40)))
    ((solution,),) = StepVote(voters=1).solve(["q"], {"model": model}, Decoding(max_new_tokens=5))
    assert solution.stop == "length"
    assert 2 <= len(model.prompts) < 10
