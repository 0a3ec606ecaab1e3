"""Speed and memory of the statistics, as ratios against scipy in the same run.

    python benchmarks/stats.py [--json]

1. The exact bootstrap interval against `scipy.stats.bootstrap` (percentile, 10,000 resamples in batches of
   500) at n = 1319 and 6511. Wanted: at least 300 times faster.
2. All pairs of 100 systems on 10 benchmarks (49,500 comparisons, Tango intervals, Holm, ranks, letters).
   Wanted: under 10 s and 2 GiB.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
from scipy import stats

from smallsteps.stats import PairedCounts, exact_bootstrap_interval
from smallsteps.stats.families import holm_array
from smallsteps.stats.many import rank_systems

WANTED_RATIO, WANTED_SECONDS, WANTED_GIB = 300, 10.0, 2.0


def best_of(repeats: int, work: Callable[[], object]) -> float:
    """Shortest wall time of several calls, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def bootstrap_ratio(n: int) -> dict[str, float]:
    """Exact interval against batched scipy on the same differences."""
    only_a, only_b = round(0.11 * n), round(0.09 * n)
    counts = PairedCounts(round(0.5 * n), only_a, only_b, n - round(0.5 * n) - only_a - only_b)
    d = np.repeat([1.0, -1.0, 0.0], [only_a, only_b, n - only_a - only_b])

    def scipy_interval() -> object:
        return stats.bootstrap(
            (d,), np.mean, n_resamples=10_000, batch=500, method="percentile", rng=np.random.default_rng(0)
        ).confidence_interval

    ours = best_of(200, lambda: exact_bootstrap_interval(counts))
    theirs = best_of(3, scipy_interval)
    return {"n": n, "exact_s": ours, "scipy_s": theirs, "ratio": theirs / ours}


def all_pairs(systems: int = 100, benchmarks: int = 10, items: int = 1319) -> dict[str, float]:
    """All pairs on all benchmarks, with everything that a leaderboard shows."""
    rng = np.random.default_rng(0)
    ability = rng.normal(0, 0.7, systems)
    tables = [
        (rng.normal(0, 1.5, (items, 1)) + ability + rng.logistic(0, 1, (items, systems)) > 0).astype(float)
        for _ in range(benchmarks)
    ]
    start = time.perf_counter()
    rankings = [rank_systems(table) for table in tables]
    for ranking in rankings:
        ranking.pairs.intervals()
    family = holm_array(np.concatenate([ranking.pairs.pvalues for ranking in rankings]))
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)
    return {"comparisons": int(family.size), "seconds": seconds, "peak_gib": peak}


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    ratios = [bootstrap_ratio(n) for n in (1319, 6511)]
    pairs = all_pairs()
    met = (
        all(row["ratio"] >= WANTED_RATIO for row in ratios)
        and pairs["seconds"] < WANTED_SECONDS
        and pairs["peak_gib"] < WANTED_GIB
    )
    if "--json" in sys.argv:
        print(json.dumps({"schema": "smallsteps.benchmark.stats/1", "bootstrap": ratios, "pairs": pairs}))
        return 0 if met else 1
    for row in ratios:
        print(
            f"n = {row['n']:.0f}: exact bootstrap {1e6 * row['exact_s']:.0f} us, "
            f"scipy batched {row['scipy_s']:.3f} s: {row['ratio']:.0f} times faster"
        )
    print(
        f"{pairs['comparisons']:.0f} comparisons with intervals, Holm, ranks and letters: "
        f"{pairs['seconds']:.2f} s, peak {pairs['peak_gib']:.2f} GiB"
    )
    print("targets met" if met else "TARGET MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
