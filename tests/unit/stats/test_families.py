"""Families of tests: published values, oracles, and what holds for any p-values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from smallsteps.errors import UserError
from smallsteps.stats import benjamini_hochberg, holm, partial_conjunction
from smallsteps.stats.families import benjamini_yekutieli, bonferroni

# README of replicability-analysis-NLP (Dror et al. 2017): six data sets, alpha .05.
DROR = [0.168, 0.297, 0.357, 0.019, 0.218, 0.001]
# Benjamini and Hochberg 1995, as used in the scipy documentation of false_discovery_control.
HOCHBERG = [
    0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344,
    0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.000,
]  # fmt: skip
PVALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_dror_readme_counts() -> None:
    bonferroni_count = partial_conjunction(DROR)
    assert bonferroni_count.count == 1
    assert bonferroni_count.pvalues == pytest.approx((0.006, 0.095, 0.672, 0.672, 0.672, 0.672), abs=1e-9)
    fisher = partial_conjunction(DROR, method="fisher")
    assert fisher.count == 2
    expected = (0.0010237, 0.0398981, 0.1959760, 0.2742188, 0.3439626, 0.357)
    assert fisher.pvalues == pytest.approx(expected, abs=5e-8)
    assert [p <= 0.05 for p in holm(DROR)] == [False] * 5 + [True]


def test_benjamini_hochberg_1995_as_in_scipy_documentation() -> None:
    expected = (
        0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.063857, 0.063857, 0.0645,
        0.0765, 0.486, 0.581182, 0.714875, 0.753231, 0.813214, 1,
    )  # fmt: skip
    assert benjamini_hochberg(HOCHBERG) == pytest.approx(expected, abs=5e-7)


@settings(max_examples=25)
@given(PVALUES)
def test_adjustments_against_statsmodels_and_scipy(pvalues: list[float]) -> None:
    assert holm(pvalues) == pytest.approx(list(multipletests(pvalues, method="holm")[1]), abs=1e-12)
    assert benjamini_hochberg(pvalues) == pytest.approx(
        list(stats.false_discovery_control(pvalues)), abs=1e-12
    )
    by = stats.false_discovery_control(pvalues, method="by")
    assert benjamini_yekutieli(pvalues) == pytest.approx(list(by), abs=1e-12)


@given(PVALUES)
def test_holm_lies_between_raw_and_bonferroni_and_keeps_the_order(pvalues: list[float]) -> None:
    adjusted = np.array(holm(pvalues))
    assert (adjusted >= pvalues).all()
    assert (adjusted <= np.array(bonferroni(pvalues)) + 1e-15).all()
    order = np.argsort(pvalues, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


@given(PVALUES, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order(pvalues: list[float], random: object) -> None:
    index = list(range(len(pvalues)))
    random.shuffle(index)  # type: ignore[attr-defined]
    shuffled = holm([pvalues[i] for i in index])
    assert shuffled == [holm(pvalues)[i] for i in index]


@given(PVALUES)
def test_partial_conjunction_never_counts_more_than_raw_significance(pvalues: list[float]) -> None:
    for method in ("bonferroni", "fisher"):
        result = partial_conjunction(pvalues, method=method)  # type: ignore[arg-type]
        assert result.count <= len(pvalues)
        assert list(result.pvalues) == sorted(result.pvalues)
    assert partial_conjunction(pvalues).count <= sum(p <= 0.05 for p in pvalues)


def test_a_missing_pvalue_is_refused() -> None:
    for bad in ([0.5, float("nan")], [1.2], [-0.1]):
        with pytest.raises(UserError, match="between 0 and 1"):
            holm(bad)
