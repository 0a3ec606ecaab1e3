"""Sharing: boxes of things, some added, some lost, the rest shared among children."""

from __future__ import annotations

from random import Random

from smallsteps.microworld.families.plan import Limits, Plan, Telling, Wordings
from smallsteps.microworld.program import Operand, apply

NAME = "sharing"
SENTENCES: Wordings = {
    "boxes": (
        ("There are {n} boxes with {m} {x} each.", "{A} fills {n} boxes with {m} {x} each."),
        ("{A} puts {m} {x} in each of {n} boxes.",),
    ),
    "gain": (
        ("{A} adds {n} more.", "{B} brings {n} more {x}."),
        ("There are {n} more {x} that {A} brings.",),
    ),
    "lose": (("{A} loses {n} {x}.", "{n} {x} break.", "{A} takes {n} out."), ("{n} of them {A} takes out.",)),
    "share": (
        ("{n} children share the {x}.", "{A} shares them among {n} children."),
        ("Among {n} children {A} shares the {x}.",),
    ),
    "each_gain": (
        ("Each child gets {n} more.", "{B} gives each child {n} more."),
        ("{n} more {x} each child gets.",),
    ),
    "each_lose": (
        ("Each child loses {n}.", "Each child gives {n} to {B}."),
        ("{B} gets {n} {x} from each child.",),
    ),
    "ask": (("How many {x} are there now?", "How many {x} are left?"), ("What is the number of {x} now?",)),
    "ask_each": (
        ("How many {x} does each child have?", "How many {x} are there for each child?"),
        ("What is the number of {x} that each child has?",),
    ),
}
QUESTIONS = {
    "boxes": "How many {x} are there in the boxes?",
    "gain": "How many {x} are there after getting more?",
    "lose": "How many {x} are there after losing some?",
    "share": "How many {x} does each child get?",
    "each_gain": "How many {x} does each child have after getting more?",
    "each_lose": "How many {x} does each child have after losing some?",
}


def _change(
    rng: Random, value: int, limits: Limits, telling: Telling, latest: Operand, prefix: str
) -> Operand:
    """Tell one gain or loss."""
    if value >= 4 and rng.random() < 0.5:
        kind, symbol, number = "lose", "-", rng.randint(2, min(limits.operand, value - 1))
    else:
        kind, symbol, number = "gain", "+", rng.randint(2, limits.operand)
    telling.say(prefix + kind, n=number)
    return telling.compute(latest, symbol, number, prefix + kind)


def plan(rng: Random, steps: int, limits: Limits) -> Plan | None:
    """boxes, changes, shared by k, changes for each child; sometimes nothing is shared."""
    telling = Telling()
    number = rng.randint(2, limits.factor)
    each = rng.randint(2, max(2, min(limits.factor, limits.total // number)))
    telling.say("boxes", n=number, m=each)
    latest: Operand = telling.compute(number, "*", each, "boxes")
    value = number * each
    shares = steps >= 2 and rng.random() < 0.8
    after = rng.randint(0, min(3, steps - 2)) if shares else 0
    for _ in range(steps - 1 - shares - after):
        latest = _change(rng, value, limits, telling, latest, "")
        value = _value(telling, value)
    if shares:
        divisors = [k for k in range(2, limits.factor + 1) if value % k == 0 and value > k]
        if not divisors:
            return None
        children = rng.choice(divisors)
        telling.say("share", n=children)
        latest = telling.compute(latest, "/", children, "share")
        value //= children
        for _ in range(after):
            latest = _change(rng, value, limits, telling, latest, "each_")
            value = _value(telling, value)
    telling.say("ask_each" if shares else "ask")
    return telling.done(limits)


def _value(telling: Telling, value: int) -> int:
    """The running value after the latest operation."""
    operation = telling.operations[-1]
    assert isinstance(operation.right, int)
    return apply(value, operation.symbol, operation.right) or 0
