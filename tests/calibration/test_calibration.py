"""Every procedure keeps its promise where the truth is known, and the naive ones are caught breaking it.

The short version takes about a minute; `-m full` runs 10,000 draws a scenario. `calibration_table.py` writes
the table of the full version into docs/methods.md.
"""

from __future__ import annotations

import pytest
import simulations as sim
from scenarios import ENUMERATED, SCENARIOS, Scenario, covers, holds

from smallsteps.stats.power import mcnemar_power

SHORT, LONG = 1000, 10_000
# In a short run a control is asked to fail clearly only where its true rate is far above 5 %.
NEEDS_MANY_DRAWS = {"cluster z", "two-way, normal z", "percentile cluster bootstrap", "Wald, fixed n"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_short(scenario: Scenario) -> None:
    rates = scenario.run(SHORT, 20_26)
    wrong = {
        name: rates[name]
        for name, wanted in scenario.wanted.items()
        if not (wanted == "fails" and name in NEEDS_MANY_DRAWS) and not holds(rates[name], SHORT, wanted)
    }
    assert not wrong


@pytest.mark.full
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_long(scenario: Scenario) -> None:
    rates = scenario.run(LONG, 7)
    assert not {n: rates[n] for n, wanted in scenario.wanted.items() if not holds(rates[n], LONG, wanted)}


@pytest.mark.parametrize(("name", "run", "wanted"), ENUMERATED, ids=[row[0] for row in ENUMERATED])
def test_coverage_by_enumeration(name: str, run: object, wanted: dict[str, str]) -> None:
    rates = run()  # type: ignore[operator]
    assert not {k: rates[k] for k, v in wanted.items() if not covers(rates[k], v)}


def test_coverages_published_in_the_notes_of_the_field() -> None:
    # Wald .916 / Tango .954 at n = 125, psi .05, delta .04; .922 / .963 at n = 30, psi .2, delta .1
    small, tiny = sim.coverage(125, 0.05, 0.04), sim.coverage(30, 0.2, 0.1)
    assert (small["Wald"], small["Tango"]) == pytest.approx((0.916, 0.954), abs=0.004)
    assert (tiny["Wald"], tiny["Tango"]) == pytest.approx((0.922, 0.963), abs=0.004)
    # Wald covers 88.7 % at n = 125, p = .97 and 80.9 % at n = 30, p = .9; Wilson 94.3 % and 97.4 %
    high, few = sim.accuracy_coverage(125, 0.97), sim.accuracy_coverage(30, 0.9)
    assert (high["Wald, one accuracy"], high["Wilson"]) == pytest.approx((0.887, 0.943), abs=5e-4)
    assert (few["Wald, one accuracy"], few["Wilson"]) == pytest.approx((0.809, 0.974), abs=6e-4)


@pytest.mark.parametrize(
    ("n", "test", "sizes"),
    [
        (125, "exact", (0.025, 0.030, 0.034)),
        (125, "midp", (0.044, 0.045, 0.048)),
        (1319, "exact", (0.041, 0.0435, 0.0445)),
        (1319, "midp", (0.0494, 0.0498, 0.0498)),
    ],
)
def test_size_of_mcnemar_by_enumeration(n: int, test: str, sizes: tuple[float, ...]) -> None:
    for psi, size in zip((0.1, 0.2, 0.3), sizes, strict=True):
        found = mcnemar_power(n, psi, 0.0, test=test)  # type: ignore[arg-type]
        assert found == pytest.approx(size, abs=6e-4)
        assert found <= 0.05


def test_exact_p_values_are_super_uniform() -> None:
    for alpha in (0.01, 0.05, 0.1):
        for n in (20, 125, 1319):
            assert mcnemar_power(n, 0.2, 0.0, alpha) <= alpha


def test_the_unpaired_test_throws_power_away() -> None:
    # n = 1319, psi .1: where the paired test finds 80 %, the unpaired one finds about 6 %
    rates = sim.paired_null(1000, 3, psi=0.1, effect=0.025)
    assert rates["exact McNemar"] > 0.75
    assert rates["unpaired z"] < 0.15


def test_one_seed_is_worse_the_noisier_training_is() -> None:
    calm, noisy = sim.seeds(400, 5, 3, 0.05), sim.seeds(400, 5, 3, 0.20)
    assert noisy["one seed, McNemar"] > calm["one seed, McNemar"] + 0.1
    assert noisy["two-way, Banerjee t"] <= 0.085
