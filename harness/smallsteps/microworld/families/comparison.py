"""Comparison: each person has more, fewer or several times as many things as another."""

from __future__ import annotations

from random import Random

from smallsteps.microworld.families.plan import Limits, Plan, Telling, Wordings
from smallsteps.microworld.program import Operand, apply

NAME = "comparison"
SENTENCES: Wordings = {
    "start": (("{P} has {n} {x}.", "There are {n} {x} in the bag of {P}."), ("The bag of {P} has {n} {x}.",)),
    "more": (
        ("{P} has {n} more {x} than {Q}.", "{P} has {n} more than {Q}."),
        ("There are {n} more for {P} than for {Q}.",),
    ),
    "fewer": (
        ("{P} has {n} fewer {x} than {Q}.", "{P} has {n} fewer than {Q}."),
        ("There are {n} fewer for {P} than for {Q}.",),
    ),
    "times": (("{P} has {n} times as many as {Q}.",), ("There are {n} times as many for {P} as for {Q}.",)),
    "ask_last": (
        ("How many {x} does {P} have?", "How many {x} are there for {P}?"),
        ("What is the number of {x} that {P} has?",),
    ),
    "ask_pair": (("How many {x} do {P} and {Q} have together?",), ("What do {P} and {Q} have together?",)),
    "ask_all": (
        ("How many {x} do they have together?", "How many {x} are there in all?"),
        ("What is the number of {x} in all?",),
    ),
}
QUESTIONS = {
    "has": "How many {x} does {P} have?",
    "pair": "How many {x} do {P} and {Q} have together?",
    "sum": "How many {x} are there so far?",
}
_SYMBOLS = {"more": "+", "fewer": "-", "times": "*"}


def plan(rng: Random, steps: int, limits: Limits) -> Plan | None:
    """A chain of relations; asks for the last person, the last with another one, or all together."""
    asks = ["last"] if steps < 2 else ["last", "pair", "pair"] + (["all", "all"] if steps % 2 == 0 else [])
    ask = rng.choice(asks)
    relations = {"last": steps, "pair": steps - 1, "all": steps // 2}[ask]
    telling = Telling()
    start = rng.randint(2, limits.operand)
    values, known = [start], [start]
    holders: list[Operand] = [start]
    telling.say("start", n=start, P="0")
    for person in range(1, relations + 1):
        other = rng.randrange(person) if ask == "all" else person - 1
        draw, value = rng.random(), known[other]
        if draw < 0.3 and value * 2 <= limits.total:
            kind, number = "times", rng.randint(2, min(limits.factor, limits.total // value))
        elif draw < 0.65 or value < 4:
            kind, number = "more", rng.randint(2, limits.operand)
        else:
            kind, number = "fewer", rng.randint(2, min(limits.operand, value - 1))
        people = {"P": str(person), "Q": str(other)}
        telling.say(kind, n=number, **people)
        holders.append(telling.compute(holders[other], _SYMBOLS[kind], number, "has", P=people["P"]))
        known.append(apply(value, _SYMBOLS[kind], number) or 0)
        values.append(known[-1])
    last = str(relations)
    if ask == "last":
        telling.say("ask_last", P=last)
    elif ask == "pair":
        other = rng.randrange(relations)
        people = {"P": str(other), "Q": last}
        telling.compute(holders[other], "+", holders[relations], "pair", **people)
        telling.say("ask_pair", **people)
    else:
        total = holders[0]
        for person in range(1, relations + 1):
            total = telling.compute(total, "+", holders[person], "sum")
        telling.say("ask_all")
    return telling.done(limits)
