"""Schemes: training examples and the way students solve."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from smallsteps.engines import Decoding, Generation
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.schemes import ANSWER_ONLY, COT, SOCRATIC, Example, Scheme, examples_of, get_scheme
from smallsteps.schemes.socratic import MAX_TURNS, split_plan

STEPS = (
    Step("How many clips in May?", "48 / 2 = 24.", "24", "48 / 2"),
    Step("How many in all?", "48 + 24 = 72.", "72", "48 + 24"),
)
PROBLEM = Problem("1", "Ann sold 48 clips.", "72", AnswerKind.NUMBER, steps=STEPS)
RATIONALE = Rationale("1", "48 / 2 = 24. 48 + 24 = 72.", "72", True)


def taught(scheme: Scheme, problem: Problem, rationale: Rationale | None = None) -> dict[str, list[Example]]:
    """Examples of one problem; without a rationale those of a teacher that said nothing."""
    return examples_of(scheme, {problem.id: problem}, [rationale or Rationale(problem.id, "", None, None)])


class Scripted:
    """An engine that answers from a table and remembers what it was asked."""

    def __init__(self, table: dict[str, str], stop: str = "eos") -> None:
        self.table = table
        self.stop = stop
        self.rounds: list[list[str]] = []

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        self.rounds.append(list(prompts))
        return [[Generation(self.table[p], 3, 5, self.stop)] * decoding.samples for p in prompts]  # type: ignore[arg-type]

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        raise NotImplementedError


def test_direct_examples() -> None:
    (alone,) = taught(ANSWER_ONLY, PROBLEM)["model"]
    assert (alone.prompt, alone.target) == ("Q: Ann sold 48 clips.\nA:", " The answer is 72.")
    (chain,) = taught(COT, PROBLEM, RATIONALE)["model"]
    assert chain.target == " 48 / 2 = 24. 48 + 24 = 72. The answer is 72."
    assert taught(COT, PROBLEM)["model"] == []


def test_socratic_examples_condition_on_earlier_turns() -> None:
    made = taught(SOCRATIC, PROBLEM)
    assert made["decomposer"][0].target == " How many clips in May? How many in all?"
    assert made["solver"][1].prompt == (
        "Q: Ann sold 48 clips.\nSub-question: How many clips in May?\nA: 48 / 2 = 24. The answer is 24.\n"
        "Sub-question: How many in all?\nA:"
    )


def test_steps_without_an_answer_never_teach_an_empty_one() -> None:
    steps = (Step("Who?", "Ann did.", ""), Step("When?", "", ""), Step("Which?", "", "72"))
    made = taught(SOCRATIC, Problem("1", "q", "72", AnswerKind.NUMBER, steps=steps))
    assert [example.target for example in made["solver"]] == [" Ann did.", " The answer is 72."]
    assert made["decomposer"][0].target == " Who? When? Which?"


def test_socratic_solves_round_by_round_in_batches() -> None:
    asked = "Q: q1\nSub-question: a?\nA:"
    then = f"{asked} r1\nSub-question: b?\nA:"
    other = "Q: q2\nSub-question: c?\nA:"
    plans = {"Q: q1\nSub-questions:": " a? b?", "Q: q2\nSub-questions:": " c?"}
    solver = Scripted({asked: " r1", then: " r2", other: " r3"})
    solved = SOCRATIC.solve(["q1", "q2"], {"decomposer": Scripted(plans), "solver": solver}, Decoding())
    assert [row[0].response for row in solved] == ["r2", "r3"]
    assert solver.rounds == [[asked, other], [then]]
    assert [turn.question for turn in solved[0][0].turns] == ["a?", "b?"]
    assert solved[0][0].tokens == 9


def test_an_empty_plan_is_an_empty_response() -> None:
    engines = {"decomposer": Scripted({"Q: q\nSub-questions:": "  "}), "solver": Scripted({})}
    ((solution,),) = SOCRATIC.solve(["q"], engines, Decoding())
    assert (solution.response, solution.turns) == ("", ())


def test_a_looping_decomposer_is_cut_and_counts_as_truncated() -> None:
    plan = " ".join(f"q{i}?" for i in range(MAX_TURNS + 5))

    class Echo(Scripted):
        def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
            return [[Generation(" r", 1, 1, "eos")] for _ in prompts]

    engines = {"decomposer": Scripted({"Q: q\nSub-questions:": plan}), "solver": Echo({})}
    ((solution,),) = SOCRATIC.solve(["q"], engines, Decoding())
    assert len(solution.turns) == MAX_TURNS
    assert solution.stop == "length"


@pytest.mark.parametrize(
    ("text", "plan"),
    [(" a? b?", ["a?", "b?"]), ("a", ["a"]), ("", []), ("??", []), ("a?\nb? c", ["a?", "b?", "c"])],
)
def test_split_plan(text: str, plan: list[str]) -> None:
    assert split_plan(text) == plan


def test_unknown_scheme_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'socratic'"):
        get_scheme("socrates")
