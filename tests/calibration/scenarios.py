"""What is simulated, and what each procedure must show there.

`level`: rejects 5 % of the time; `at most`: 5 % or less (discrete or deliberately careful); `fails`: a
negative control that must be caught rejecting more than 5 %; `covers`: covers 95 %, by enumeration, or one
point less at most; `misses`: a negative control whose coverage falls short by more than a point.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import simulations as sim


@dataclass(frozen=True)
class Scenario:
    """One simulated world and the verdict wanted for each procedure in it."""

    name: str
    run: Callable[[int, int], sim.Rates]
    wanted: dict[str, str]


def _gate(draws: int, seed: int, **world: float) -> sim.Rates:
    return sim.gate(draws, seed, **world)[0]  # type: ignore[arg-type]


CLUSTER_LEVEL = {"cluster t": "level", "sign-flip by cluster": "at most"}
NO_CLUSTERS = {"paired test without clusters": "fails", "McNemar without clusters": "fails"}
ITEMS_ONLY = {"one seed, McNemar": "fails", "seeds x items pooled": "fails", "items only": "fails"}

SCENARIOS = [
    Scenario(
        "two checkpoints, n = 1319, discordance 20 %",
        sim.paired_null,
        {"exact McNemar": "at most", "paired t": "level", "unpaired z": "at most"},
    ),
    Scenario(
        "partial credit, n = 200, most items alike",
        sim.partial_credit,
        {"paired t": "level", "sign-flip": "level"},
    ),
    Scenario(
        "27 clusters of 50 (ICC .02)",
        partial(sim.clusters, groups=27, size=50, icc=0.02),
        CLUSTER_LEVEL | NO_CLUSTERS | {"cluster z": "fails", "percentile cluster bootstrap": "fails"},
    ),
    Scenario(
        "10 clusters of 50 (ICC .02)",
        partial(sim.clusters, groups=10, size=50, icc=0.02),
        CLUSTER_LEVEL | NO_CLUSTERS | {"cluster z": "fails", "percentile cluster bootstrap": "fails"},
    ),
    Scenario(
        "100 clusters of 10 (ICC .05)",
        partial(sim.clusters, groups=100, size=10, icc=0.05),
        CLUSTER_LEVEL | NO_CLUSTERS,
    ),
    Scenario(
        "27 subtasks in 23 families that differ",
        sim.suite,
        {"families as a sample (t)": "at most", "fixed strata, read as generic ability": "fails"},
    ),
    Scenario(
        "3 seeds a method, sd .08 logit",
        partial(sim.seeds, count=3, sd=0.08),
        ITEMS_ONLY | {"two-way, Banerjee t": "at most", "two-way, normal z": "fails"},
    ),
    Scenario(
        "5 seeds a method, sd .15 logit",
        partial(sim.seeds, count=5, sd=0.15),
        ITEMS_ONLY | {"two-way, Banerjee t": "at most"},
    ),
    Scenario(
        "10 seeds a method, sd .08 logit",
        partial(sim.seeds, count=10, sd=0.08),
        ITEMS_ONLY | {"two-way, Banerjee t": "at most", "Welch over seeds": "level"},
    ),
    Scenario(
        "10 seeds, methods differ item by item",
        partial(sim.seeds, count=10, sd=0.05, interaction=0.5),
        {"two-way, Banerjee t": "at most", "Welch over seeds": "fails"},
    ),
    Scenario(
        "8 samples an item",
        sim.generations,
        {
            "paired t on item means": "level",
            "sign-flip on item means": "level",
            "all generations as items": "fails",
        },
    ),
    Scenario(
        "four equal students (family-wise)",
        sim.four_equal,
        {"Holm over 6 pairs": "at most", "6 pairs, uncorrected": "fails"},
    ),
    Scenario("peeking at a growing run", sim.peeking, {"McNemar every 50 items": "fails"}),
    Scenario(
        "gate at the boundary, n = 1319, margin 3",
        _gate,
        {
            "Tango, fixed n": "level",
            "O'Brien-Fleming, 5 looks": "level",
            "e-process": "at most",
            "5 looks without correction": "fails",
            "no significant difference": "fails",
        },
    ),
    Scenario(
        "gate at the boundary, n = 125, discordance 5 %, margin 5",
        partial(_gate, n=125, psi=0.05, margin=0.05),
        {
            "Tango, fixed n": "at most",
            "O'Brien-Fleming, 5 looks": "at most",
            "e-process": "at most",
            "Wald, fixed n": "fails",
            "no significant difference": "fails",
        },
    ),
]

# (name, function of no draws, wanted)
ENUMERATED: list[tuple[str, Callable[[], sim.Rates], dict[str, str]]] = [
    (
        "difference, n = 125, discordance 5 %, true 4 points",
        partial(sim.coverage, 125, 0.05, 0.04),
        {"Tango": "covers", "Bonett-Price": "covers", "exact bootstrap": "covers", "Wald": "misses"},
    ),
    (
        "difference, n = 30, discordance 20 %, true 10 points",
        partial(sim.coverage, 30, 0.2, 0.1),
        {"Tango": "covers", "Bonett-Price": "covers", "exact bootstrap": "covers", "Wald": "misses"},
    ),
    (
        "difference, n = 1319, discordance 20 %, true 3 points",
        partial(sim.coverage, 1319, 0.2, 0.03),
        {"Tango": "covers", "Bonett-Price": "covers", "exact bootstrap": "covers", "Wald": "covers"},
    ),
    (
        "one accuracy, n = 125, true 97 %",
        partial(sim.accuracy_coverage, 125, 0.97),
        {"Wilson": "covers", "Clopper-Pearson": "covers", "Wald, one accuracy": "misses"},
    ),
    (
        "one accuracy, n = 30, true 90 %",
        partial(sim.accuracy_coverage, 30, 0.9),
        {"Wilson": "covers", "Clopper-Pearson": "covers", "Wald, one accuracy": "misses"},
    ),
]


def holds(rate: float, draws: int, wanted: str, nominal: float = 0.05) -> bool:
    """Whether a simulated rate shows what is wanted, within 3 Monte-Carlo standard errors."""
    slack = 3 * math.sqrt(nominal * (1 - nominal) / draws)
    if wanted == "level":
        return abs(rate - nominal) <= slack
    if wanted == "at most":
        return rate <= nominal + slack
    return rate > nominal + slack


def covers(coverage: float, wanted: str, nominal: float = 0.95) -> bool:
    """Whether an enumerated coverage shows what is wanted; approximate intervals may fall a point short."""
    return coverage >= nominal - 0.01 if wanted == "covers" else coverage < nominal - 0.01
