"""False statements of whole reports about students that are equal, and passes at a loss of the margin."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from unittest.mock import patch

import naive
import numpy as np
from worlds import World

from smallsteps.comparing import places, rows, suites, tradeoff
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.graded import grade_all
from smallsteps.comparing.model import ALPHA, Report
from smallsteps.gate.decide import decide
from smallsteps.gate.rules import Rules
from smallsteps.stats.model import Interval
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
        patch.object(places, "RESAMPLES", 2),
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


def naive_reports(draws: int, seed: int) -> Rates:
    """What reports said before all numbers came from one engine: false statements about equal students."""
    rng = np.random.default_rng(seed)
    suite = World(students=2, seeds=3, sd=0.02, parts=6, items=900, base=True, shift={(1, 0): -0.05})
    many = World(students=2, tasks=5, seeds=3, sd=0.02, items=200)
    clustered = World(students=3, seeds=1, cluster=20, items=400, agree=1.0)
    crowd = World(students=6, tasks=5, seeds=1, items=400)
    both = World(students=2, seeds=3, sd=0.005, cluster=20, items=400, agree=1.0)
    names = (
        "trade-off: a pass at a loss of the margin, seeds averaged first",
        "mean over tasks, seeds taken as not shared",
        "ranking that forgets clusters",
        "better on at least k of n tasks, by pair and one-sided",
        "several seeds, clusters forgotten",
    )
    hits = np.zeros(len(names))
    for _ in range(draws):
        s, m, c, w, b = (scores_of(world, rng) for world in (suite, many, clustered, crowd, both))
        hits += [
            naive.loss_passes_without_seeds(s[1][0], s[0][0], np.arange(900) % 6, 0.05),
            naive.mean_of_tasks_is_independent(m[0], m[1]) <= ALPHA,
            naive.pairs_without_clusters(np.stack([x[0][0] for x in c])) <= ALPHA,
            naive.better_on_some_task(np.stack([np.stack([y[0] for y in x]) for x in w])),
            naive.seeds_without_clusters(b[0][0], b[1][0]) <= ALPHA,
        ]
    return dict(zip(names, (hits / draws).tolist(), strict=True))


def scores_of(world: World, rng: np.random.Generator) -> list[list[np.ndarray]]:
    """Scores of one draw by student and task, seeds x items."""
    graded = grade_all(world.draw(rng), world.task_names)
    return [[graded[f"s{k}", task].by_seed() for task in world.task_names] for k in range(world.students)]


def coverage(draws: int, seed: int, world: World, suite: bool = False) -> Rates:
    """Coverage of the 95 % intervals of a comparison; student 1 differs from 0 by `world.shift`.

    Where families are a sample, only what is said at large has a fixed truth.
    """
    rng = np.random.default_rng(seed)
    hits: dict[str, list[bool]] = {}
    contested = min(1.0, 2 * world.discordance)
    level = accuracy_of(world)
    shifts = [world.shift.get((1, t), 0.0) for t in range(world.tasks)]
    if suite:
        shifts = [float(np.mean(shifts))]
    question = Question(students=("s1", "s0"), suites=("all=*",) if suite else ())
    for _ in range(draws):
        report = build(world.draw(rng), question)
        for row, shift in zip(report.rows, shifts, strict=True):
            truth: dict[str, tuple[Interval | None, float]] = {}
            if not world.families:
                truth = {"difference": (row.interval, shift), "accuracy": (row.b.interval, level)}
            if row.flips and not world.families:
                up, down = 0.5 + shift / contested, 0.5
                truth["gained"] = (row.flips.gained_interval, contested * up * (1 - down))
            if row.at_large:
                truth["at large"] = (row.at_large.test.interval, shift)
            for name, (interval, value) in truth.items():
                if interval is not None:
                    hits.setdefault(name, []).append(interval.contains(value))
        for across in report.across:
            if across.mean.interval is not None:
                hits.setdefault("mean", []).append(across.mean.interval.contains(float(np.mean(shifts))))
    return {name: float(np.mean(found)) for name, found in hits.items()}


def accuracy_of(world: World) -> float:
    """True accuracy of a student without a shift."""
    easy = [i % 3 > 0 for i in range(world.items) if i * 37 % 100 >= 200 * world.discordance]
    return (sum(easy) + (world.items - len(easy)) / 2) / world.items


def ratio_coverage(
    draws: int, seed: int, correlation: float, seeds: int = 3, generic: int = 1, cluster: int = 1
) -> Rates:
    """Coverage of exchange rate and retention; the luck of a run on all tasks correlates.

    Several generic tasks are one suite. With one seed the runs of a method do not differ, since
    what one run says is about that run.
    """
    rng = np.random.default_rng(seed)
    gain, loss, chance = 0.2, -0.06, 0.2
    world = World(
        tasks=1 + generic,
        items=600 // generic,
        cluster=cluster,
        seeds=seeds,
        sd=0.02 if seeds > 1 else 0.0,
        base=True,
        correlation=correlation,
        discordance=0.3,
        shift={(1, 0): gain} | {(1, t): loss for t in range(1, 1 + generic)},
    )
    base = accuracy_of(world)
    truth = {"exchange rate": -loss / gain, "retention": (base + loss - chance) / (base - chance)}
    target, *others = world.task_names
    question = tradeoff.TradeoffQuestion(
        "s0",
        (target,),
        tuple(others),
        (f"generic={','.join(others)}",) if generic > 1 else (),
        dict.fromkeys([*others, "generic"], chance) if generic > 1 else dict.fromkeys(others, chance),
    )
    hits: dict[str, list[bool]] = {name: [] for name in truth}
    with statements_only():
        for _ in range(draws):
            (point,) = tradeoff.build(world.draw(rng), question).points
            for name, ratio in zip(truth, (point.rate, point.kept), strict=True):
                if ratio.interval is not None:
                    hits[name].append(ratio.interval.contains(truth[name]))
    return {name: float(np.mean(found)) for name, found in hits.items() if found}
