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
    assert clustered.margin > plain.margin


def test_an_effect_beyond_the_discordance_is_said() -> None:
    plan = planning.Plan(seeds=3, effect=0.3)
    assert "exceeds the discordance" in planning.as_text([planning.prospect("t", 100, 0.2, plan)], plan)


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
