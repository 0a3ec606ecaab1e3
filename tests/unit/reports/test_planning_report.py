"""`smallsteps power` as a report."""

from __future__ import annotations

import pytest

from smallsteps.errors import UserError
from smallsteps.reports import planning
from smallsteps.stats.power import detectable_difference


def test_prospect_of_a_benchmark() -> None:
    plan = planning.Plan(seeds=3, seed_sd=0.01, effect=0.05)
    found = planning.prospect("gsm8k", 1319, 0.2, plan)
    assert found.checkpoint == detectable_difference(1319, 0.2)
    assert found.method is not None
    assert found.checkpoint is not None
    assert found.method > found.checkpoint  # seeds only add uncertainty
    assert found.seeds is not None
    text = planning.as_text([found], plan)
    assert "5.0 points need" in text


def test_one_seed_promises_no_method_level_claim() -> None:
    plan = planning.Plan(seeds=1)
    found = planning.prospect("svamp", 300, 0.2, plan)
    assert found.method is None
    assert "no method-level claim" in planning.as_text([found], plan)


def test_clusters_cost_items() -> None:
    plain = planning.prospect("drop", 1000, 0.2, planning.Plan())
    clustered = planning.prospect("drop", 1000, 0.2, planning.Plan(design_effect=2.0))
    assert clustered.checkpoint == detectable_difference(500, 0.2)
    assert clustered.margin is not None
    assert plain.margin is not None
    assert clustered.margin > plain.margin


def test_an_effect_beyond_the_discordance_is_one_error() -> None:
    message = "--effect 15: a difference of 15 points needs a discordance of at least 15 %, got 5 % and 10 %"
    with pytest.raises(UserError, match=message):
        planning.shares([0.05, 0.2, 0.1], 0.15)
    with pytest.raises(UserError, match="at least 30 %, got 20 %"):
        planning.prospect("t", 100, 0.2, planning.Plan(effect=0.3))
    with pytest.raises(UserError, match="got 10 %, 20 % and 30 %"):
        planning.shares([], 0.45)
    assert planning.shares([], 0.15) == [0.2, 0.3]  # of the usual ones, those that allow the effect
    assert planning.shares([0.05], None) == [0.05]


def test_gate_margin_is_rounded_up_and_none_beyond_100_points() -> None:
    plan = planning.Plan()
    found = planning.prospect("t", 50, 0.05, plan)
    assert found.margin == 0.0974
    assert planning.as_text([found], plan).splitlines()[1].split()[-1] == "9.8"
    tiny = planning.prospect("t", 1, 0.9, plan)
    text = planning.as_text([tiny], plan)
    assert tiny.margin is None
    assert text.splitlines()[1].split()[-1] == "none"
    assert "not even a margin of 99.99 points" in text
    assert planning.as_json([tiny], plan)["benchmarks"][0]["margin"] is None


def test_benchmarks_by_name_or_number() -> None:
    known = {"gsm8k": 1319}
    assert planning.parse_benchmarks(["gsm8k", "mine=40", "70"], known) == [
        ("gsm8k", 1319),
        ("mine", 40),
        ("70 items", 70),
    ]
    with pytest.raises(UserError, match="did you mean 'gsm8k'"):
        planning.parse_benchmarks(["gsm8"], known)
    with pytest.raises(UserError, match="not a number of items"):
        planning.parse_benchmarks(["mine=x"], known)
