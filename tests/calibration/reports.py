"""False statements of whole reports about students that are equal, and passes at a loss of the margin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from unittest.mock import patch

import numpy as np
from worlds import World

from smallsteps.comparing import rows, suites, tradeoff
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.model import ALPHA, Report
from smallsteps.gate.decide import decide
from smallsteps.gate.rules import Rules
from smallsteps.stats.noninferiority import Verdict

Rates = dict[str, float]


def false_statements(report: Report) -> set[str]:
    """Kinds of statements in a report that are wrong if all its students are equal."""
    found = set()
    if any(row.significant for row in report.rows):
        found.add("row")
    if any(row.at_large and (row.at_large.adjusted or 1.0) <= ALPHA for row in report.rows):
        found.add("at large")
    for across in report.across:
        if across.adjusted is not None and across.adjusted <= ALPHA:
            found.add("mean")
        if across.better or across.worse:
            found.add("k of n")
    for board in report.boards:
        shared = set.intersection(*(set(standing.letters) for standing in board.standings))
        if not shared:
            found.add("letter")
        k = len(board.standings)
        if any((standing.rank.low, standing.rank.high) != (1, k) for standing in board.standings):
            found.add("rank")
    return found


@contextmanager
def statements_only() -> Iterator[None]:
    """Leave out what takes time and states nothing: flips, detectable differences, intervals of one side."""
    known = lru_cache(suites.benchmark_of)
    with (
        patch.object(rows, "flips_of", lambda *_: None),
        patch.object(rows, "_detectable", lambda *_: None),
        patch.object(rows, "_cluster_details", lambda *_: None),
        patch.object(rows, "_accuracy_interval", lambda *_: None),
        patch.object(suites, "benchmark_of", known),
        patch.object(tradeoff, "RESAMPLES", 2),
    ):
        yield


def shares(draws: int, once: Callable[[], set[str]]) -> Rates:
    """Share of draws in which each kind of statement was false, and in which any was."""
    total = {"any": 0}
    with statements_only():
        for _ in range(draws):
            kinds = once()
            for kind in kinds | ({"any"} if kinds else set()):
                total[kind] = total.get(kind, 0) + 1
    return {kind: count / draws for kind, count in total.items()}


def compare_equal(draws: int, seed: int, world: World, suite: bool = False) -> Rates:
    """Comparisons of equal students."""
    rng = np.random.default_rng(seed)
    question = Question(suites=("all=*",) if suite else ())
    return shares(draws, lambda: false_statements(build(world.draw(rng), question)))


def tradeoff_at_margin(draws: int, seed: int, world: World, margin: float) -> Rates:
    """Trade-offs in which every student lost the margin on the generic task, and gained nothing."""
    rng = np.random.default_rng(seed)
    target, *generic = world.task_names
    shift = {(k, t): -margin for k in range(1, world.students) for t in range(1, world.tasks)}
    world = replace(world, base=True, shift=shift)
    question = tradeoff.TradeoffQuestion(
        "s0", (target,), tuple(generic), chance=dict.fromkeys(generic, 0.0), margin=margin
    )

    def once() -> set[str]:
        found = set()
        for point in tradeoff.build(world.draw(rng), question).points:
            assert point.within is not None
            if point.within.verdict is Verdict.PASS:
                found.add("pass at the margin")
            if point.within.verdict is Verdict.FAIL:
                found.add("fail at the margin")
            if point.gain_adjusted is not None and point.gain_adjusted <= ALPHA:
                found.add("gain")
        return found

    return shares(draws, once)


def gate_at_margin(draws: int, seed: int, world: World, margin: float, *, equal: bool = False) -> Rates:
    """Gates on a student that lost the margin on its first task (or nothing anywhere), against one model."""
    rng = np.random.default_rng(seed)
    world = replace(world, base=True, shift={} if equal else {(1, 0): -margin})
    rules = Rules(margin)

    def once() -> set[str]:
        table = world.draw(rng)
        report = decide(table.where(student="s1"), [table.where(student="s0")], rules)
        lines = report.lines
        if equal:
            found = {"fail"} if any(line.verdict is Verdict.FAIL for line in lines) else set()
            return found | ({"regressed"} if any(line.result.regressed for line in lines) else set())
        return {"pass at the margin"} if all(line.verdict is Verdict.PASS for line in lines) else set()

    return shares(draws, once)
