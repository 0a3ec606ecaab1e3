"""Word problems: arithmetic, chains of steps, limits, splits, wordings."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallsteps.answers import Verdict, calculate, score
from smallsteps.errors import UserError
from smallsteps.microworld import generator, generic
from smallsteps.microworld.families import FAMILIES, Limits
from smallsteps.microworld.program import from_text, orders, run, to_text
from smallsteps.microworld.source import NAMES, SLICES, problems
from smallsteps.microworld.splits import OWNED, RESIDUES, residue, split_of
from smallsteps.problems import Problem

EQUATION = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)\.")


def every(slice_name: str) -> list[Problem]:
    return [p for split in SLICES[slice_name].sizes for p in problems(slice_name, split)]


@given(seed=st.integers(0, 10**9), steps=st.integers(1, 7), held_out=st.booleans())
@settings(max_examples=150, deadline=None)
def test_gold_steps_compute_to_the_gold_answer(seed: int, steps: int, held_out: bool) -> None:
    rows = generator.stream(f"{seed}", (steps,), lambda _: True, held_out=held_out)
    for problem in islice(rows, 5):
        assert len(problem.steps) == steps
        equations = EQUATION.findall(problem.rationale or "")
        assert len(equations) == steps
        known = {int(number) for number in re.findall(r"\d+", problem.question)}
        used: set[int] = set()
        for step, (left, symbol, right, value) in zip(problem.steps, equations, strict=True):
            assert calculate(f"{left} {symbol} {right}") == int(value)
            assert step.equation == f"{left} {symbol} {right}"
            assert step.solution == f"{step.equation} = {step.answer}."
            assert step.question.endswith("?")
            assert step.question.count("?") == 1
            # Each operand is told by the question or found by an earlier step.
            assert {int(left), int(right)} <= known
            known.add(int(value))
            used |= {int(left), int(right)}
        assert problem.steps[-1].answer == problem.answer == equations[-1][3]
        # No number of the question is idle.
        assert {int(number) for number in re.findall(r"\d+", problem.question)} <= used


@pytest.mark.parametrize("name", SLICES)
def test_slices_keep_to_their_steps_and_numbers(name: str) -> None:
    chosen = SLICES[name]
    for problem in every(name):
        assert len(problem.steps) in chosen.steps
        results = run(from_text(problem.tags["program"]))
        assert results is not None
        assert results[-1] == int(problem.answer)
        numbers = {int(n) for step in problem.steps for n in re.findall(r"\d+", step.solution)}
        assert min(numbers) >= 1
        assert chosen.limits.beyond < max(numbers) <= chosen.limits.total
        for left, symbol, right, value in EQUATION.findall(problem.rationale or ""):
            if symbol == "*":
                assert 2 <= min(int(left), int(right)) <= 9
            elif symbol == "/":
                assert 2 <= int(right) <= 9
            else:
                assert min(int(left), int(right), int(value)) <= chosen.limits.operand


@pytest.mark.parametrize(
    ("limits", "text", "allowed"),
    [
        (Limits(), "30+12", True),
        (Limits(), "30+13", False),
        (Limits(), "40-31", True),  # the difference is small
        (Limits(), "40-20", False),
        (Limits(), "5*10", True),
        (Limits(), "6*9", False),
        (Limits(), "10*10", False),
        (Limits(), "8/3", False),
        (Limits(), "4-4", False),
        (Limits(total=99, operand=30, beyond=50), "30+12", False),
        (Limits(total=99, operand=30, beyond=50), "30+28", True),
    ],
)
def test_limits(limits: Limits, text: str, allowed: bool) -> None:
    assert limits.allow(from_text(text)) is allowed


def test_gold_responses_score_right() -> None:
    for problem in problems("problems", "dev")[:200]:
        response = f"{problem.rationale} The answer is {problem.answer}."
        verdict = score(response, problem.answer, problem.kind)
        assert (verdict.strict, verdict.flexible) == (Verdict.RIGHT, Verdict.RIGHT)


def test_splits_share_nothing() -> None:
    signatures: dict[str, set[str]] = {}
    texts: dict[str, set[str]] = {}
    for name in SLICES:
        for split in SLICES[name].sizes:
            rows = problems(name, split)
            key = split if split != "test" else f"test {name}"
            signatures.setdefault(split, set()).update(
                f"{p.tags['family']}:{p.tags['program']}" for p in rows
            )
            texts.setdefault(key, set()).update(p.question for p in rows)
    keys = list(texts)
    for place, one in enumerate(keys):
        for two in keys[place + 1 :]:
            assert not texts[one] & texts[two], (one, two)
    # The same arithmetic may be asked about in two ways (of the last, of all), which are two signatures.
    for one, two in (("train", "dev"), ("train", "test"), ("dev", "test")):
        shared = signatures[one] & signatures[two]
        assert len(shared) < 0.01 * len(signatures[two]), (one, two)


def test_base_problems_are_of_no_split() -> None:
    from smallsteps.microworld.corpus import base_corpus

    seen = {example.prompt.split("\nA:")[0] for example in base_corpus(3, 8000)}
    for name in (*SLICES, *generic.TASKS):
        for split in ("dev", "test"):
            assert not seen & {f"Q: {p.question}" for p in problems(name, split)}, (name, split)
    assert not seen & {f"Q: {p.question}" for p in problems("problems", "train")}


def test_residues_are_owned_once() -> None:
    assert sorted(place for owned in OWNED.values() for place in owned) == list(range(RESIDUES))
    assert residue("inventory:3+4:ask") == 96  # must never move: committed base models rest on it
    assert split_of("inventory:3+4:ask") == "test"


def test_evaluation_items_are_distinct() -> None:
    for name in SLICES:
        for split in SLICES[name].sizes:
            rows = problems(name, split)
            assert len(rows) == SLICES[name].sizes[split]
            assert len({p.question for p in rows}) == len(rows)
            assert len({p.id for p in rows}) == len(rows)
    assert len(problems("problems", "test")) >= 1000


def test_new_templates_share_no_sentence_pattern_but_all_words() -> None:
    def pattern(sentence: str) -> str:
        names = r"\b(?:Ann|Ben|Cal|Dan|Eva|Fay|Gus|Ida|Jim|Kim|Leo|Mia)\b"
        return re.sub(r"\d+", "N", re.sub(names, "P", sentence))

    def sentences(rows: list[Problem]) -> set[str]:
        return {pattern(s) for p in rows for s in re.split(r"(?<=[.?]) ", p.question)}

    def words(rows: list[Problem]) -> set[str]:
        return {word for p in rows for word in re.findall(r"[A-Za-z]+", p.question)}

    train, new = problems("problems", "train"), problems("new_templates", "test")
    assert not sentences(train) & sentences(new)
    known = words(train)
    for task in generic.TASKS:
        known |= words(problems(task, "train"))
    assert words(new) <= known


def test_families_and_steps_come_in_equal_shares() -> None:
    rows = problems("problems", "train")
    for family in FAMILIES:
        for steps in "2345":
            share = sum(p.tags["family"] == family.NAME and p.tags["steps"] == steps for p in rows) / len(
                rows
            )
            assert 0.035 < share < 0.065, (family.NAME, steps)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_programs_survive_text_and_reordering(seed: int) -> None:
    problem = next(generator.stream(f"{seed}", (2, 3, 4, 5, 6, 7), lambda _: True))
    program = from_text(problem.tags["program"])
    assert to_text(program) == problem.tags["program"]
    found = orders(program)
    assert found[0] == tuple(range(len(program)))
    assert len(set(found)) == len(found)


def test_the_same_problems_in_another_process() -> None:
    """Hash randomisation and import order must not move a word."""
    code = (
        "import hashlib; from smallsteps.microworld.source import problems;"
        "rows = problems('more_steps', 'dev') + problems('web_of_lies', 'test');"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    prints = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(prints) == 1


def test_unknown_names_are_explained() -> None:
    with pytest.raises(UserError, match="new_templates"):
        problems("new_template", "test")
    with pytest.raises(UserError, match="split"):
        problems("more_steps", "train")
    assert set(NAMES) == set(SLICES) | set(generic.TASKS)
