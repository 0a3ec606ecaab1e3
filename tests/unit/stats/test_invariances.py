"""What must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from contrasts import compare_methods
from smallsteps.stats import (
    PairedCounts,
    cohen_g,
    exact_bootstrap_interval,
    mcnemar_exact,
    mcnemar_midp,
    paired_counts,
    tango_interval,
)
from smallsteps.stats.noninferiority import noninferior_paired
from smallsteps.stats.paired import tango_score

CELL = st.integers(0, 2000)
Z = 1.959963984540054


@st.composite
def tables(draw: st.DrawFn) -> PairedCounts:
    cells = draw(st.tuples(CELL, CELL, CELL, CELL))
    assume(sum(cells) > 0)
    return PairedCounts(*cells)


@given(tables())
def test_swapping_a_and_b_mirrors_every_interval_and_keeps_every_p(counts: PairedCounts) -> None:
    swapped = counts.swapped()
    assert mcnemar_exact(counts) == mcnemar_exact(swapped)
    assert mcnemar_midp(counts) == mcnemar_midp(swapped)
    assert cohen_g(counts) == cohen_g(swapped)
    assert tango_interval(counts) == tango_interval(swapped).mirrored()
    mine, theirs = exact_bootstrap_interval(counts), exact_bootstrap_interval(swapped)
    assert mine == (theirs.mirrored() if theirs else None)


@given(tables())
def test_zero_is_outside_tango_if_and_only_if_the_score_exceeds_z(counts: PairedCounts) -> None:
    score = abs(tango_score(counts, 0.0))
    assume(abs(score - Z) > 1e-9)
    assert tango_interval(counts).contains(0.0) == (score < Z)


@given(tables(), st.floats(0.5, 0.98))
def test_more_confidence_is_a_wider_interval(counts: PairedCounts, confidence: float) -> None:
    narrow, wide = tango_interval(counts, confidence), tango_interval(counts, confidence + 0.01)
    assert wide.low <= narrow.low
    assert narrow.high <= wide.high


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=80), st.randoms())
def test_item_order_does_not_matter(rows: list[tuple[int, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first = paired_counts(*zip(*rows, strict=True))
    assert first == paired_counts(*zip(*shuffled, strict=True))


@given(tables(), st.floats(0.005, 0.2))
def test_a_larger_margin_never_hurts(counts: PairedCounts, margin: float) -> None:
    order = {"fail": 0, "inconclusive": 1, "pass": 2}
    tight, loose = noninferior_paired(counts, margin), noninferior_paired(counts, margin * 1.5)
    assert order[tight.verdict] <= order[loose.verdict]


@given(st.integers(2, 5), st.integers(2, 5), st.integers(2, 25), st.integers(0, 10**6))
def test_seed_order_and_item_order_do_not_matter(sa: int, sb: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (sa, n)).astype(float), rng.integers(0, 2, (sb, n)).astype(float)
    items = rng.permutation(n)
    first = compare_methods(a, b).test
    second = compare_methods(a[rng.permutation(sa)][:, items], b[rng.permutation(sb)][:, items]).test
    if first.pvalue is None:
        assert second.pvalue is None
    else:
        assert second.pvalue == pytest.approx(first.pvalue, rel=1e-6, abs=1e-12)
