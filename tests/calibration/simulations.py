"""Simulated worlds in which the truth is known; each returns the share of draws a procedure rejects in."""

from __future__ import annotations

import math
from collections.abc import Callable

import naive
import numpy as np
from scipy import special, stats

from contrasts import cluster_t, compare_methods, run_eprocess, stratified_t
from smallsteps.stats import holm, mcnemar_exact, paired_counts
from smallsteps.stats.model import PairedCounts
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.paired import (
    bootstrap_pmf,
    mcnemar_exact_array,
    tango_interval_array,
    tango_score_array,
)
from smallsteps.stats.partial import paired_t, sign_flip
from smallsteps.stats.sequential import look_sizes, obrien_fleming

Rates = dict[str, float]
ALPHA = 0.05


def repeat(draws: int, seed: int, once: Callable[[np.random.Generator], dict[str, bool]]) -> Rates:
    """Share of draws in which each procedure rejected."""
    rng = np.random.default_rng(seed)
    total: dict[str, int] = {}
    for _ in range(draws):
        for name, hit in once(rng).items():
            total[name] = total.get(name, 0) + bool(hit)
    return {name: hits / draws for name, hits in total.items()}


def paired_null(draws: int, seed: int, n: int = 1319, psi: float = 0.2, effect: float = 0.0) -> Rates:
    """Two checkpoints, correlated items, equal accuracy (or `effect` apart)."""

    def once(rng: np.random.Generator) -> dict[str, bool]:
        both, only_a, only_b, neither = rng.multinomial(
            n, [0.6 - psi / 2, (psi + effect) / 2, (psi - effect) / 2, 0.4 - psi / 2]
        )
        a = np.repeat([1.0, 1.0, 0.0, 0.0], [both, only_a, only_b, neither])
        b = np.repeat([1.0, 0.0, 1.0, 0.0], [both, only_a, only_b, neither])
        return {
            "exact McNemar": mcnemar_exact(paired_counts(a, b)) <= ALPHA,
            "paired t": (paired_t(a - b).pvalue or 1) <= ALPHA,
            "unpaired z": naive.unpaired_z(a, b) <= ALPHA,
        }

    return repeat(draws, seed, once)


def partial_credit(draws: int, seed: int, n: int = 200) -> Rates:
    """Skewed partial credit with many zeros, equal means."""

    def once(rng: np.random.Generator) -> dict[str, bool]:
        d = np.where(rng.random(n) < 0.3, rng.beta(0.6, 1.2, n) - rng.beta(0.6, 1.2, n), 0.0)
        return {
            "paired t": (paired_t(d).pvalue or 1) <= ALPHA,
            "sign-flip": sign_flip(d, resamples=999, seed=int(rng.integers(1 << 30))).pvalue <= ALPHA,
        }

    return repeat(draws, seed, once)


def clusters(draws: int, seed: int, groups: int, size: int, icc: float) -> Rates:
    """Paired 0/1 differences that agree within clusters."""
    psi = 0.3
    spread = math.sqrt(icc * psi / 4)
    labels = [int(g) for g in np.repeat(np.arange(groups), size)]

    def once(rng: np.random.Generator) -> dict[str, bool]:
        shift = np.repeat(rng.uniform(-1, 1, groups) * spread * math.sqrt(3), size)
        u = rng.random(groups * size)
        d = np.where(u < psi / 2 + shift, 1.0, np.where(u < psi, -1.0, 0.0))
        ours = cluster_t(d, labels)
        sums = d.reshape(groups, size).sum(axis=1)
        up, down = int((d > 0).sum()), int((d < 0).sum())
        assert ours.sign_flip is not None
        return {
            "cluster t": (ours.test.pvalue or 1) <= ALPHA,
            "sign-flip by cluster": ours.sign_flip.pvalue <= ALPHA,
            "paired test without clusters": (paired_t(d).pvalue or 1) <= ALPHA,
            "McNemar without clusters": mcnemar_exact(PairedCounts(0, up, down, d.size - up - down)) <= ALPHA,
            "cluster z": naive.cluster_z(sums, d.size) <= ALPHA,
            "percentile cluster bootstrap": naive.cluster_bootstrap_rejects(sums, rng),
        }

    return repeat(draws, seed, once)


