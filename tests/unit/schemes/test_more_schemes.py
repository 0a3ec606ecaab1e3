"""Schemes of several chains, strategies, tasks and layouts: what they teach and how they are read back."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest

from smallsteps.answers import Verdict, score
from smallsteps.engines import Decoding, Generation
from smallsteps.engines.prompts import Message, messages_of
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Rationale, Step
from smallsteps.schemes import SCHEMES, FollowsStrategies, examples_of, get_scheme, strategy_of
from smallsteps.schemes.program import looks_like_program, run_program

PROBLEMS = {
    str(i): Problem(str(i), f"What is {i} + 1?", str(i + 1), AnswerKind.NUMBER, rationale=f"{i}+1=<<{i}+1>>")
    for i in range(8)
}
STEPS = (Step("What is 3 plus 1?", "3 + 1 = 4.", "4", "3 + 1"),)
PROGRAM = Rationale("3", "a = 3\nans = a + 1", "4", True, sample=9)


def chains(name: str, count: int) -> list[Rationale]:
    answer = str(int(name) + 1)
    return [Rationale(name, f"Way {i}: it is {answer}.", answer, True, sample=i) for i in range(count)]


class Echo:
    """An engine that always says the same."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.prompts: list[str] = []

    def generate(self, prompts: Sequence[str], decoding: Decoding) -> list[list[Generation]]:
        self.prompts += prompts
        return [[Generation(self.text, 7, 3, "eos")] for _ in prompts]

    def loglikelihood(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, bool]]:
        raise NotImplementedError


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_every_scheme_reads_back_what_it_teaches(name: str) -> None:
    scheme = get_scheme(name)
    rationale = Rationale("3", "It is 3 + 1 = 4.", "4", True, steps=STEPS)
    made = examples_of(scheme, {"3": PROBLEMS["3"]}, [rationale])
    engines = {part: Echo(made[part][0].target) for part in scheme.parts}
    ((solution,),) = scheme.solve([PROBLEMS["3"].question], engines, Decoding())
    verdict = score(solution.response, "4", AnswerKind.NUMBER)
    assert (verdict.strict, verdict.flexible) == (Verdict.RIGHT, Verdict.RIGHT), solution.response
    for part, engine in engines.items():
        asked = engine.prompts[0].replace("[Number of answers] 2", "[Number of answers] 1")
        asked = asked.replace("[Number of answers] 3", "[Number of answers] 1")
        asked = asked.replace("[Number of answers] 4", "[Number of answers] 1")
        assert asked in {example.prompt for example in made[part]}


def test_divergent_teaches_every_number_of_chains_once() -> None:
    made = examples_of(get_scheme("divergent"), PROBLEMS, [*chains("3", 4), *chains("5", 1)])["model"]
    assert [e.prompt.split("[Number of answers] ")[1][0] for e in made] == ["1", "2", "3", "4", "1"]
    for example in made[:4]:
        shown = [line for line in example.target.split("\n") if "Way" in line]
        assert len(shown) == len(set(shown)) == int(example.prompt.split("[Number of answers] ")[1][0])
        assert example.target.endswith("\n\n[Final answer] 4")
    again = examples_of(get_scheme("divergent"), PROBLEMS, [*chains("5", 1), *chains("3", 4)])["model"]
    assert set(again) == set(made), "what is drawn depends on the problem alone"


def test_divergent_keeps_its_chains_as_turns() -> None:
    engine = Echo(" one\n[Answer 2] two\n\n[Final answer] 4")
    ((solution,),) = get_scheme("divergent").solve(["q"], {"model": engine}, Decoding())
    assert solution.response == "4"
    assert [turn.reply for turn in solution.turns] == ["one", "two"]


def test_demonstrations_never_hold_the_query() -> None:
    twin = Problem("twin", PROBLEMS["3"].question, "4", AnswerKind.NUMBER)
    problems = {**PROBLEMS, "twin": twin}
    rationales = [r for name in PROBLEMS for r in chains(name, 3)]
    rationales.append(Rationale("twin", "Same.", "4", True))
    made = examples_of(get_scheme("specialise"), problems, rationales)["model"]
    in_context = [example for example in made if "\n\n" in example.prompt]
    assert len(in_context) == 9 + 25
    for example in in_context:
        *demonstrations, query = example.prompt.split("\n\n")
        asked = query.split("\n")[0].removeprefix("Q: ")
        assert len(demonstrations) == 4
        assert all(asked not in shown for shown in demonstrations)
        assert "<<" not in example.prompt
    assert len(made) == 2 * 9 + 2 * 25


def test_strategies_are_named_and_programs_run() -> None:
    scheme = get_scheme("multi_strategy")
    (example,) = examples_of(scheme, PROBLEMS, [PROGRAM])["model"]
    assert example.target == " Strategy: program\na = 3\nans = a + 1"
    ((solution,),) = scheme.solve(["q"], {"model": Echo(example.target)}, Decoding())
    assert solution.response == "a = 3\nans = a + 1\nThe answer is 4."
    both = [Rationale("3", "So 4.", "4", True), Rationale("3", "So 4.", "4", True, steps=STEPS)]
    assert [example.target.split("\n")[0] for example in examples_of(scheme, PROBLEMS, both)["model"]] == [
        " Strategy: cot",
        " Strategy: least_to_most",
    ]
    ((broken,),) = scheme.solve(["q"], {"model": Echo(" Strategy: program\nimport os")}, Decoding())
    assert broken.response == "import os"


