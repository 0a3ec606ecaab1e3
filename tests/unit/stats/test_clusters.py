"""Clusters and strata."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from contrasts import cluster_t, stratified_t
from smallsteps.errors import UserError
from smallsteps.stats.clusters import intraclass_correlation
from smallsteps.stats.partial import paired_t


def _clustered(groups: int, size: int, seed: int = 0) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    d = np.repeat(rng.normal(0, 0.3, groups), size) + rng.normal(0, 0.5, groups * size)
    return d, [int(g) for g in np.repeat(np.arange(groups), size)]


def test_cluster_se_against_a_plain_transcription() -> None:
    d, labels = _clustered(9, 5)
    total = sum(
        (sum(x - d.mean() for x, label in zip(d, labels, strict=True) if label == g)) ** 2 for g in range(9)
    )
    result = cluster_t(d, labels)
    assert result.test.standard_error == pytest.approx(math.sqrt(9 / 8 * total) / 45, rel=1e-12)
    assert result.test.df == 8


def test_cluster_se_against_statsmodels_cluster_robust() -> None:
    import statsmodels.api as sm

    d, labels = _clustered(12, 7, 1)
    fit = sm.OLS(d, np.ones(d.size)).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(labels), "use_correction": False}
    )
    expected = float(fit.bse[0]) * math.sqrt(12 / 11)
    assert cluster_t(d, labels).test.standard_error == pytest.approx(expected, rel=1e-10)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), min_size=8, max_size=60))
def test_duplicating_every_item_as_a_cluster_of_two_changes_nothing(values: list[float]) -> None:
    single = cluster_t(values, list(range(len(values)))).test
    doubled = cluster_t(np.repeat(values, 2), [i // 2 for i in range(2 * len(values))]).test
    naive = paired_t(np.repeat(values, 2)).standard_error
    if single.standard_error is None:
        assert doubled.standard_error is None
    else:
        assert doubled.standard_error == pytest.approx(single.standard_error, rel=1e-9)
        assert naive is not None
        assert naive < single.standard_error  # the naive error falls by about sqrt(2)


def test_one_item_a_cluster_reduces_to_the_paired_t() -> None:
    d, _ = _clustered(40, 1)
    ours, simple = cluster_t(d, list(range(40))).test, paired_t(d)
    assert ours.standard_error == pytest.approx(simple.standard_error, rel=1e-12)
    assert ours.pvalue == pytest.approx(simple.pvalue, rel=1e-10)


def test_few_clusters_are_described_and_not_tested() -> None:
    d, labels = _clustered(5, 10)
    result = cluster_t(d, labels)
    assert (result.test.pvalue, result.test.interval, result.sign_flip) == (None, None, None)
    assert "descriptive only" in result.test.note
    assert result.test.standard_error is not None
    one = cluster_t(d, [0] * d.size)
    assert (one.test.standard_error, one.icc) == (None, None)


def test_icc_and_design_effect() -> None:
    constant = np.repeat([0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 4)
    labels = [int(g) for g in np.repeat(np.arange(6), 4)]
    result = cluster_t(constant, labels)
    assert result.icc == pytest.approx(1.0)
    assert result.design_effect == pytest.approx(4.0)
    assert result.effective_items == pytest.approx(6.0)
    assert intraclass_correlation([0.0, 1.0], [0, 1]) is None
    assert intraclass_correlation([0.5] * 4, [0, 0, 1, 1]) is None


def test_icc_against_one_way_anova() -> None:
    d, labels = _clustered(15, 6, 2)
    f = stats.f_oneway(*[d[np.array(labels) == g] for g in range(15)]).statistic
    assert intraclass_correlation(d, labels) == pytest.approx((f - 1) / (f - 1 + 6), rel=1e-10)


def test_macro_standard_error_where_lm_eval_pools() -> None:
    # sizes 1000/100/20, accuracies .5/.95/.2: lm-eval reports .01436 for the macro mean, which is .03189
    scores = np.concatenate([np.repeat([1.0, 0.0], [k, n - k]) for k, n in ((500, 1000), (95, 100), (4, 20))])
    strata = ["a"] * 1000 + ["b"] * 100 + ["c"] * 20
    assert stratified_t(scores, strata, macro=True).standard_error == pytest.approx(0.03189, abs=2e-5)


def test_one_stratum_reduces_to_the_paired_t() -> None:
    d, _ = _clustered(30, 1)
    for macro in (False, True):
        ours = stratified_t(d, ["all"] * 30, macro=macro)
        assert ours.standard_error == pytest.approx(paired_t(d).standard_error, rel=1e-12)
        assert ours.df == pytest.approx(29)


def test_singleton_stratum_and_bad_labels() -> None:
    assert stratified_t([0.1, 0.2, 0.3], ["a", "a", "b"]).pvalue is None
    with pytest.raises(UserError, match="labels"):
        cluster_t([0.1, 0.2], ["a"])
