"""Work: somebody does so many a day for some days, out of a total, and spreads the rest."""

from __future__ import annotations

from random import Random

from smallsteps.microworld.families.plan import Limits, Plan, Telling, Wordings
from smallsteps.microworld.program import Operand, run

NAME = "work"
SENTENCES: Wordings = {
    "rate": (
        ("{A} {does} {m} {unit} a day for {n} days.", "For {n} days {A} {does} {m} {unit} a day."),
        ("There are {n} days with {m} {unit} each that {A} {does}.",),
    ),
    "extra": (
        ("Then {A} {does} {n} more.", "{A} {does} {n} {unit} more."),
        ("There are {n} more {unit} that {A} {does}.",),
    ),
    "goal": (
        ("{A} must have {n} {unit} in all.", "There are {n} {unit} in all."),
        ("In all {A} must have {n} {unit}.",),
    ),
    "spread": (
        ("The rest takes {n} equal days.", "{A} {does} the rest in {n} equal days."),
        ("For {n} equal days {A} {does} the rest.",),
    ),
    "ask_done": (
        ("How many {unit} are done?", "How many {unit} are there now?"),
        ("What is the number of {unit} done?",),
    ),
    "ask_left": (
        ("How many {unit} are left?", "How many {unit} are left for {A}?"),
        ("What is the number of {unit} left?",),
    ),
    "ask_day": (("How many {unit} are there each day?",), ("What is the number of {unit} for each day?",)),
}
QUESTIONS = {
    "product": "How many {unit} are done in these days?",
    "sum": "How many {unit} are done so far?",
    "extra": "How many {unit} are done with the extra?",
    "left": "How many {unit} are left?",
    "day": "How many {unit} are there each day?",
}
KINDS = (("reads", "pages"), ("walks", "miles"), ("paints", "walls"), ("plants", "trees"))
_EXTRAS = ((), ("extra",), ("left",), ("extra", "left"), ("left", "day"), ("extra", "left", "day"))
_SHAPES = {
    steps: [(m, e) for m in range(1, 4) for e in _EXTRAS if 2 * m - 1 + len(e) == steps]
    for steps in range(1, 8)
}


def plan(rng: Random, steps: int, limits: Limits) -> Plan | None:
    """`m` stretches of days and their sum, then some of: extra work, the rest of a goal, a day's share."""
    stretches, extras = rng.choice(_SHAPES[steps])
    telling = Telling()
    total: Operand = 0
    for place in range(stretches):
        room = max(4, limits.total // stretches)
        days = rng.randint(2, limits.factor)
        rate = rng.randint(2, max(2, min(limits.factor, room // days)))
        telling.say("rate", n=days, m=rate)
        product = telling.compute(days, "*", rate, "product")
        total = product if place == 0 else telling.compute(total, "+", product, "sum")
    if "extra" in extras:
        number = rng.randint(2, limits.operand)
        telling.say("extra", n=number)
        total = telling.compute(total, "+", number, "extra")
    ask = "ask_done"
    if "left" in extras:
        done = (run(tuple(telling.operations)) or [0])[-1]
        if done >= limits.total - 1:
            return None
        ask, days = "ask_left", rng.randint(2, limits.factor)
        goal = rng.randint(done + 1, limits.total)
        if "day" in extras:
            goal = done + days * rng.randint(2, limits.factor)
        telling.say("goal", n=goal)
        total = telling.compute(goal, "-", total, "left")
        if "day" in extras:
            ask = "ask_day"
            telling.say("spread", n=days)
            telling.compute(total, "/", days, "day")
    telling.say(ask)
    return telling.done(limits)
