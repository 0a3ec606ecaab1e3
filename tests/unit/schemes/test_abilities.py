"""What schemes can, and that nothing outside their folder asks which scheme it is."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import get_args

import pytest

import smallsteps
from smallsteps.engines import Decoding, Generation
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.problems.variants import ASKINGS, VariantName, variant_title
from smallsteps.schemes import SCHEMES, Abilities, abilities_of, examples_of, get_scheme
from smallsteps.schemes.socratic_unified import read_dialogue

PACKAGE = Path(smallsteps.__file__).parent
UNIFIED = get_scheme("socratic_unified")
STEPS = (
    Step("How many clips in May?", "48 / 2 = 24.", "24", "48 / 2"),
    Step("How many in all?", "48 + 24 = 72.", "72", "48 + 24"),
)
PROBLEM = Problem("1", "Ann sold 48 clips.", "72", AnswerKind.NUMBER, steps=STEPS)
TEXT = (
    " How many clips in May?\nA: 48 / 2 = 24. The answer is 24.\n"
    "Sub-question: How many in all?\nA: 48 + 24 = 72. The answer is 72."
)


class Says:
    """An engine that always says the same."""

    def __init__(self, text: str, stop: str = "eos") -> None:
        self.text, self.stop = text, stop
        self.prompts: list[str] = []

    def generate(self, prompts: list[str], decoding: Decoding) -> list[list[Generation]]:
        self.prompts += prompts
        return [[Generation(self.text, 9, 3, self.stop)] * decoding.samples for _ in prompts]


def test_what_the_shipped_schemes_can() -> None:
    socratic = Abilities(answers_plans=True, sub_questions=True, dialogue=True)
    assert abilities_of(SCHEMES["socratic"]) == socratic
    assert abilities_of(UNIFIED) == Abilities(sub_questions=True)
    assert abilities_of(SCHEMES["quest"]) == Abilities(sub_questions=True, thoughts=True)
    one_text = {"answer_only", "cot", "ft", "ft_cot", "scotd", "scotd_label"}
    assert {abilities_of(SCHEMES[name]) for name in one_text} == {Abilities(thoughts=True)}
    planned = Abilities(answers_plans=True, sub_questions=True)
    for name in ("socratic_steps", "socratic_equations"):
        assert abilities_of(SCHEMES[name]) == socratic
    for name in ("divide", "divide_direct"):
        assert abilities_of(SCHEMES[name]) == planned
    for name in ("quest_apart", "self_ask"):
        assert abilities_of(SCHEMES[name]) == Abilities(sub_questions=True)
    assert abilities_of(SCHEMES["cot_step_vote"]) == Abilities(dialogue=True, votes=True)
    others = ("first_step", "divergent", "multi_strategy", "multitask", "specialise")
    assert {abilities_of(SCHEMES[name]) for name in others} == {Abilities()}


def test_abilities_of_a_scheme_that_declares_nothing() -> None:
    class Bare:
        name, parts = "bare", ("model",)

    class Answers(Bare):
        def answer_plans(self) -> None: ...

    assert abilities_of(Bare()) == Abilities()
    assert abilities_of(Answers()) == Abilities(answers_plans=True)


def test_nobody_asks_which_scheme_it_is() -> None:
    for path in sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "schemes"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant):
                assert node.value not in ("decomposer", "solver"), f"{path}:{node.lineno}: part of a scheme"
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
                assert "Socratic" not in ast.unparse(node), f"{path}:{node.lineno}: ask what the scheme can"
            if isinstance(node, ast.Compare):
                assert "scheme).parts) > 1" not in ast.unparse(node), f"{path}:{node.lineno}"
                assert "scheme.parts)" not in ast.unparse(node), f"{path}:{node.lineno}"


def test_every_file_of_a_scheme_registers_what_it_defines() -> None:
    named = {type(scheme).__module__.rpartition(".")[2] for scheme in SCHEMES.values()}
    helpers = {"__init__", "base", "registry", "program"}
    assert {path.stem for path in (PACKAGE / "schemes").glob("*.py")} - helpers == named


def test_the_unified_student_learns_the_whole_dialogue() -> None:
    (example,) = examples_of(UNIFIED, {"1": PROBLEM}, [Rationale("1", "", "72", True)])["model"]
    assert example.prompt == "Q: Ann sold 48 clips.\nSub-question:"
    assert example.target == TEXT
    bare = Problem("1", "q", "72", AnswerKind.NUMBER)
    assert examples_of(UNIFIED, {"1": bare}, [Rationale("1", "So 72.", "72", True)]) == {"model": []}


def test_the_unified_student_asks_and_answers_in_one_text() -> None:
    engine = Says(TEXT)
    ((first, second),) = UNIFIED.solve(["Ann sold 48 clips."], {"model": engine}, Decoding(samples=2))
    assert first == second
    assert first.response == "48 + 24 = 72. The answer is 72."
    assert [(turn.question, turn.reply) for turn in first.turns] == [
        ("How many clips in May?", "48 / 2 = 24. The answer is 24."),
        ("How many in all?", "48 + 24 = 72. The answer is 72."),
    ]
    assert (first.tokens, first.stop) == (9, "eos")
    assert engine.prompts == ["Q: Ann sold 48 clips.\nSub-question:"]


@pytest.mark.parametrize(
    ("text", "response", "turns"),
    [
        ("", "", 0),
        (" What?", "", 0),
        (" What?\nA: Two.\nSub-question: And", "Two.", 1),
        (" What?\nA: Two.\nSub-question: And?\nA:", "", 2),
        (" What?\nA: Two.\nA: Three.", "Two.\nA: Three.", 1),
        ("\nSub-question:" * 40, "", 0),
    ],
)
def test_a_broken_dialogue_is_read_as_far_as_it_goes(text: str, response: str, turns: int) -> None:
    solution = read_dialogue(Generation(text, 5, 3, "length"))
    assert (solution.response, len(solution.turns), solution.stop) == (response, turns, "length")


def test_the_ways_of_asking_are_one_table() -> None:
    assert set(ASKINGS) == set(get_args(VariantName))
    titles = {name: variant_title(name) for name in ASKINGS}
    assert titles["question"] == ""
    assert titles["fu_icl_cot"] == "fu icl cot"
    assert titles["socratic"] == "sub-questions"
