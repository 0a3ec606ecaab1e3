"""Families of tests: published values, oracles, and what holds for any p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from smallsteps.errors import UserError
from smallsteps.stats import holm

PVALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(max_examples=25)
@given(PVALUES)
def test_holm_against_statsmodels(pvalues: list[float]) -> None:
    assert holm(pvalues) == pytest.approx(list(multipletests(pvalues, method="holm")[1]), abs=1e-12)


@given(PVALUES)
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(pvalues: list[float]) -> None:
    adjusted = np.array(holm(pvalues))
    assert (adjusted >= pvalues).all()
    assert (adjusted <= np.minimum(1, len(pvalues) * np.array(pvalues)) + 1e-15).all()
    order = np.argsort(pvalues, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@given(PVALUES, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order(pvalues: list[float], random: object) -> None:
    index = list(range(len(pvalues)))
    random.shuffle(index)  # type: ignore[attr-defined]
    shuffled = holm([pvalues[i] for i in index])
    assert shuffled == [holm(pvalues)[i] for i in index]


def test_a_missing_pvalue_is_refused() -> None:
    for bad in ([0.5, float("nan")], [1.2], [-0.1]):
        with pytest.raises(UserError, match="between 0 and 1"):
            holm(bad)
