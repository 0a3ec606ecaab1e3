"""Tasks on numbers, days and dates."""

from __future__ import annotations

import re
from random import Random

from smallsteps.microworld.generic.task import GenericTask, Item, listed
from smallsteps.microworld.words import DAYS, NAMES
from smallsteps.problems import AnswerKind


def largest_number(rng: Random) -> Item:
    """The largest or smallest of three numbers."""
    numbers = rng.sample(range(1, 100), 3)
    word, pick = rng.choice((("largest", max), ("smallest", min)))
    rest = [number for number in numbers if number != pick(numbers)]
    sign = "more" if pick is max else "less"
    rationale = " ".join(f"{pick(numbers)} is {sign} than {number}." for number in rest)
    asked = f"Which is the {word}: {', '.join(map(str, numbers))}?"
    if rng.random() < 0.5:
        asked = f"Among {listed([str(number) for number in numbers])}, which is the {word}?"
    return asked, rationale, str(pick(numbers))


def next_number(rng: Random) -> Item:
    """The next member of a row with equal steps."""
    step, count = rng.randint(2, 9), rng.randint(3, 5)
    start = rng.randint(1, 50 - step * count)
    row = [start + step * place for place in range(count + 1)]
    sign = "+"
    if rng.random() < 0.4:
        row, sign = row[::-1], "-"
    high, low = max(row[0], row[1]), min(row[0], row[1])
    rationale = f"{high} - {low} = {step}. {row[-2]} {sign} {step} = {row[-1]}."
    return f"What comes next: {', '.join(map(str, row[:-1]))}?", rationale, str(row[-1])


def navigate(rng: Random) -> Item:
    """Steps forward and back on a line: is one back at the start?"""
    name = rng.choice(NAMES)
    forward = [rng.randint(2, 9) for _ in range(rng.randint(1, 2))]
    total = sum(forward)
    back = [total if rng.random() < 0.5 or total < 4 else rng.randint(max(2, total - 4), total - 1)]
    if len(forward) == 1 and back[0] >= 4 and rng.random() < 0.7:
        first = rng.randint(2, back[0] - 2)
        back = [first, back[0] - first]
    story = [f"{name} takes {move} steps forward." for move in forward]
    story += [f"{name} takes {move} steps back." for move in back]
    lines = [f"{forward[0]} + {forward[1]} = {total}."] if len(forward) == 2 else []
    for move in back:
        lines.append(f"{total} - {move} = {total - move}.")
        total -= move
    return f"{' '.join(story)} Is {name} at the start?", " ".join(lines), "no" if total else "yes"


def weekdays(rng: Random) -> Item:
    """A day of the week, a few days on, sometimes by way of somebody else's."""
    (name, other), today = rng.sample(NAMES, 2), rng.randrange(7)
    first, second = rng.randint(2, 3), rng.choice((0, 0, 2, 3))
    coming = f"{name} comes in {first} days." if rng.random() < 0.5 else f"In {first} days {name} comes."
    story = f"Today is {DAYS[today]}. {coming}"
    path = [DAYS[(today + offset) % 7] for offset in range(1, first + second + 1)]
    if second:
        story += f" {other} comes {second} days after {name}."
    asked = other if second else name
    return f"{story} On what day does {asked} come?", f"{', '.join(path)}.", path[-1]


def dates(rng: Random) -> Item:
    """A day of the month, a week and some days on or back."""
    name, other = rng.sample(NAMES, 2)
    day, days = rng.randint(8, 21), rng.randint(2, 6)
    sign, word = rng.choice((("+", "after"), ("-", "before")))
    later = rng.random() < 0.5
    there = day + 7 if later else day
    last = there + days if sign == "+" else there - days
    story = f"{name} comes on day {day}."
    lines = []
    if later:
        story = f"{name} comes one week {rng.choice(('after', 'from'))} day {day}."
        lines.append(f"{day} + 7 = {there}.")
    lines.append(f"{there} {sign} {days} = {last}.")
    question = f"{story} {other} comes {days} days {word} {name}. On what day does {other} come?"
    return question, " ".join(lines), str(last)


def _numbers(question: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\d+", question))


TASKS = (
    GenericTask(
        "largest_number",
        "the largest or smallest of three numbers",
        AnswerKind.NUMBER,
        largest_number,
        _numbers,
    ),
    GenericTask("next_number", "continue a row of numbers", AnswerKind.NUMBER, next_number),
    GenericTask("navigate", "is one back at the start", AnswerKind.BOOLEAN, navigate),
    GenericTask("weekdays", "a day of the week, some days on or back", AnswerKind.TEXT, weekdays),
    GenericTask("dates", "a day of the month, some days on or back", AnswerKind.NUMBER, dates),
)
