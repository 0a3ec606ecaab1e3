"""Inventory: somebody has things, and the number changes step by step."""

from __future__ import annotations

from random import Random

from smallsteps.microworld.families.plan import Limits, Plan, Telling, Wordings
from smallsteps.microworld.program import Operand, apply

NAME = "inventory"
SENTENCES: Wordings = {
    "start": (
        ("{A} has {n} {x}.", "{A} starts with {n} {x}.", "There are {n} {x} in the bag of {A}."),
        ("In the bag of {A} there are {n} {x}.", "{n} {x} are in the bag that {A} has."),
    ),
    "gain": (
        ("{A} finds {n} more.", "{A} buys {n} {x}.", "{B} gives {A} {n} more {x}."),
        ("{A} gets {n} {x} from {B}.", "There are {n} more {x} that {A} finds."),
    ),
    "lose": (
        ("{A} loses {n} {x}.", "{A} gives {n} to {B}.", "{A} sells {n} of them."),
        ("{B} gets {n} {x} from {A}.", "There are {n} {x} that {A} sells."),
    ),
    "times": (
        ("Soon {A} has {n} times as many.", "The {x} become {n} times as many."),
        ("Then there are {n} times as many {x}.",),
    ),
    "split": (
        (
            "{A} puts them in {n} equal bags and keeps one bag.",
            "{A} makes {n} equal parts and keeps one part.",
        ),
        ("Of {n} equal bags with them {A} keeps one.",),
    ),
    "ask": (
        ("How many {x} does {A} have now?", "How many {x} are left for {A}?"),
        ("What is the number of {x} that {A} has now?",),
    ),
}
QUESTIONS = {
    "gain": "How many {x} are there after getting more?",
    "lose": "How many {x} are there after losing some?",
    "times": "How many {x} are there after the growth?",
    "split": "How many {x} are there in one part?",
}


def plan(rng: Random, steps: int, limits: Limits) -> Plan | None:
    """A chain of gains, losses, multiplications and splits."""
    telling = Telling()
    value = rng.randint(2, min(limits.total, 4 * limits.operand))
    latest: Operand = value
    telling.say("start", n=value)
    for _ in range(steps):
        draw = rng.random()
        room = limits.total - value
        if draw < 0.15 and value >= 2 and room >= value:
            kind, symbol, number = (
                "times",
                "*",
                rng.randint(2, max(2, min(limits.factor, limits.total // value))),
            )
        elif draw < 0.35 and value >= 4:
            divisors = [k for k in range(2, limits.factor + 1) if value % k == 0 and value > k]
            if not divisors:
                return None
            kind, symbol, number = "split", "/", rng.choice(divisors)
        elif draw < 0.68 and room >= 2:
            kind, symbol, number = "gain", "+", rng.randint(2, min(limits.operand, room))
        elif value >= 3:
            kind, symbol, number = "lose", "-", rng.randint(2, min(limits.operand, value - 1))
        else:
            return None
        telling.say(kind, n=number)
        latest = telling.compute(latest, symbol, number, kind)
        value = apply(value, symbol, number) or 0
    telling.say("ask")
    return telling.done(limits)
