"""Shopping: several purchases are summed, with a bag to pay, a discount, and a purse to pay from."""

from __future__ import annotations

from random import Random

from smallsteps.microworld.families.plan import Limits, Plan, Telling, Wordings
from smallsteps.microworld.program import Operand, run

NAME = "shopping"
SENTENCES: Wordings = {
    "purse": (
        ("{A} has {n} coins.", "There are {n} coins in the bag of {A}."),
        ("{n} coins are in the bag of {A}.",),
    ),
    "buy": (
        ("{A} buys {n} {x} at {m} coins each.", "{A} pays {m} coins each for {n} {x}."),
        ("For {n} {x} at {m} coins each {A} pays.",),
    ),
    "fee": (
        ("The bag costs {n} coins more.", "{A} pays {n} coins for a bag."),
        ("For a bag {A} pays {n} more.",),
    ),
    "discount": (
        ("A card takes {n} coins off.", "{A} gets {n} coins off."),
        ("For the card {n} coins are off.",),
    ),
    "ask_paid": (
        ("How many coins does {A} pay?", "How much does {A} pay in all?"),
        ("What does {A} pay in all?",),
    ),
    "ask_left": (
        ("How many coins are left for {A}?", "How many coins does {A} have now?"),
        ("What is the number of coins that {A} has now?",),
    ),
}
QUESTIONS = {
    "product": "How much do the {x} cost?",
    "sum": "How much do they cost together?",
    "fee": "How much is it with the bag?",
    "discount": "How much is it with the coins off?",
    "left": "How many coins are left?",
}
_SHAPES = {
    steps: [(m, e) for m in range(1, 5) for e in range(4) if 2 * m - 1 + e == steps] for steps in range(1, 8)
}


def plan(rng: Random, steps: int, limits: Limits) -> Plan | None:
    """`m` products and their running sum, then up to three of: bag, discount, purse."""
    purchases, extras = rng.choice(_SHAPES[steps])
    chosen = rng.sample(("fee", "discount", "left"), extras)
    telling = Telling()
    total: Operand = 0
    buys: list[tuple[int, int]] = []
    for place in range(purchases):
        room = max(4, limits.total // purchases)
        number = rng.randint(2, limits.factor)
        price = rng.randint(2, max(2, min(limits.factor, room // number)))
        buys.append((number, price))
        thing = "xyzw"[place]
        product = telling.compute(number, "*", price, "product", x=thing)
        total = product if place == 0 else telling.compute(total, "+", product, "sum")
    fee, discount = rng.randint(2, limits.operand), rng.randint(2, limits.operand)
    if "fee" in chosen:
        total = telling.compute(total, "+", fee, "fee")
    if "discount" in chosen:
        total = telling.compute(total, "-", discount, "discount")
    if "left" in chosen:
        paid = (run(tuple(telling.operations)) or [0])[-1]
        if paid >= limits.total:
            return None
        purse = rng.randint(paid + 1, limits.total)
        telling.say("purse", n=purse)
        telling.compute(purse, "-", total, "left")
    for place, (number, price) in enumerate(buys):
        telling.say("buy", n=number, m=price, x="xyzw"[place])
    if "fee" in chosen:
        telling.say("fee", n=fee)
    if "discount" in chosen:
        telling.say("discount", n=discount)
    telling.say("ask_left" if "left" in chosen else "ask_paid")
    return telling.done(limits)
