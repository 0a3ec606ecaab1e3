"""Every 2x2 table with up to 30 items: no exception, no nan, limits in order and in range."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from smallsteps.stats import (
    PairedCounts,
    cohen_g,
    conditional_odds_ratio,
    exact_bootstrap_interval,
    mcnemar_exact,
    mcnemar_midp,
    tango_interval,
)
from smallsteps.stats.noninferiority import noninferior_paired
from smallsteps.stats.paired import (
    mcnemar_exact_array,
    mcnemar_midp_array,
    tango_interval_array,
    tango_score,
    tango_score_array,
)

LARGEST = 30


def _tables() -> list[tuple[int, int, int]]:
    return [(b, c, n) for n in range(1, LARGEST + 1) for b in range(n + 1) for c in range(n - b + 1)]


def test_functions_of_the_discordant_cells_on_all_tables() -> None:
    b, c, n = np.array(_tables()).T
    for confidence in (0.9, 0.95, 0.999):
        low, high = tango_interval_array(b, c, n, confidence)
        estimate = (b - c) / n
        assert np.isfinite(low).all()
        assert np.isfinite(high).all()
        assert (low >= -1).all()
        assert (high <= 1).all()
        assert (low <= estimate).all()
        assert (estimate <= high).all()
        assert (high - low > 0.01).all()
    exact, midp = mcnemar_exact_array(b, c), mcnemar_midp_array(b, c)
    assert ((exact > 0) & (exact <= 1)).all()
    assert ((midp > 0) & (midp <= exact)).all()
    for delta in (-0.999, -0.03, 0.0, 0.03, 0.999):
        assert not np.isnan(tango_score_array(b, c, n, np.full(b.size, delta))).any()


def test_scalar_functions_are_the_array_functions() -> None:
    b, c, n = np.array(_tables()).T
    low, high = tango_interval_array(b, c, n)
    score = tango_score_array(b, c, n, np.full(b.size, -0.03))
    for i, (x, y, m) in enumerate(_tables()):
        counts = PairedCounts(0, x, y, m - x - y)
        interval = tango_interval(counts)
        assert abs(interval.low - low[i]) < 1e-12, counts
        assert abs(interval.high - high[i]) < 1e-12, counts
        assert tango_score(counts, -0.03) == pytest.approx(score[i], rel=1e-12)


def test_the_rest_on_all_tables() -> None:
    for b, c, n in _tables():
        counts = PairedCounts(0, b, c, n - b - c)
        bootstrap = exact_bootstrap_interval(counts)
        if bootstrap is not None:
            assert -1 <= bootstrap.low < bootstrap.high <= 1, counts
            assert bootstrap.low <= counts.difference <= bootstrap.high, counts
        else:
            assert counts.discordant == 0 or n in (b, c)
        odds = conditional_odds_ratio(counts)
        if odds is not None:
            numbers = [v for v in dataclasses.astuple(odds) if v is not None]
            assert all(math.isfinite(v) and v >= 0 for v in numbers), counts
        g = cohen_g(counts)
        assert g is None or 0 <= g <= 0.5
        assert counts.standard_error is None or counts.standard_error >= 0


@pytest.mark.parametrize("n", [1, 2, 3, 7, 12])
def test_noninferiority_on_all_tables(n: int) -> None:
    for b in range(n + 1):
        for c in range(n - b + 1):
            result = noninferior_paired(PairedCounts(0, b, c, n - b - c), 0.05)
            assert result.pvalue is not None
            assert 0 <= result.pvalue <= 1
            assert result.smallest_margin is not None
            assert math.isfinite(result.smallest_margin)


def test_symmetry_on_all_tables() -> None:
    for b, c, n in _tables():
        counts = PairedCounts(0, b, c, n - b - c)
        assert mcnemar_exact(counts) == mcnemar_exact(counts.swapped())
        assert mcnemar_midp(counts) == mcnemar_midp(counts.swapped())
        mine, theirs = exact_bootstrap_interval(counts), exact_bootstrap_interval(counts.swapped())
        assert (mine is None) == (theirs is None)
        if mine is not None and theirs is not None:
            assert mine == theirs.mirrored(), counts
