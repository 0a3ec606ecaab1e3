"""One named test for each defect of another tool that would be easy to repeat."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from contrasts import cluster_t, stratified_t
from smallsteps.stats import (
    PairedCounts,
    holm,
    mcnemar_exact,
    mcnemar_midp,
    tango_interval,
    wilson_interval,
)
from smallsteps.stats.noninferiority import Verdict, noninferior_paired
from smallsteps.stats.partial import paired_t, sign_flip


def test_deepsig_correction_weakens_with_more_comparisons_ours_strengthens() -> None:
    adjusted = [holm([0.01] + [1.0] * (m - 1))[0] for m in (1, 2, 3, 10, 50)]
    assert adjusted == sorted(adjusted)


def test_deepsig_paired_bootstrap_is_unpaired_ours_uses_the_pairs() -> None:
    # n = 1319, b = 42, c = 18: unpaired .175, paired .0013
    assert mcnemar_exact(PairedCounts(600, 42, 18, 659)) == pytest.approx(0.00268, abs=1e-5)


@pytest.mark.parametrize(("b", "c", "exact"), [(5, 0, 0.0625), (9, 3, 0.146), (20, 9, 0.0614)])
def test_sacrebleu_strict_inequality_on_binary_data_ours_counts_ties(b: int, c: int, exact: float) -> None:
    d = np.repeat([1.0, -1.0, 0.0], [b, c, 50])
    assert sign_flip(d).pvalue == pytest.approx(exact, abs=5e-5 if b != 9 else 5e-4)
    flips = np.random.default_rng(0).choice([-1.0, 1.0], (20_000, b + c)) @ np.ones(b + c)
    strict = float(np.mean(np.abs(flips) > abs(b - c)))
    assert strict < 0.6 * exact  # the rule that must not be copied


def test_testsignificancenlp_mutates_its_inputs_ours_does_not() -> None:
    d = np.array([1.0, -1.0, 0.0, 1.0, 0.3])
    copy = d.copy()
    sign_flip(d)
    cluster_t(d, [0, 0, 1, 1, 2])
    paired_t(d)
    assert np.array_equal(d, copy)


def test_lm_eval_pools_group_errors_for_a_macro_mean_ours_weights_them_equally() -> None:
    scores = np.concatenate([np.repeat([1.0, 0.0], [k, n - k]) for k, n in ((500, 1000), (95, 100), (4, 20))])
    strata = ["a"] * 1000 + ["b"] * 100 + ["c"] * 20
    error = stratified_t(scores, strata, macro=True).standard_error
    assert error is not None
    assert error > 2 * 0.01436  # what lm-eval reports


def test_lm_eval_divides_by_zero_at_one_item_ours_says_there_is_no_error() -> None:
    result = paired_t([1.0])
    assert result.standard_error is None
    assert "one item" in result.note


def test_inspect_ai_zero_width_intervals_ours_have_width_or_are_absent() -> None:
    assert wilson_interval(1, 1).width > 0.5
    assert wilson_interval(125, 125).width > 0.02
    assert cluster_t([1.0, 0.0, 1.0], ["passage"] * 3).test.interval is None
    assert tango_interval(PairedCounts(125, 0, 0, 0)).width > 0.05


def test_statsmodels_mcnemar_calls_identical_systems_significant_ours_does_not() -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        theirs = statsmodels_mcnemar([[70, 0], [0, 55]], exact=False).pvalue
    assert not theirs > 0.05
    assert mcnemar_exact(PairedCounts(70, 0, 0, 55)) == 1.0
    assert mcnemar_midp(PairedCounts(70, 0, 0, 55)) == 1.0


def test_scipy_binomtest_and_bca_fail_without_discordant_items_ours_answer() -> None:
    with pytest.raises(ValueError, match="n must be"):
        stats.binomtest(0, 0)
    assert mcnemar_exact(PairedCounts(3, 0, 0, 4)) == 1.0
    assert tango_interval(PairedCounts(3, 0, 0, 4)).width > 0


def test_no_difference_found_is_not_a_pass() -> None:
    counts = PairedCounts(60, 8, 14, 43)
    assert mcnemar_exact(counts) > 0.05
    assert noninferior_paired(counts, 0.05).verdict is Verdict.INCONCLUSIVE