def suite(draws: int, seed: int) -> Rates:
    """27 subtasks in 23 families whose true differences vary about 0: is the ability they sample changed?"""
    family = [f"f{min(g, 20)}" if g < 23 else f"f{g - 2}" for g in range(27)]
    subtasks = [f"t{g}" for g in range(27) for _ in range(60)]
    names = list(dict.fromkeys(family))
    index = np.array([names.index(f) for f in family])

    def once(rng: np.random.Generator) -> dict[str, bool]:
        shift = np.repeat((rng.normal(0, 0.03, len(names)))[index] + rng.normal(0, 0.02, 27), 60)
        u = rng.random(shift.size)
        d = np.where(u < 0.15 + shift, 1.0, np.where(u < 0.3, -1.0, 0.0))
        beyond = cluster_t(d.reshape(27, 60).mean(axis=1), family).test
        return {
            "families as a sample (t)": (beyond.pvalue or 1) <= ALPHA,
            "fixed strata, read as generic ability": (stratified_t(d, subtasks).pvalue or 1) <= ALPHA,
        }

    return repeat(draws, seed, once)


def seeds(draws: int, seed: int, count: int, sd: float, n: int = 600, interaction: float = 0.0) -> Rates:
    """Two equal methods trained `count` times each; seeds shift the logit, items differ in difficulty."""

    def once(rng: np.random.Generator) -> dict[str, bool]:
        easy = rng.normal(0, 1.5, n)

        def train() -> np.ndarray:
            own = easy + rng.normal(0, interaction, n) if interaction else easy
            p = special.expit(own[None, :] + rng.normal(0, sd, (count, 1)))
            return (rng.random((count, n)) < p).astype(float)

        a, b = train(), train()
        result = compare_methods(a, b).test
        z = result.estimate / result.standard_error if result.standard_error else 0.0
        return {
            "two-way, Banerjee t": (result.pvalue or 1) <= ALPHA,
            "two-way, normal z": naive.two_sided(z) <= ALPHA,
            "one seed, McNemar": mcnemar_exact(paired_counts(a[0], b[0])) <= ALPHA,
            "seeds x items pooled": naive.iid_z((a - b).ravel()) <= ALPHA,
            "items only": naive.iid_z(a.mean(axis=0) - b.mean(axis=0)) <= ALPHA,
            "Welch over seeds": naive.welch(a.mean(axis=1), b.mean(axis=1)) <= ALPHA,
        }

    return repeat(draws, seed, once)


def generations(draws: int, seed: int, n: int = 300, k: int = 8) -> Rates:
    """k samples an item; the two students differ item by item, not on average."""

    def once(rng: np.random.Generator) -> dict[str, bool]:
        easy = rng.normal(0, 1.0, n)
        a, b = (
            (rng.random((n, k)) < special.expit(easy + rng.normal(0, 0.7, n))[:, None]).astype(float)
            for _ in range(2)
        )
        return {
            "paired t on item means": (paired_t((a - b).mean(axis=1)).pvalue or 1) <= ALPHA,
            "sign-flip on item means": sign_flip((a - b).mean(axis=1)).pvalue <= ALPHA,
            "all generations as items": naive.iid_z((a - b).ravel()) <= ALPHA,
        }

    return repeat(draws, seed, once)


def four_equal(draws: int, seed: int, n: int = 600) -> Rates:
    """Four equal students: is any pair declared different?"""

    def once(rng: np.random.Generator) -> dict[str, bool]:
        p = special.expit(rng.normal(0, 1.5, n))
        y = (rng.random((n, 4)) < p[:, None]).astype(float)
        first, second = np.triu_indices(4, 1)
        up, down = ((sign * (y[:, first] - y[:, second]) > 0).sum(axis=0) for sign in (1, -1))
        return {
            "Holm over 6 pairs": min(holm(mcnemar_exact_array(up, down))) <= ALPHA,
            "6 pairs, uncorrected": mcnemar_midp_min(up, down) <= ALPHA,
        }

    return repeat(draws, seed, once)


def mcnemar_midp_min(b: np.ndarray, c: np.ndarray) -> float:
    """Smallest mid-p over several tables."""
    from smallsteps.stats.paired import mcnemar_midp_array

    return float(mcnemar_midp_array(b, c).min())


def _walk(rng: np.random.Generator, n: int, psi: float, delta: float) -> np.ndarray:
    u = rng.random(n)
    return np.where(u < (psi + delta) / 2, 1.0, np.where(u < psi, -1.0, 0.0))


def peeking(draws: int, seed: int, n: int = 1319, psi: float = 0.2) -> Rates:
    """Testing again and again while a run grows, no true difference."""
    stops = np.unique(np.append(np.arange(50, n, 50), n))

    def once(rng: np.random.Generator) -> dict[str, bool]:
        d = _walk(rng, n, psi, 0.0)
        up, down = (d > 0).cumsum()[stops - 1], (d < 0).cumsum()[stops - 1]
        return {"McNemar every 50 items": bool((mcnemar_exact_array(up, down) <= ALPHA).any())}

    return repeat(draws, seed, once)


