"""The one variance against loops over its definition, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special, stats

from contrasts import difference_arms
from smallsteps.stats.crossed import Arm, Design, contrast_test, covariance, moments
from smallsteps.stats.model import PairedCounts
from smallsteps.stats.noninferiority import equivalence_p
from smallsteps.stats.paired import tango_interval
from smallsteps.stats.partial import unvarying_interval
from smallsteps.stats.power import ENUMERATED, detectable_difference, mcnemar_power
from smallsteps.stats.students_t import df_of_quantile, t_quantile, t_test
from smallsteps.stats.tradeoff import fieller


def _arms(rng: np.random.Generator, seeds: tuple[int, ...], units: int, strata: np.ndarray) -> list[Arm]:
    """Random scores; weights constant within strata."""
    by_stratum = rng.normal(0, 1 / units, (len(seeds), strata.max() + 1))
    return [
        Arm(rng.random((count, units)) + rng.normal(0, 0.2, (count, 1)), by_stratum[k][strata])
        for k, count in enumerate(seeds)
    ]


def _by_loops(arms: list[Arm], strata: np.ndarray, clusters: np.ndarray) -> tuple[float, float, float]:
    """Seed, cluster and residual part, from their definition."""
    groups, levels = sorted(set(clusters.tolist())), sorted(set(strata.tolist()))

    def totals(x: np.ndarray) -> dict[int, float]:
        out = dict.fromkeys(groups, 0.0)
        for t in levels:
            inside = [u for u in range(x.size) if strata[u] == t]
            count = len({int(clusters[u]) for u in inside})
            mean = sum(x[u] for u in inside) / len(inside)
            for u in inside:
                out[int(clusters[u])] += math.sqrt(count / (count - 1)) * (x[u] - mean)
        return out

    seeds = residual = 0.0
    whole = np.zeros(strata.size)
    for arm in arms:
        count = len(arm.scores)
        whole = whole + arm.weights * arm.scores.mean(axis=0)
        if count < 2 or arm.fixed:
            continue
        values = [sum(arm.weights[u] * row[u] for u in range(row.size)) for row in arm.scores]
        centre = sum(values) / count
        seeds += sum((v - centre) ** 2 for v in values) / (count - 1) / count
        each = [totals(arm.weights * row) for row in arm.scores]
        for g in groups:
            mean = sum(z[g] for z in each) / count
            residual += sum((z[g] - mean) ** 2 for z in each) / (count * (count - 1))
    return seeds, sum(z**2 for z in totals(whole).values()), residual


LAYOUTS = {
    "items": (np.zeros(40, dtype=int), np.arange(40)),
    "clusters": (np.zeros(40, dtype=int), np.arange(40) // 4),
    "strata": (np.arange(40) % 4, np.arange(40)),
    "unequal clusters within strata": (
        np.repeat([0, 1], [16, 24]),
        np.repeat(np.arange(9), [1, 7, 8, 2, 4, 3, 5, 9, 1]),
    ),
    "clusters that reach over strata": (np.arange(40) % 4, np.arange(40) // 4),
    "two blocks of strata": (np.arange(40) % 4, np.where(np.arange(40) % 4 < 2, 0, 20) + np.arange(40) // 4),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seeds", [(1, 1), (3, 3), (2, 5), (3, 1), (2, 3, 4)])
def test_parts_against_loops_over_their_definition(layout: str, seeds: tuple[int, ...]) -> None:
    strata, clusters = LAYOUTS[layout]
    arms = _arms(np.random.default_rng(len(layout)), seeds, 40, strata)
    found = moments(arms, Design.of(40, strata=strata, clusters=clusters))
    s, c, r = _by_loops(arms, strata, clusters)
    assert float(found.seeds.sum()) == pytest.approx(s, rel=1e-10, abs=1e-18)
    assert float(found.clusters.sum()) == pytest.approx(c, rel=1e-10)
    assert found.residual == pytest.approx(r, rel=1e-10, abs=1e-18)
    assert found.variance == pytest.approx(max(s + c - r, s, c), rel=1e-10)


def test_residual_is_the_interaction_of_a_two_way_analysis_of_variance() -> None:
    import pandas as pd
    import statsmodels.api as sm
    from statsmodels.formula.api import ols

    y = np.random.default_rng(3).random((4, 30))
    frame = pd.DataFrame([(s, i, y[s, i]) for s in range(4) for i in range(30)], columns=["s", "i", "y"])
    table = sm.stats.anova_lm(ols("y ~ C(s) + C(i)", frame).fit(), typ=1)
    mean_square = table["sum_sq"] / table["df"]
    found = moments([Arm(y, np.full(30, 1 / 30))], Design.of(30))
    assert found.residual == pytest.approx(mean_square["Residual"] / (4 * 30), rel=1e-10)
    assert float(found.seeds[0]) == pytest.approx(mean_square["C(s)"] / (4 * 30), rel=1e-10)
    assert float(found.clusters[0]) == pytest.approx(mean_square["C(i)"] / (4 * 30), rel=1e-10)


def test_clustered_error_against_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(12), [3, 9, 1, 4, 7, 2, 8, 5, 6, 3, 2, 10])
    d = rng.normal(0, 1, 12)[labels] + rng.normal(0, 1, labels.size)
    fit = sm.OLS(d, np.ones(d.size)).fit(
        cov_type="cluster", cov_kwds={"groups": labels, "use_correction": False}
    )
    test, _ = contrast_test(
        [Arm(d[None, :], np.full(d.size, 1 / d.size))], Design.of(d.size, clusters=labels)
    )
    assert test.standard_error == pytest.approx(float(fit.bse[0]) * math.sqrt(12 / 11), rel=1e-12)
    assert test.df == 11


def test_one_seed_without_clusters_is_the_paired_t() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.random(50), rng.random(50)
    test, _ = contrast_test(difference_arms(a[None], b[None]), Design.of(50))
    oracle = stats.ttest_rel(a, b)
    assert test.pvalue == pytest.approx(oracle.pvalue, rel=1e-10)
    low, high = oracle.confidence_interval()
    assert test.interval is not None
    assert (test.interval.low, test.interval.high) == pytest.approx((low, high), rel=1e-10)


def test_repeating_every_item_in_a_cluster_of_two_does_not_shrink_the_error() -> None:
    rng = np.random.default_rng(6)
    y = [rng.integers(0, 2, (3, 60)).astype(float) for _ in range(2)]
    single, _ = contrast_test(difference_arms(*y), Design.of(60))
    twice = [np.repeat(scores, 2, axis=1) for scores in y]
    double, _ = contrast_test(difference_arms(*twice), Design.of(120, clusters=np.arange(120) // 2))
    assert double.standard_error == pytest.approx(single.standard_error, rel=1e-10)
    assert double.df == pytest.approx(single.df, rel=1e-8)


def test_degrees_of_freedom_are_those_of_banerjees_half_width() -> None:
    rng = np.random.default_rng(7)
    arms = difference_arms(
        rng.random((3, 80)) + rng.normal(0, 0.05, (3, 1)), rng.random((3, 80)) + rng.normal(0, 0.05, (3, 1))
    )
    test, found = contrast_test(arms, Design.of(80))
    seeds = float(found.seeds.sum())
    welch = seeds**2 / float(np.sum(found.seeds**2 / 2))
    half = math.sqrt(
        stats.t.ppf(0.975, welch) ** 2 * seeds + stats.t.ppf(0.975, 79) ** 2 * (found.variance - seeds)
    )
    assert test.interval is not None
    assert test.interval.width / 2 == pytest.approx(half, rel=1e-9)


def test_quantile_and_degrees_of_freedom_are_inverse() -> None:
    for df in (1.0, 2.0, 3.7, 40.0, 1e5):
        assert df_of_quantile(0.95, t_quantile(0.95, df)) == pytest.approx(df, rel=1e-6)
    assert math.isinf(df_of_quantile(0.95, 1.95))


def test_covariance_is_that_of_repeated_experiments() -> None:
    rng = np.random.default_rng(8)
    n, draws = 60, 4000
    strata = np.repeat([0, 1], n // 2)
    weights = [np.where(strata == t, 2 / n, 0.0) for t in (0, 1)]
    design, pairs, claimed = Design.of(n, strata=strata, clusters=np.tile(np.arange(n // 2), 2)), [], []
    for _ in range(draws):
        shared = np.tile(rng.normal(0, 0.3, n // 2), 2)  # items that stand in both tasks
        y = shared + rng.normal(0, 0.05, (3, 1)) + rng.normal(0, 0.2, (3, n))
        pairs.append([float((y.mean(0) * w).sum()) for w in weights])
        if len(claimed) < 400:
            claimed.append(covariance([Arm(y, weights[0])], [Arm(y, weights[1])], design))
    truth = float(np.cov(np.array(pairs).T)[0, 1])
    assert float(np.mean(claimed)) == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_fieller_covers_a_ratio_of_correlated_estimates(correlation: float) -> None:
    rng = np.random.default_rng(9)
    cov = [[0.01**2, correlation * 0.01 * 0.02], [correlation * 0.01 * 0.02, 0.02**2]]
    draws = rng.multivariate_normal([0.04, 0.1], cov, 4000)
    found = [fieller(x, cov[0][0], y, cov[1][1], 1.959963984540054, cov[0][1]) for x, y in draws]
    hits = [interval.contains(0.4) for interval in found if interval is not None]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.012)
    if correlation:  # leaving the covariance out is what made it miss
        naive = [fieller(x, cov[0][0], y, cov[1][1], 1.959963984540054, -cov[0][1]) for x, y in draws]
        wrong = [interval.contains(0.4) for interval in naive if interval is not None]
        assert abs(np.mean(wrong) - 0.95) > 0.012


def test_equivalence_holds_at_the_level_whose_interval_just_fits_into_the_margin() -> None:
    test = t_test(0.011, 0.012**2, 17.0, 0.9, "given")
    for margin in (0.02, 0.03, 0.06):
        p = equivalence_p(None, test, margin)
        assert p is not None
        fits = t_test(0.011, 0.012**2, 17.0, 1 - 2 * p, "given").interval
        assert fits is not None
        assert fits.high == pytest.approx(margin, rel=1e-9)
    counts = PairedCounts(70, 12, 9, 59)
    p = equivalence_p(counts, test, 0.08)
    assert p is not None
    assert tango_interval(counts, 1 - 2 * p).high == pytest.approx(0.08, abs=1e-7)


@pytest.mark.parametrize("n", [10, 125, 1319])
def test_unvarying_interval_at_no_difference_is_tango_without_discordant_items(n: int) -> None:
    found, oracle = unvarying_interval(0.0, n, 0.95), tango_interval(PairedCounts(n, 0, 0, 0), 0.95)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)


@pytest.mark.parametrize("discordance", [0.05, 0.2])
def test_approximate_detectable_difference_has_the_power_it_claims(discordance: float) -> None:
    n = math.ceil(1.01 * ENUMERATED / discordance)
    found = detectable_difference(n, discordance)
    assert found is not None
    slightly = [mcnemar_power(n, discordance, factor * found) for factor in (0.99, 1.01)]
    assert slightly[0] < 0.8 < slightly[1]


def test_two_noisy_seeds_against_a_fixed_model_are_not_called_different_too_often() -> None:
    rng, hits, draws = np.random.default_rng(10), {"ours": 0, "satterthwaite": 0}, 3000
    weights = np.full(50, 1 / 50)
    for _ in range(draws):
        y = rng.normal(0, 0.1, (2, 1)) + rng.normal(0, 0.05, 50) + rng.normal(0, 0.1, (2, 50))
        test, found = contrast_test([Arm(y, weights)], Design.of(50))
        assert test.standard_error is not None
        df = found.variance**2 / float(
            (found.seeds**2 / found.seeds_df).sum() + (found.clusters**2 / found.clusters_df).sum()
        )
        hits["ours"] += (test.pvalue or 1.0) <= 0.05
        t = abs(test.estimate) / test.standard_error
        hits["satterthwaite"] += 2 * float(special.stdtr(df, -t)) <= 0.05
    assert hits["ours"] / draws <= 0.062
    assert hits["satterthwaite"] / draws > 0.08
