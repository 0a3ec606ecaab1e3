"""The generic suite: right answers, options that hold them, disjoint splits."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from smallsteps.answers import Verdict, calculate, score
from smallsteps.microworld import source
from smallsteps.microworld.generic import TASKS
from smallsteps.microworld.words import DAYS, KINDS
from smallsteps.problems import chance_levels

SPLITS = ("train", "dev", "test")
EQUATION = re.compile(r"(\d+ [-+*/] \d+) = (\d+)\.")


def test_there_are_enough_tasks() -> None:
    assert len(TASKS) >= 12


@pytest.mark.parametrize("name", TASKS)
def test_splits_are_full_and_share_no_question(name: str) -> None:
    texts = {split: {p.question for p in source.problems(name, split)} for split in SPLITS}
    for split, found in texts.items():
        assert len(found) == source.GENERIC_SIZES[split]
    assert not texts["train"] & texts["test"]
    assert not texts["train"] & texts["dev"]
    assert not texts["dev"] & texts["test"]


@pytest.mark.parametrize("name", TASKS)
def test_gold_responses_score_right_and_another_answer_wrong(name: str) -> None:
    rows = source.problems(name, "test")
    for problem in rows:
        response = f"{problem.rationale} The answer is {problem.answer}."
        verdict = score(response, problem.answer, problem.kind)
        assert (verdict.strict, verdict.flexible) == (Verdict.RIGHT, Verdict.RIGHT), problem
        assert score(f"The answer is {problem.answer}.", problem.answer, problem.kind).strict is Verdict.RIGHT
    other = next(p for p in rows if p.answer != rows[0].answer)
    assert score(f"The answer is {other.answer}.", rows[0].answer, other.kind).flexible is Verdict.WRONG


@pytest.mark.parametrize("name", TASKS)
def test_no_constant_answer_is_worth_much_more_than_the_recorded_chance_level(name: str) -> None:
    """The level is of the test split; the other splits have the same most frequent answer or a like one."""
    level = chance_levels("smallsteps_micro_generic", name)
    assert level is not None
    for split in SPLITS:
        rows = source.problems(name, split)
        share = Counter(p.answer for p in rows).most_common(1)[0][1] / len(rows)
        assert share <= level.best + 0.1


@pytest.mark.parametrize("name", [name for name in TASKS if TASKS[name].options])
def test_options_of_a_question_hold_the_answer_once(name: str) -> None:
    count = 4 if name == "odd_one_out" else 3
    for problem in source.problems(name, "test"):
        assert len(problem.options) == len(set(problem.options)) == count, problem
        assert problem.answer in problem.options, problem


@pytest.mark.parametrize("name", TASKS)
def test_equations_of_rationales_hold(name: str) -> None:
    for problem in source.problems(name, "test"):
        for left, value in EQUATION.findall(problem.rationale or ""):
            assert calculate(left) == int(value)


def solve_boolean(text: str) -> bool:
    """Independent of the generator: reduce by pattern."""
    expression = text.removeprefix("What is ").rstrip("?")
    while True:
        before = expression
        expression = re.sub(r"\( (True|False) \)", r"\1", expression)
        expression = expression.replace("not True", "false").replace("not False", "true")
        expression = expression.replace("true", "True").replace("false", "False")
        match = re.fullmatch(r"(True|False) (and|or) (True|False)", expression) or re.search(
            r"\( (True|False) (and|or) (True|False) \)", expression
        )
        if match:
            one, two = match[1] == "True", match[3] == "True"
            value = (one and two) if match[2] == "and" else (one or two)
            expression = expression[: match.start()] + str(value) + expression[match.end() :]
        if expression == before:
            return expression == "True"


def test_boolean_answers() -> None:
    for problem in source.problems("boolean_expressions", "test"):
        assert str(solve_boolean(problem.question)) == problem.answer, problem.question


def test_lists_are_sorted_and_reversed() -> None:
    for problem in source.problems("word_sorting", "test"):
        words = problem.question.split(": ")[1].split()
        assert problem.answer.split() == sorted(words)
    for problem in source.problems("reversed_list", "test"):
        words = problem.question.split(": ")[1].split()
        assert problem.answer.split() == words[::-1]


def test_brackets_close() -> None:
    pairs = {"()", "[]", "{}", "<>"}
    for problem in source.problems("closing_brackets", "test"):
        text = (problem.question.split(": ")[1] + problem.answer).replace(" ", "")
        while any(pair in text for pair in pairs):
            for pair in pairs:
                text = text.replace(pair, "")
        assert text == ""


def test_swaps_and_lies_and_orders() -> None:
    for problem in source.problems("shuffled_objects", "test"):
        has = dict(re.findall(r"(\w+) has a (\w+)\.", problem.question))
        for one, two in re.findall(r"(\w+) and (\w+) swap", problem.question):
            has[one], has[two] = has[two], has[one]
        assert has[re.findall(r"What does (\w+) have", problem.question)[0]] == problem.answer
    for problem in source.problems("web_of_lies", "test"):
        truth = " tells the truth." in problem.question.split(". ")[0] + "."
        for claim in re.findall(r"says \w+ (lies|tells)", problem.question):
            truth = truth == (claim == "tells")
        assert problem.answer == ("yes" if truth else "no")
    for problem in source.problems("ordering", "test"):
        older = set(re.findall(r"(\w+) is older than (\w+)", problem.question))
        older |= {(b, a) for a, b in re.findall(r"(\w+) is younger than (\w+)", problem.question)}
        people = {name for pair in older for name in pair}
        oldest = (people - {b for _, b in older}).pop()
        youngest = (people - {a for a, _ in older}).pop()
        middle = (people - {oldest, youngest}).pop()
        wanted = {"oldest": oldest, "youngest": youngest, "middle": middle}
        assert problem.answer == wanted[problem.question.rstrip("?").split()[-1]]


def test_numbers_days_and_colors() -> None:
    for problem in source.problems("largest_number", "test"):
        numbers = [int(n) for n in re.findall(r"\d+", problem.question)]
        pick = max if "largest" in problem.question else min
        assert int(problem.answer) == pick(numbers)
    for problem in source.problems("next_number", "test"):
        numbers = [int(n) for n in re.findall(r"\d+", problem.question)]
        assert int(problem.answer) - numbers[-1] == numbers[1] - numbers[0] == numbers[-1] - numbers[-2]
    for problem in source.problems("navigate", "test"):
        place = sum(
            int(n) * (1 if way == "forward" else -1)
            for n, way in re.findall(r"(\d+) steps (forward|back)", problem.question)
        )
        assert problem.answer == ("no" if place else "yes")
    for problem in source.problems("weekdays", "test"):
        day = DAYS.index(re.findall(r"Today is (\w+)", problem.question)[0])
        day += int(re.findall(r"[Ii]n (\d) days", problem.question)[0])
        for number, way in re.findall(r"(\d) days (after|before)", problem.question):
            day += int(number) * (1 if way == "after" else -1)
        assert DAYS[day % 7] == problem.answer
    for problem in source.problems("dates", "test"):
        day = int(re.findall(r"day (\d+)", problem.question)[0]) + 7 * ("one week" in problem.question)
        number, way = re.findall(r"(\d) days (after|before)", problem.question)[0]
        assert day + int(number) * (1 if way == "after" else -1) == int(problem.answer)


def test_kinds() -> None:
    kind_of = {word: kind for kind, words in KINDS.items() for word in words}
    for problem in source.problems("odd_one_out", "test"):
        words = [word for word in re.findall(r"\w+", problem.question) if word in kind_of]
        kinds = Counter(kind_of[word] for word in words)
        assert sorted(kinds.values()) == [1, 3]
        assert kinds[kind_of[problem.answer]] == 1
    for problem in source.problems("object_counting", "test"):
        asked = re.findall(r"(?:How many|number of) (\w+)s", problem.question)[0]
        counts = re.findall(r"(\d) (\w+)s\b", problem.question)
        assert int(problem.answer) == sum(int(n) for n, word in counts if kind_of[word] == asked)
