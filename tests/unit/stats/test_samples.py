"""Several samples an item."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from smallsteps.errors import UserError
from smallsteps.stats.samples import majority_vote, pass_at_k, sample_variance


def test_humaneval_pass_at_k_reference() -> None:
    # Chen et al. 2021: N = 10, c = 3, k = 5
    assert pass_at_k(10, 3, 5) == pytest.approx(0.9166666667, abs=5e-11)


@pytest.mark.parametrize(("drawn", "correct"), [(1, 0), (1, 1), (6, 2), (8, 0), (8, 8), (8, 5)])
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_one(drawn: int, correct: int) -> None:
    marks = [1] * correct + [0] * (drawn - correct)
    for k in range(1, drawn + 1):
        subsets = list(itertools.combinations(marks, k))
        assert pass_at_k(drawn, correct, k) == pytest.approx(sum(any(s) for s in subsets) / len(subsets))
    assert pass_at_k(drawn, correct, 1) == pytest.approx(correct / drawn)


def test_pass_at_k_refuses_more_than_was_drawn() -> None:
    with pytest.raises(UserError, match="at least 9"):
        pass_at_k(8, 1, 9)


def test_variance_split_recovers_its_parts() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(2, 2, 40_000)
    y = (rng.random((40_000, 8)) < p[:, None]).astype(float)
    split = sample_variance(y)
    assert split.between == pytest.approx(0.05, abs=0.002)  # variance of Beta(2, 2)
    assert split.within == pytest.approx(0.2, abs=0.002)  # mean p(1 - p)
    assert split.enough_samples == pytest.approx(40, abs=2)
    means = y.mean(axis=1)
    assert np.mean(means * (1 - means)) * 8 / 7 == pytest.approx(split.within, rel=1e-9)


def test_greedy_samples_are_detected_and_one_sample_is_the_simple_case() -> None:
    column = np.array([[1.0], [0.0], [1.0], [1.0]])
    greedy, single = sample_variance(np.repeat(column, 5, axis=1)), sample_variance(column)
    assert greedy.identical
    assert not single.identical
    assert greedy.standard_error == pytest.approx(single.standard_error)
    assert sample_variance([[1.0, 0.0]]).standard_error is None


def test_majority_vote() -> None:
    assert majority_vote(["7", "8", "7", None]).first() == "7"
    tie = majority_vote(["8", "7", "7", "8"])
    assert tie.tied
    assert tie.first() == "8"
    assert (tie.score("7"), tie.score("9")) == (0.5, 0.0)
    nothing = majority_vote([None, None])
    assert (nothing.first(), nothing.score("7")) == (None, 0.0)
