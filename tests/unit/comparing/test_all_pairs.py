"""All pairs at once against one comparison at a time."""

from __future__ import annotations

import numpy as np
import pytest

from smallsteps.comparing.compare import units_of
from smallsteps.comparing.graded import Graded
from smallsteps.comparing.many import adjusted_pairs, against, all_pairs
from smallsteps.comparing.rows import compare_unit
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.stats.families import holm

RNG = np.random.default_rng(0)


def graded(
    student: str, seeds: int, items: int, clusters: list[str] | None = None, shift: float = 0.0
) -> Graded:
    ease = np.random.default_rng(1).random(items)
    draws = RNG.random((seeds, items)) * 0.6 + ease * 0.4 + shift
    return Graded(
        student,
        "task",
        tuple(f"i{i:04d}" for i in range(items)),
        tuple(range(seeds)) if seeds > 1 else (None,),
        (draws > 0.5).astype(np.float64)[:, :, None],
        tuple(clusters) if clusters else None,
    )


def compared(sheet: Sheet, names: list[str], unit: Unit) -> None:
    found = all_pairs(sheet, names, unit)
    for name, (difference, interval) in zip(
        names[1:], against(sheet, names[1:], names[0], unit), strict=True
    ):
        row = compare_unit(sheet, name, names[0], unit)
        assert difference == pytest.approx(row.difference, abs=1e-12)
        assert (interval is None) == (row.interval is None)
        if interval is not None and row.interval is not None:
            ends = [row.interval.low, row.interval.high]
            assert [interval.low, interval.high] == pytest.approx(ends, abs=1e-12)
    for a, first in enumerate(names):
        for b, second in enumerate(names):
            if a == b:
                continue
            row = compare_unit(sheet, first, second, unit)
            assert found.difference[a, b] == pytest.approx(row.difference, abs=1e-12)
            if row.p is None:
                assert np.isnan(found.p[a, b])
            else:
                assert found.p[a, b] == pytest.approx(row.p, rel=1e-9), (first, second)


@pytest.mark.parametrize("seeds", [(1, 1, 1, 1), (3, 3, 2, 1), (3, 4, 3, 3)])
@pytest.mark.parametrize("clusters", [0, 12])
def test_pairs_are_those_of_a_comparison(seeds: tuple[int, ...], clusters: int) -> None:
    labels = [f"c{i % clusters}" for i in range(120)] if clusters else None
    names = [f"s{k}" for k in range(len(seeds))]
    runs = {
        (name, "task"): graded(name, count, 120, labels, 0.05 * k)
        for k, (name, count) in enumerate(zip(names, seeds, strict=True))
    }
    unit = Unit("task", ("task",))
    compared(Sheet(runs, [unit]), names, unit)


def test_equal_runs_and_strata() -> None:
    labels = [f"part{i % 3}" for i in range(90)]
    runs = {(name, "task"): graded(name, 1, 90, labels, 0.02 * k) for k, name in enumerate("abc")}
    runs["d", "task"] = Graded(
        "d", "task", *[getattr(runs["a", "task"], f) for f in ("items", "seeds", "scores", "clusters")]
    )
    unit = Unit("task", ("task",))
    compared(Sheet(runs, [unit], suites=["task"]), ["a", "b", "c", "d"], unit)


def test_a_suite_of_several_tasks() -> None:
    runs = {}
    for task in ("one", "two"):
        for k, name in enumerate("abc"):
            one = graded(name, 2, 60, None, 0.05 * k)
            items = tuple(f"{task}-{item}" for item in one.items)
            runs[name, task] = Graded(name, task, items, one.seeds, one.scores)
    (unit,) = [Unit("both", ("one", "two"), suite=True)]
    compared(Sheet(runs, [unit]), ["a", "b", "c"], unit)
    assert units_of(["one", "two"])[0].name == "one"


def test_adjusted_over_all_units_of_a_board() -> None:
    runs = {(name, "task"): graded(name, 1, 80, None, 0.1 * k) for k, name in enumerate("abcd")}
    unit = Unit("task", ("task",))
    sheet = Sheet(runs, [unit])
    one = all_pairs(sheet, ["a", "b", "c", "d"], unit)
    two = all_pairs(sheet, ["a", "b", "c"], unit)
    found = adjusted_pairs([one, two])
    raw = [*one.p[np.triu_indices(4, 1)], *two.p[np.triu_indices(3, 1)]]
    flat = [*found[0][np.triu_indices(4, 1)], *found[1][np.triu_indices(3, 1)]]
    assert flat == pytest.approx(holm(raw))
    assert np.array_equal(found[0], found[0].T, equal_nan=True)
