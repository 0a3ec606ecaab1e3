"""Whole reports about equal students say something false in at most 5 % of cases; older procedures do not.

The short version takes about half a minute; `-m full` runs every shape with all its draws.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter

import grid
import numpy as np
import pytest
import reports as rep
from scenarios import holds
from shapes import COVERAGES, SHAPES, Run
from worlds import World

from smallsteps.comparing.compare import Question, build

SHORT = [pytest.param(run, draws, id=name) for name, run, _, draws in SHAPES if draws]
LONG = [pytest.param(run, draws, id=name) for name, run, draws, _ in SHAPES]


@pytest.mark.parametrize(("run", "draws"), SHORT)
def test_equal_students_short(run: Run, draws: int) -> None:
    rates = run(draws, 20_26)
    assert holds(rates["any"], draws, "at most"), rates


@pytest.mark.full
@pytest.mark.parametrize(("run", "draws"), LONG)
def test_equal_students_long(run: Run, draws: int) -> None:
    rates = run(draws, 7)
    assert holds(rates["any"], draws, "at most"), rates


def test_two_noisy_seeds_against_a_fixed_model_do_not_pass_at_the_margin() -> None:
    # Satterthwaite's degrees of freedom between seeds and items let 12 % pass here
    world = World(seeds=2, sd=0.03, items=1000, discordance=0.1)
    assert holds(rep.gate_at_margin(200, 3, world, 0.03)["any"], 200, "at most")


def test_older_procedures_are_caught() -> None:
    draws = 150
    rates = rep.naive_reports(draws, 5)
    assert len(rates) == 5
    assert not {name: rate for name, rate in rates.items() if not holds(rate, draws, "fails")}


@pytest.mark.full
@pytest.mark.parametrize(("run", "draws"), [pytest.param(r, d, id=n) for n, r, d in COVERAGES])
def test_coverage_long(run: Run, draws: int) -> None:
    rates = run(draws, 7)
    assert not {name: rate for name, rate in rates.items() if not holds(1 - rate, draws, "at most")}


def test_coverage_of_exchange_rate_and_retention_when_luck_is_shared() -> None:
    draws = 100
    for correlation in (0.0, 0.9):
        rates = rep.ratio_coverage(draws, 9, correlation)
        assert set(rates) == {"exchange rate", "retention"}
        assert all(holds(1 - rate, draws, "at most") for rate in rates.values()), rates


def test_leaving_out_the_details_changes_no_statement() -> None:
    table = World(students=3, tasks=2, sd=0.02, items=120, cluster=6).draw(np.random.default_rng(1))
    whole = build(table, Question())
    with rep.statements_only():
        lean = build(table, Question())
    assert [(r.p, r.adjusted) for r in whole.rows] == [(r.p, r.adjusted) for r in lean.rows]
    assert [a.adjusted for a in whole.across] == [a.adjusted for a in lean.across]
    assert whole.boards[0].standings[0].rank == lean.boards[0].standings[0].rank


def test_worlds_have_the_accuracy_and_discordance_that_they_claim() -> None:
    world = World(students=2, items=2000, seeds=40, sd=0.02, discordance=0.2, shift={(1, 0): 0.05})
    (a,), (b,) = rep.scores_of(world, np.random.default_rng(2))
    error = 0.02 * math.sqrt(2 / 40)
    assert b.mean() - a.mean() == pytest.approx(0.05, abs=4 * error + 0.01)
    assert a.mean() == pytest.approx(rep.accuracy_of(world), abs=0.02)
    assert np.mean(a[0] != b[0]) == pytest.approx(0.2, abs=0.03)


def test_the_grid_is_balanced() -> None:
    shapes = grid.shapes()
    assert len(set(shapes)) == 60
    sizes = {"sd": 4, "clusters": 2, "suites": 2, "students": 5, "tasks": 6}
    for first, second in itertools.combinations(grid.FACTORS, 2):
        pairs = Counter((getattr(shape, first), getattr(shape, second)) for shape in shapes)
        assert len(pairs) == sizes[first] * sizes[second]
        assert min(pairs.values()) >= 2


def test_small_reports_of_the_grid_with_clustered_suites_can_be_drawn() -> None:
    shape = grid.Shape(sd=2, clusters=True, suites=True, students=2, tasks=2)
    assert holds(shape.run(20, 3)["any"], 20, "at most")