def test_a_strategy_is_begun_for_a_student_that_teaches() -> None:
    scheme = get_scheme("multi_strategy")
    assert isinstance(scheme, FollowsStrategies)
    assert scheme.strategies == ("cot", "program", "least_to_most")
    engine = Echo("a = 3\nans = a + 1")
    ((solution,),) = scheme.solve_by("program", ["q"], {"model": engine}, Decoding())
    assert engine.prompts == ["Q: q\nA: Strategy: program\n"]
    assert messages_of(engine.prompts[0])[-1] == Message("assistant", "Strategy: program\n")
    assert solution.response == "a = 3\nans = a + 1", "a program is taught as such, without its result"
    assert [strategy_of(scheme, one) for one in (PROGRAM, *chains("3", 1))] == ["program", "cot"]
    assert strategy_of(get_scheme("cot"), PROGRAM) == ""


def test_chains_of_their_own_and_labels_of_their_own() -> None:
    apart = examples_of(get_scheme("divergent_cot"), PROBLEMS, chains("3", 3))["model"]
    assert [example.target for example in apart] == [
        f" Way {i}: it is 4.\n\n[Final answer] 4" for i in range(3)
    ]
    assert {example.prompt for example in apart} == {
        "[Question] What is 3 + 1?\n[Number of answers] 1\n[Answer 1]"
    }
    wrong = Rationale("3", "It is 9.", "9", False)
    (label,) = examples_of(get_scheme("scotd_label"), PROBLEMS, [wrong])["model"]
    assert (label.prompt, label.target) == ("Q: What is 3 + 1?\nA:", " So the answer is: 9\n\n")
    (predicted,) = examples_of(get_scheme("multitask_label"), PROBLEMS, [wrong])["model"]
    assert (predicted.prompt, predicted.target) == ("predict: What is 3 + 1?", " 9")


@pytest.mark.parametrize(
    ("scheme", "prompt", "target"),
    [
        ("ft_cot", "{q} ###", " {r} --> {a}"),
        ("ft", "{q} ###", " {a}"),
        ("scotd", "Q: {q}\nA:", " {r} So the answer is: {a}\n\n"),
        (
            "divergent_cot",
            "[Question] {q}\n[Number of answers] 1\n[Answer 1]",
            " {r}\n\n[Final answer] {a}",
        ),
        ("multitask_label", "predict: {q}", " {a}"),
    ],
)
def test_layouts_are_those_of_the_papers(scheme: str, prompt: str, target: str) -> None:
    """The templates of the repositories of 2212.10071, 2306.14050, 2407.03181 and 2305.02301."""
    (rationale,) = chains("3", 1)
    (made,) = examples_of(get_scheme(scheme), PROBLEMS, [rationale])["model"]
    words = {"q": PROBLEMS["3"].question, "r": rationale.text, "a": "4"}
    assert (made.prompt, made.target) == (prompt.format(**words), target.format(**words))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = 3\nb = a * 2.5\nans = b - 1", Fraction(13, 2)),
        (
            "def solution():\n    '''Why.'''\n    eggs = 16 - 3\n    result = eggs * 2\n    return result",
            26,
        ),
        ("x = 10 // 3\nprint(x + 0.1)", Fraction(31, 10)),
        ("total = sum([1, 2, 3])", 6),
        ("n = 2 ** 10\nm = round(n / 3, 1)", Fraction(3413, 10)),
    ],
)
def test_programs_run(text: str, value: Fraction | int) -> None:
    assert looks_like_program(text) or text.startswith("def")
    assert run_program(text) == value


def test_odd_escapes_in_a_program_are_not_warned_of(recwarn: pytest.WarningsRecorder) -> None:
    assert run_program("def f():\n    'a \\d escape'\n    return 2") == 2
    assert not recwarn.list


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "ans = __import__('os').system('true')",
        "ans = open('x')",
        "ans = (1).__class__",
        "ans = [x for x in (1, 2)]",
        "while True:\n    a = 1",
        "ans = 9 ** 9 ** 9",
        "ans = 10 ** 5000",
        "a = 2 ** 4000\nb = a * a\nans = b * b",
        "ans = 1 / 0",
        "ans = b",
        "ans = 1e999",
        "ans = -1e999 + 1",
        "ans = round(1.5, 10 ** 9)",
        "ans = round(1.5, -(10 ** 1000))",
        "ans = round(1.5, 0.5)",
        "ans = abs(1, 2)",
        "ans = max(*[1, 2])",
        "ans = (lambda: 1)()",
        "def f():\n    def g():\n        return 1\n    return g()",
        "ans = 3; import os",
        "\x00",
        "ans = 'x' * 10",
        "a, b = 1, 2",
        "(" * 3000 + "1" + ")" * 3000,
        "ans = " + "-" * 3900 + "1",
        "ans = 1\n" * 400,
        "",
        "not a program at all",
    ],
)
def test_programs_refused(text: str) -> None:
    with pytest.raises(UserError, match="program refused"):
        run_program(text)
