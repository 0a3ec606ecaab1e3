"""Planned looks and the e-process."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from contrasts import run_eprocess
from smallsteps.errors import UserError
from smallsteps.stats import PairedCounts
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.sequential import (
    EProcess,
    crossing_probability,
    hash_order,
    look,
    look_sizes,
    obrien_fleming,
)


def test_jennison_turnbull_five_looks() -> None:
    # Jennison and Turnbull 2000, table 2.3 (two-sided .05): 2.040; a Pocock boundary (table 2.1) is 2.413
    assert crossing_probability([2.413] * 5, two_sided=True) == pytest.approx(0.05, abs=1e-4)
    expected = (4.562, 3.226, 2.634, 2.281, 2.040)
    assert obrien_fleming(two_sided=True) == pytest.approx(expected, abs=1e-3)
    one_sided = (3.913, 2.767, 2.259, 1.957, 1.750)
    assert obrien_fleming() == pytest.approx(one_sided, abs=2.5e-3)


def test_one_look_is_the_fixed_test() -> None:
    assert obrien_fleming(1)[0] == pytest.approx(stats.norm.isf(0.05), abs=1e-6)


@pytest.mark.parametrize("two_sided", [False, True])
def test_boundaries_spend_alpha_exactly_and_match_simulation(two_sided: bool) -> None:
    bounds = obrien_fleming(5, 0.05, two_sided=two_sided)
    assert crossing_probability(bounds, two_sided=two_sided) == pytest.approx(0.05, abs=1e-6)
    steps = np.random.default_rng(0).normal(size=(400_000, 5))
    z = steps.cumsum(axis=1) / np.sqrt(np.arange(1, 6))
    crossed = ((np.abs(z) if two_sided else z) >= np.array(bounds)).any(axis=1).mean()
    assert crossed == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 400_000))


def test_looks_are_whole_and_end_with_all_items() -> None:
    assert look_sizes(1319) == (264, 528, 792, 1056, 1319)
    assert look_sizes(3) == (1, 2, 3)
    assert look_sizes(1) == (1,)
    with pytest.raises(UserError):
        look_sizes(0)


def test_a_look_decides_both_ways() -> None:
    bounds = obrien_fleming()
    assert look(PairedCounts(500, 5, 5, 18), 2, 0.1, bounds).verdict is Verdict.PASS
    assert look(PairedCounts(300, 5, 150, 73), 2, 0.03, bounds).verdict is Verdict.FAIL
    assert look(PairedCounts(300, 40, 45, 143), 2, 0.03, bounds).verdict is Verdict.INCONCLUSIVE


def test_hash_order_is_a_permutation_fixed_by_the_salt() -> None:
    items = [f"item{i}" for i in range(100)]
    first = hash_order(items, "gate-1")
    assert first == hash_order(reversed(items), "gate-1")
    assert sorted(first) == sorted(items)
    assert first != hash_order(items, "gate-2")


def test_eprocess_resumes_to_the_bit() -> None:
    d = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], 300, p=[0.1, 0.8, 0.1])
    whole = EProcess(0.03).update(d)
    pieces = EProcess(0.03).update(d[:117]).update(d[117:118]).update(d[118:])
    assert whole == pieces


def test_eprocess_decides_clear_cases_early() -> None:
    better = run_eprocess(np.tile([1.0, 0.0, 0.0], 400), 0.03)
    worse = run_eprocess(np.tile([-1.0, 0.0, 0.0], 400), 0.03)
    assert (better.verdict, worse.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert better.n < 300
    assert worse.n < 300


def test_eprocess_verdict_stays_once_reached() -> None:
    state = run_eprocess(np.ones(200), 0.03)
    assert state.update(-np.ones(500)).verdict is Verdict.PASS


def test_eprocess_bets_only_on_the_past() -> None:
    state = EProcess(0.05).update([0.0, 1.0, -1.0])
    bets = [state._bet(+1), state._bet(-1)]
    assert bets == [state._bet(+1), state._bet(-1)]
    after_gain, after_loss = state.update([1.0]), state.update([-1.0])
    stake = np.expm1(after_gain.log_pass - state.log_pass) / 1.05
    assert stake == pytest.approx(np.expm1(after_loss.log_pass - state.log_pass) / -0.95)


def test_eprocess_never_goes_broke_and_refuses_impossible_differences() -> None:
    state = EProcess(0.03).update([1.0] * 50 + [-1.0] * 200)
    assert np.isfinite(state.log_pass)
    assert np.isfinite(state.log_fail)
    with pytest.raises(UserError, match="difference"):
        EProcess(0.03).update([1.5])
