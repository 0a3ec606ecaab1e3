"""Rank intervals and letters."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smallsteps.stats.ranking import RankInterval, compact_letters, rank_intervals


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
