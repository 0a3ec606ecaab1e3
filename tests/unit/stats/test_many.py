"""Many systems: overall test, pairs, simultaneous intervals, ranks, letters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q

from smallsteps.errors import UserError
from smallsteps.stats import holm, mcnemar_exact, paired_counts
from smallsteps.stats.many import (
    all_pairs,
    bootstrap_means,
    cochran_q,
    friedman_from_ranks,
    probability_best,
    rank_systems,
    simultaneous_intervals,
)
from smallsteps.stats.ranking import RankInterval, compact_letters, rank_intervals


def _systems(n: int = 300, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    ability = np.array([0.9, 0.3, 0.25, -0.5])
    return (rng.normal(0, 1, (n, 1)) + ability + rng.normal(0, 1, (n, 4)) > 0).astype(float)


def test_cochran_q_is_statsmodels_and_tie_corrected_friedman() -> None:
    y = _systems()
    ours = cochran_q(y)
    assert ours.statistic == pytest.approx(cochrans_q(y).statistic, rel=1e-10)
    assert ours.statistic == pytest.approx(stats.friedmanchisquare(*y.T).statistic, rel=1e-10)
    assert ours.pvalue == pytest.approx(cochrans_q(y).pvalue, rel=1e-8)
    assert cochran_q(np.ones((5, 3))).pvalue == 1.0


def test_two_systems_reduce_to_mcnemar() -> None:
    y = _systems()[:, :2]
    counts = paired_counts(y[:, 0], y[:, 1])
    pairs = all_pairs(y)
    assert pairs.pvalues[0] == mcnemar_exact(counts)
    assert cochran_q(y).statistic == pytest.approx((counts.only_a - counts.only_b) ** 2 / counts.discordant)


def test_all_pairs_are_the_single_comparisons() -> None:
    y = _systems()
    pairs = all_pairs(y)
    single = [mcnemar_exact(paired_counts(y[:, i], y[:, j])) for i, j in itertools.combinations(range(4), 2)]
    assert list(pairs.pvalues) == pytest.approx(single)
    assert list(pairs.adjusted) == pytest.approx(holm(single))


def test_demsar_2006_friedman_example() -> None:
    # Demsar 2006, section 3.2.2: four algorithms on 14 data sets
    result = friedman_from_ranks([3.143, 2.000, 2.893, 1.964], 14)
    assert result.chi_square == pytest.approx(9.28, abs=0.01)
    assert result.f_statistic == pytest.approx(3.69, abs=0.01)
    assert result.critical_difference == pytest.approx(1.25, abs=0.01)
    with pytest.raises(UserError, match="powerless"):
        friedman_from_ranks([1, 2], 5)


def test_simultaneous_critical_value_lies_between_marginal_and_bonferroni() -> None:
    result = simultaneous_intervals(_systems(800), resamples=4000)
    assert result.critical is not None
    assert 1.96 < result.critical < stats.norm.isf(0.05 / 12) + 0.1
    for difference, interval in zip(result.differences, result.intervals, strict=True):
        assert interval is not None
        assert interval.contains(difference)
    assert result == simultaneous_intervals(_systems(800), resamples=4000)


def test_simultaneous_intervals_of_identical_systems_are_absent() -> None:
    y = np.tile(_systems()[:, :1], (1, 3))
    assert simultaneous_intervals(y).intervals == (None, None, None)


def test_joint_bootstrap_has_the_right_moments_on_both_paths() -> None:
    y = _systems(400)
    for scores in (y, y + np.random.default_rng(1).normal(0, 1e-6, y.shape)):
        draws = bootstrap_means(scores, 3000, 2)
        assert draws.mean(0) == pytest.approx(scores.mean(0), abs=0.003)
        assert np.cov(draws.T) == pytest.approx(np.cov(scores.T, ddof=0) / 400, abs=6e-5)
    best = probability_best(bootstrap_means(y))
    assert sum(best) == pytest.approx(1)
    assert best[0] > 0.95
    assert probability_best(np.ones((3, 2))) == (0.5, 0.5)


def test_ranks_and_letters_of_four_systems() -> None:
    ranking = rank_systems(_systems(600))
    assert ranking.ranks == (RankInterval(1, 1), RankInterval(2, 3), RankInterval(2, 3), RankInterval(4, 4))
    assert ranking.letters == ("a", "b", "b", "c")


def test_rank_intervals_by_hand() -> None:
    better = np.array([[False, False, True], [False, False, False], [False, False, False]])
    assert rank_intervals(better) == (RankInterval(1, 2), RankInterval(1, 3), RankInterval(2, 3))


def test_letters_by_hand() -> None:
    # A chain: neighbours alike, ends different
    different = np.zeros((3, 3), dtype=bool)
    different[0, 2] = different[2, 0] = True
    assert compact_letters(different, np.array([3.0, 2.0, 1.0])) == ("a", "ab", "b")
    assert compact_letters(np.zeros((3, 3), dtype=bool), np.zeros(3)) == ("a", "a", "a")


@given(st.integers(2, 9), st.data())
@settings(max_examples=150)
def test_letters_are_shared_exactly_by_the_pairs_that_do_not_differ(k: int, data: st.DataObject) -> None:
    different = np.zeros((k, k), dtype=bool)
    for i, j in itertools.combinations(range(k), 2):
        different[i, j] = different[j, i] = data.draw(st.booleans())
    letters = compact_letters(different, np.arange(k, dtype=float))
    for i, j in itertools.combinations(range(k), 2):
        assert bool(set(letters[i]) & set(letters[j])) == (not different[i, j])
    used = sorted(set("".join(letters)))
    members = [{i for i in range(k) if letter in letters[i]} for letter in used]
    for first, second in itertools.permutations(members, 2):
        assert not first <= second  # no letter that another one makes superfluous


def test_one_system_and_partial_credit_are_refused() -> None:
    with pytest.raises(UserError, match="two systems"):
        all_pairs(np.ones((4, 1)))
    with pytest.raises(UserError, match="0/1"):
        all_pairs(np.full((4, 2), 0.5))
