"""Tasks on logic, brackets, truth-tellers and positions."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from smallsteps.microworld.generic.task import GenericTask, Item, named
from smallsteps.microworld.words import NAMES, THINGS
from smallsteps.problems import AnswerKind

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def boolean_expressions(rng: Random) -> Item:
    """`( not True or False ) and True` and its value, reduced step by step."""
    lines: list[str] = []

    def literal() -> tuple[str, bool]:
        value = rng.random() < 0.5
        if rng.random() < 0.7:
            return str(value), value
        lines.append(f"not {value} is {not value}.")
        return f"not {value}", not value

    def join(left: tuple[str, bool], right: tuple[str, bool]) -> tuple[str, bool]:
        operator = rng.choice(("and", "or"))
        value = (left[1] and right[1]) if operator == "and" else (left[1] or right[1])
        lines.append(f"{left[1]} {operator} {right[1]} is {value}.")
        return f"( {left[0]} {operator} {right[0]} )", value

    shape = rng.choice((2, 3, 3, 4))
    text, value = join(literal(), literal())
    if shape == 3:
        pair, single = (text, value), literal()
        text, value = join(pair, single) if rng.random() < 0.5 else join(single, pair)
    elif shape == 4:
        text, value = join((text, value), join(literal(), literal()))
    return f"What is {text[2:-2]}?", " ".join(lines), str(value)


def closing_brackets(rng: Random) -> Item:
    """The brackets that are still open, closed in the right order."""
    opened: list[str] = []
    shown: list[str] = []
    for _ in range(rng.randint(3, 6)):
        if opened and rng.random() < 0.35:
            shown.append(_PAIRS[opened.pop()])
        else:
            opened.append(rng.choice(tuple(_PAIRS)))
            shown.append(opened[-1])
    if not opened:
        opened.append(rng.choice(tuple(_PAIRS)))
        shown.append(opened[-1])
    answer = " ".join(_PAIRS[bracket] for bracket in reversed(opened))
    return f"Close the brackets: {' '.join(shown)}", f"Open: {' '.join(opened)}.", answer


def shuffled_objects(rng: Random) -> Item:
    """Three people with one thing each, and a swap: what has one of them?"""
    people, things = rng.sample(NAMES, 3), rng.sample(THINGS, 3)
    has = dict(zip(people, things, strict=True))
    story = [f"{person} has a {thing}." for person, thing in has.items()]
    one, two = rng.sample(people, 2)
    story.append(f"{one} and {two} swap.")
    has[one], has[two] = has[two], has[one]
    asked = rng.choice(people)
    rationale = " ".join(f"{person} has a {has[person]}." for person in people)
    return f"{' '.join(story)} What does {asked} have?", rationale, has[asked]


def web_of_lies(rng: Random) -> Item:
    """Each person says whether the one before lies: does the last one tell the truth?"""
    people = rng.sample(NAMES, rng.randint(2, 4))
    truth = rng.random() < 0.5
    story = [f"{people[0]} {'tells the truth' if truth else 'lies'}."]
    lines = list(story)
    for before, person in pairwise(people):
        claim = rng.random() < 0.5
        story.append(f"{person} says {before} {'tells the truth' if claim else 'lies'}.")
        truth = claim == truth
        lines.append(f"{person} {'tells the truth' if truth else 'lies'}.")
    question = f"{' '.join(story)} Does {people[-1]} tell the truth?"
    return question, " ".join(lines[1:]), "yes" if truth else "no"


def ordering(rng: Random) -> Item:
    """Three people by age from two statements: who is the oldest, youngest, or between?"""
    people = rng.sample(NAMES, 3)
    word = rng.choice(("older", "younger"))
    story = f"{people[0]} is {word} than {people[1]}. {people[1]} is {word} than {people[2]}."
    old_to_young = people if word == "older" else people[::-1]
    place, asked = rng.choice(((0, "the oldest"), (1, "in the middle"), (2, "the youngest")))
    rationale = f"From old to young: {', '.join(old_to_young)}."
    return f"{story} Who is {asked}?", rationale, old_to_young[place]


TASKS = (
    GenericTask(
        "boolean_expressions",
        "value of a small logical expression",
        AnswerKind.BOOLEAN,
        boolean_expressions,
    ),
    GenericTask("closing_brackets", "close open brackets in order", AnswerKind.TEXT, closing_brackets),
    GenericTask(
        "shuffled_objects", "who holds what after a swap", AnswerKind.TEXT, shuffled_objects, named(THINGS)
    ),
    GenericTask("web_of_lies", "truth-tellers and liars in a chain", AnswerKind.BOOLEAN, web_of_lies),
    GenericTask("ordering", "order three people by age", AnswerKind.TEXT, ordering, named(NAMES)),
)
