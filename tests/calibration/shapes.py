"""Shapes of reports whose false statements are counted, and intervals whose coverage is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import reports as rep
from worlds import World

Run = Callable[[int, int], rep.Rates]


def _compare(suite: bool = False, **world: Any) -> Run:
    return partial(rep.compare_equal, world=World(**world), suite=suite)


def _margin(margin: float, **world: Any) -> Run:
    return partial(rep.tradeoff_at_margin, world=World(**world), margin=margin)


def _gate(margin: float, equal: bool = False, **world: Any) -> Run:
    return partial(rep.gate_at_margin, world=World(**world), margin=margin, equal=equal)


def _covers(suite: bool = False, **world: Any) -> Run:
    return partial(rep.coverage, world=World(**world), suite=suite)


RARE = {"items": 125, "discordance": 0.05}
NOISY = {"sd": 0.03, "items": 1000, "discordance": 0.1}
APART = {"shift": {(1, 0): 0.05}}

# (shape, run, draws of the long version, draws of the short one)
SHAPES: list[tuple[str, Run, int, int]] = [
    ("2 students, 1 seed, 125 items, discordance 5 %", _compare(seeds=1, **RARE), 1500, 150),
    (
        "2 students, 1 seed, 4 tasks of 125 items, discordance 5 %",
        _compare(seeds=1, tasks=4, **RARE),
        800,
        60,
    ),
    ("2 students, 1 seed, 125 items in 25 clusters", _compare(seeds=1, items=125, cluster=5), 2000, 150),
    ("2 students, 1 seed, 120 items in 10 clusters", _compare(seeds=1, items=120, cluster=12), 2000, 150),
    (
        "2 students, 1 seed, suite of 16 parts, discordance 5 %",
        _compare(seeds=1, items=320, parts=16, discordance=0.05),
        1200,
        60,
    ),
    ("2 students, 2 seeds, sd 2, 500 items", _compare(seeds=2, sd=0.02), 1500, 100),
    ("2 students, 3 seeds, sd 0, 125 items, discordance 5 %", _compare(**RARE), 1500, 100),
    ("2 students, 3 seeds, sd 0, 500 items", _compare(), 1200, 100),
    ("2 students, 3 seeds, sd 1, 500 items", _compare(sd=0.01), 1200, 0),
    ("2 students, 3 seeds, sd 2, 500 items", _compare(sd=0.02), 1200, 0),
    (
        "2 students, 3 seeds, sd 3, 1000 items, discordance 30 %",
        _compare(sd=0.03, items=1000, discordance=0.3),
        1000,
        60,
    ),
    ("2 students, 3 seeds, sd 3, 1000 items, discordance 10 %", _compare(**NOISY), 1000, 0),
    (
        "2 students, 3 seeds, sd 1, 300 items in 30 clusters",
        _compare(sd=0.01, items=300, cluster=10),
        1200,
        80,
    ),
    (
        "2 students, 3 seeds, sd 1, suite of 8 tasks with clusters",
        _compare(suite=True, sd=0.01, items=120, cluster=10, tasks=8),
        400,
        20,
    ),
    ("2 students, 3 seeds, sd 2, suite of 16 parts", _compare(sd=0.02, items=480, parts=16), 800, 40),
    ("2 students, 3 seeds, sd 2, 6 tasks", _compare(sd=0.02, items=250, tasks=6), 500, 20),
    ("3 students, 3 seeds, sd 2, 3 tasks", _compare(sd=0.02, items=500, tasks=3, students=3), 400, 20),
    ("4 students, 2 seeds, sd 3, 1000 items", _compare(seeds=2, students=4, **NOISY), 500, 0),
    (
        "6 students, 3 seeds, sd 3, 2 tasks with clusters",
        _compare(sd=0.03, items=250, tasks=2, students=6, cluster=10),
        250,
        0,
    ),
    ("6 students, 1 seed, 6 tasks", _compare(seeds=1, items=250, tasks=6, students=6), 150, 0),
    ("trade-off at the margin, 3 seeds, sd 0", _margin(0.03, tasks=2, items=500), 800, 60),
    (
        "trade-off at the margin, 3 students, 3 seeds, sd 2",
        _margin(0.03, sd=0.02, tasks=2, items=1000, students=4),
        400,
        0,
    ),
    ("trade-off at the margin, 3 seeds, sd 3, discordance 10 %", _margin(0.03, tasks=2, **NOISY), 800, 60),
    ("trade-off at the margin, 1 seed, 2 generic tasks", _margin(0.05, seeds=1, tasks=3, items=500), 600, 0),
    ("gate at the margin, 1 seed, 500 items", _gate(0.03, seeds=1), 1500, 100),
    (
        "gate at the margin, 1 seed, 300 items in 30 clusters",
        _gate(0.03, seeds=1, items=300, cluster=10),
        1500,
        0,
    ),
    ("gate at the margin, 3 seeds, sd 2", _gate(0.03, sd=0.02, items=1000), 1000, 60),
    ("gate at the margin, 2 seeds, sd 3", _gate(0.03, seeds=2, sd=0.03, items=1000), 1000, 0),
    (
        "gate, equal students, 3 seeds, sd 3, 3 tasks",
        _gate(0.02, equal=True, sd=0.03, tasks=3, items=500),
        500,
        30,
    ),
    ("gate, equal students, 1 seed, 3 tasks", _gate(0.02, equal=True, seeds=1, tasks=3, items=250), 800, 0),
]

# (world, run, draws)
COVERAGES: list[tuple[str, Run, int]] = [
    ("1 seed, 125 items, discordance 5 %", _covers(seeds=1, **RARE), 800),
    ("3 seeds, sd 2, 500 items", _covers(sd=0.02), 600),
    ("3 seeds, sd 2, 30 clusters, 5 points apart", _covers(sd=0.02, items=300, cluster=10, **APART), 600),
    ("3 seeds, sd 2, suite of 16 parts, 5 points apart", _covers(sd=0.02, items=480, parts=16, **APART), 400),
    ("3 seeds, sd 2, 4 tasks, 5 points apart on one", _covers(sd=0.02, items=250, tasks=4, **APART), 200),
    (
        "1 seed, 14 families that differ (sd 5), 5 points apart",
        _covers(seeds=1, items=320, parts=16, families=0.05, **APART),
        500,
    ),
    (
        "3 seeds, sd 2, 14 families that differ (sd 5), 5 points apart",
        _covers(sd=0.02, items=320, parts=16, families=0.05, **APART),
        400,
    ),
    (
        "3 seeds, sd 2, suite of 8 tasks, correlation of a run's luck 0",
        _covers(suite=True, sd=0.02, items=60, tasks=8, correlation=0.0, **APART),
        300,
    ),
    (
        "3 seeds, sd 2, suite of 8 tasks, correlation .5",
        _covers(suite=True, sd=0.02, items=60, tasks=8, correlation=0.5, **APART),
        300,
    ),
    (
        "3 seeds, sd 2, suite of 8 tasks with clusters, correlation .9",
        _covers(suite=True, sd=0.02, items=60, tasks=8, cluster=5, correlation=0.9, **APART),
        300,
    ),
    ("3 seeds, correlation of a run's luck 0", partial(rep.ratio_coverage, correlation=0.0), 500),
    ("3 seeds, correlation .5", partial(rep.ratio_coverage, correlation=0.5), 500),
    ("3 seeds, correlation .9", partial(rep.ratio_coverage, correlation=0.9), 500),
    ("10 seeds, correlation .9", partial(rep.ratio_coverage, correlation=0.9, seeds=10), 300),
    ("1 seed, sd 0", partial(rep.ratio_coverage, correlation=0.0, seeds=1), 300),
    (
        "3 seeds, generic suite of 4 tasks, correlation 0",
        partial(rep.ratio_coverage, correlation=0.0, generic=4),
        300,
    ),
    (
        "3 seeds, generic suite of 4 tasks, correlation .9",
        partial(rep.ratio_coverage, correlation=0.9, generic=4),
        300,
    ),
    ("3 seeds, clusters, correlation .5", partial(rep.ratio_coverage, correlation=0.5, cluster=10), 300),
]