def gate(
    draws: int, seed: int, n: int = 1319, psi: float = 0.2, margin: float = 0.03, delta: float | None = None
) -> tuple[Rates, dict[str, float]]:
    """Shares of PASS of each gate, and the mean number of items graded; delta = -margin is the boundary."""
    delta = -margin if delta is None else delta
    looks = np.array(look_sizes(n))
    bounds = np.array(obrien_fleming(len(looks)))
    fixed_z = stats.norm.isf(ALPHA)
    used: dict[str, int] = {"O'Brien-Fleming, 5 looks": 0, "e-process": 0}

    def once(rng: np.random.Generator) -> dict[str, bool]:
        d = _walk(rng, n, psi, delta)
        up, down = (d > 0).cumsum()[looks - 1], (d < 0).cumsum()[looks - 1]
        z = tango_score_array(up, down, looks, np.full(looks.size, -margin))
        decided = np.flatnonzero(np.abs(z) >= bounds)
        used["O'Brien-Fleming, 5 looks"] += int(looks[decided[0]] if decided.size else n)
        process = run_eprocess(d, margin)
        used["e-process"] += process.n
        low, _ = naive.wald_interval(up[-1:], down[-1:], n, fixed_z)
        return {
            "Tango, fixed n": bool(z[-1] >= fixed_z),
            "O'Brien-Fleming, 5 looks": bool(decided.size and z[decided[0]] > 0),
            "e-process": process.verdict is Verdict.PASS,
            "5 looks without correction": bool((z >= fixed_z).any()),
            "Wald, fixed n": bool(low[0] > -margin),
            "no significant difference": bool(mcnemar_exact_array(up[-1:], down[-1:])[0] > ALPHA),
        }

    rates = repeat(draws, seed, once)
    return rates, {name: total / draws for name, total in used.items()} | {"Tango, fixed n": float(n)}


def coverage(n: int, psi: float, delta: float) -> Rates:
    """Coverage of 95 % intervals of the difference by enumeration of all (b, c): no Monte-Carlo error."""
    p, q = (psi + delta) / 2, (psi - delta) / 2
    ranges = [
        np.arange(
            max(0, math.floor(n * r - 8 * math.sqrt(n * r) - 8)),
            min(n, math.ceil(n * r + 8 * math.sqrt(n * r) + 8)) + 1,
        )
        for r in (p, q)
    ]
    b, c = (grid.ravel() for grid in np.meshgrid(*ranges, indexing="ij"))
    keep = b + c <= n
    b, c = b[keep], c[keep]
    mass = stats.multinomial.pmf(np.column_stack([b, c, n - b - c]), n, [p, q, 1 - psi])
    heavy = mass > 1e-9
    b, c, mass = b[heavy], c[heavy], mass[heavy]
    low, high = tango_interval_array(b, c, np.full(b.size, n))
    z = stats.norm.isf(0.025)
    p_, q_ = (b + 1) / (n + 2), (c + 1) / (n + 2)
    half = z * np.sqrt((p_ + q_ - (p_ - q_) ** 2) / (n + 2))
    wald_low, wald_high = naive.wald_interval(b, c, n, z)
    hit = {
        "Tango": (low <= delta) & (delta <= high),
        "Bonett-Price": np.abs(p_ - q_ - delta) <= half,
        "Wald": (wald_low <= delta) & (delta <= wald_high),
    }
    if b.size < 20_000:
        hit["exact bootstrap"] = np.array(
            [_bootstrap_holds(int(i), int(j), n, delta) for i, j in zip(b, c, strict=True)]
        )
    return {name: float(mass @ inside / mass.sum()) for name, inside in hit.items()}


def _bootstrap_holds(b: int, c: int, n: int, delta: float) -> bool:
    if b + c == 0:
        return delta == 0
    start, pmf = bootstrap_pmf(PairedCounts(0, b, c, n - b - c))
    cumulative = np.cumsum(pmf)
    low = start + int(np.argmax(cumulative >= 0.025 - 1e-12))
    high = start + int(np.argmax(cumulative >= 0.975 - 1e-12))
    return low / n - 1e-12 <= delta <= high / n + 1e-12


def accuracy_coverage(n: int, p: float) -> Rates:
    """Coverage of 95 % intervals of one accuracy, by enumeration."""
    from smallsteps.stats import clopper_pearson_interval, wilson_interval

    x = np.arange(n + 1)
    mass = stats.binom.pmf(x, n, p)
    z = stats.norm.isf(0.025)
    half = z * np.sqrt(x / n * (1 - x / n) / n)
    return {
        "Wilson": float(mass @ [wilson_interval(int(k), n).contains(p) for k in x]),
        "Clopper-Pearson": float(mass @ [clopper_pearson_interval(int(k), n).contains(p) for k in x]),
        "Wald, one accuracy": float(mass @ (np.abs(x / n - p) <= half)),
    }
