"""What a planned comparison can detect, benchmark by benchmark: `smallsteps power`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from smallsteps.errors import UserError
from smallsteps.reports.compare.layout import markdown_table, plain, text_table, wrapped
from smallsteps.reports.numbers import count, listed, plural, points
from smallsteps.stats.power import (
    detectable_difference,
    items_needed,
    method_power,
    provable_margin,
    seeds_needed,
)

SCHEMA = "smallsteps.power/2"
DASH = "–"
USUAL = (0.1, 0.2, 0.3)  # discordance, unless it is named
HEADER = ("task", "items", "discordance %", "checkpoints", "methods", "seeds for effect", "gate margin")


@dataclass(frozen=True, slots=True)
class Plan:
    """A design.

    Attributes:
        seeds: per method.
        seed_sd: sd of accuracy between seeds of one method.
        effect: difference that should be found; None if only detectable ones are asked for.
        power: wanted; alpha: two-sided (one-sided for the gate).
        design_effect: inflation by clusters.
    """

    seeds: int = 1
    seed_sd: float = 0.01
    effect: float | None = None
    power: float = 0.8
    alpha: float = 0.05
    design_effect: float = 1.0


@dataclass(frozen=True, slots=True)
class Prospect:
    """What one benchmark can show under the plan.

    Attributes:
        task: name; items: number; discordance: share of items on which two runs differ.
        checkpoint: smallest difference of two checkpoints found with this power; None if none is.
        method: smallest difference of two methods; None with one seed.
        seeds: seeds per method for the effect; None if not asked for, or if more than 200.
        items_for_effect: items for the effect between two checkpoints; None if not asked for.
        margin: smallest margin that a gate passes with this power when nothing was lost, in whole hundredths
        of a point; None if no margin below 100 points is.
    """

    task: str
    items: int
    discordance: float
    checkpoint: float | None
    method: float | None
    seeds: int | None
    items_for_effect: int | None
    margin: float | None


def prospect(task: str, items: int, discordance: float, plan: Plan) -> Prospect:
    """Detectable differences of one benchmark.

    Raises:
        UserError: impossible items or discordance, or an effect beyond the discordance.
    """
    if plan.effect is not None:
        shares([discordance], plan.effect)
    effective = max(1, int(items / plan.design_effect))
    method = method_power(
        plan.seeds,
        items,
        plan.seed_sd,
        discordance,
        alpha=plan.alpha,
        power=plan.power,
        design_effect=plan.design_effect,
    )
    seeds = needed = None
    if plan.effect is not None:
        seeds = seeds_needed(
            plan.effect,
            items,
            plan.seed_sd,
            discordance,
            alpha=plan.alpha,
            power=plan.power,
            design_effect=plan.design_effect,
        )
        needed = math.ceil(
            plan.design_effect * items_needed(plan.effect, discordance, plan.alpha, plan.power) - 1e-6
        )
    return Prospect(
        task,
        items,
        discordance,
        detectable_difference(effective, discordance, plan.alpha, plan.power),
        method.detectable,
        seeds,
        needed,
        provable_margin(effective, discordance, plan.alpha, plan.power),
    )


def shares(asked: Sequence[float], effect: float | None) -> list[float]:
    """Shares of discordant items to plan with: those asked for, or the usual ones that allow the effect.

    Raises:
        UserError: the effect is larger than a discordance, which no two runs can show.
    """
    if not asked:
        usual = [share for share in USUAL if effect is None or effect <= share]
        return usual or shares(USUAL, effect)
    small = [share for share in asked if effect is not None and effect > share]
    if effect is not None and small:
        size = f"{100 * effect:g}"
        raise UserError(
            f"--effect {size}: a difference of {size} points needs a discordance of at least {size} %, "
            f"got {listed([f'{100 * share:g} %' for share in small])}",
            fix=f"give --discordance {size} or more, or a smaller --effect",
        )
    return list(asked)


def parse_benchmarks(options: Sequence[str], known: dict[str, int]) -> list[tuple[str, int]]:
    """Benchmarks from `NAME` (of the known ones), `NAME=ITEMS` or `ITEMS`.

    Raises:
        UserError: an unknown name without a number of items.
    """
    from smallsteps.errors import unknown_name

    found: list[tuple[str, int]] = []
    for option in options:
        name, separator, text = option.rpartition("=")
        if not separator and not option.isdigit():
            if option not in known:
                raise unknown_name("benchmark", option, known)
            found.append((option, known[option]))
            continue
        if not text.isdigit() or int(text) < 1:
            raise UserError(f"'{option}': '{text}' is not a number of items")
        found.append((name or f"{text} items", int(text)))
    return found


def _cell(value: float | None) -> str:
    return DASH if value is None else points(value, 1 if value >= 0.01 else 2)


def _margin(value: float | None) -> str:
    """Rounded up, so that the printed value has the promised power."""
    if value is None:
        return "none"
    step = 1000 if value >= 0.01 else 10_000
    return _cell(math.ceil(value * step - 1e-6) / step)


def _cells(one: Prospect, plan: Plan) -> tuple[str, ...]:
    seeds = DASH if plan.effect is None else str(one.seeds) if one.seeds else "> 200"
    return (
        one.task,
        count(one.items),
        points(one.discordance, 0),
        _cell(one.checkpoint),
        _cell(one.method),
        seeds,
        _margin(one.margin),
    )


def sentences(prospects: Sequence[Prospect], plan: Plan) -> list[str]:
    """How to read the table."""
    power = f"{100 * plan.power:g} %"
    out = [
        f"Differences in accuracy points found with power {power} at two-sided {100 * plan.alpha:g} %: "
        f"`checkpoints`, two trained models, exact McNemar; `methods`, {plural(plan.seeds, 'seed')} each "
        f"with sd {points(plan.seed_sd, 1)} points between seeds."
    ]
    if plan.seeds == 1:
        out.append("1 seed: this design supports no method-level claim.")
    out.append(
        "`gate margin`: the smallest margin at which a gate on two single runs passes with this power if "
        f"nothing was lost (one-sided {100 * plan.alpha:g} %), by enumeration, rounded up."
    )
    if any(one.margin is None for one in prospects):
        out.append("none: with so few items, not even a margin of 99.99 points is passed with this power.")
    if plan.design_effect != 1:
        out.append(
            f"Design effect {plan.design_effect:g}: `checkpoints` and `gate margin` are approximate: they "
            "count items / design effect as items that vary on their own."
        )
    if plan.effect is not None:
        effect = points(plan.effect, 1)
        out.append("The number of seeds takes all discordance to be between items, so fewer may be enough.")
        for one in prospects:
            where = f"{one.task} at discordance {points(one.discordance, 0)} %"
            items = f"{count(one.items_for_effect or 0)} items between two checkpoints"
            if one.seeds is None:
                out.append(f"{where}: {effect} points need {items}; more seeds alone are not enough.")
            else:
                out.append(
                    f"{where}: {effect} points need {plural(one.seeds, 'seed')} per method, or {items}."
                )
    return out


def as_text(prospects: Sequence[Prospect], plan: Plan) -> str:
    """For a terminal."""
    table = text_table(HEADER, [_cells(one, plan) for one in prospects])
    return table + "\n\n" + "\n".join(wrapped(text) for text in sentences(prospects, plan)) + "\n"


def as_markdown(prospects: Sequence[Prospect], plan: Plan) -> str:
    """For a page."""
    table = markdown_table(HEADER, [_cells(one, plan) for one in prospects])
    return table + "\n\n" + "\n".join(f"- {text}" for text in sentences(prospects, plan)) + "\n"


def as_json(prospects: Sequence[Prospect], plan: Plan) -> dict[str, Any]:
    """For machines."""
    return {"schema": SCHEMA, "plan": plain(plan), "benchmarks": plain(list(prospects))}
