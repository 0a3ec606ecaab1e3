"""Speed and memory of the statistics, as ratios against scipy in the same run.

    python benchmarks/stats.py [--json]

1. The exact bootstrap interval against `scipy.stats.bootstrap` (percentile, 10,000 resamples in batches of
   500) at n = 1319 and 6511. Wanted: at least 300 times faster.
2. `compare` from a Parquet file to text and JSON, by processor time: one million items for two students
   (wanted: under 30 s and 1 GiB), 200 students on 300 items (under 10 s), 100 students on 10 tasks (49,500
   comparisons with intervals, Holm, ranks and letters; under 10 s).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from scipy import stats

from smallsteps.outcomes import OutcomeTable
from smallsteps.outcomes.columns import COLUMNS
from smallsteps.outcomes.table import write_outcomes
from smallsteps.stats import PairedCounts, exact_bootstrap_interval

WANTED_RATIO, MOST_LINES = 300, 1500


class Limits(NamedTuple):
    """What a comparison may cost."""

    seconds: float
    gib: float


# students, tasks, items
SIZES = {
    (2, 1, 1_000_000): Limits(30.0, 1.0),
    (200, 1, 300): Limits(10.0, 2.0),
    (100, 10, 1319): Limits(10.0, 2.0),
}


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


def table_of(students: int, tasks: int, items: int) -> OutcomeTable:
    """One run of each student on each task; students differ in ability, items in difficulty."""
    rng = np.random.default_rng(0)
    ability, easy = rng.normal(0, 0.7, (students, 1, 1)), rng.normal(0, 1.5, (1, tasks, items))
    scores = ability + easy + rng.logistic(0, 1, (students, tasks, items)) > 0
    rows = scores.size

    def words(codes: np.ndarray, form: str, count: int) -> pa.DictionaryArray:
        labels = pa.array([form.format(i) for i in range(count)], type=pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), labels)

    columns: dict[str, object] = dict.fromkeys(COLUMNS, pa.nulls(rows))
    columns |= {
        "student": words(np.repeat(np.arange(students), tasks * items), "student {:03d}", students),
        "task": words(np.tile(np.repeat(np.arange(tasks), items), students), "task {:02d}", tasks),
        "item": words(np.tile(np.arange(items), students * tasks), "item {:07d}", items),
        "sample": np.zeros(rows, dtype=np.int64),
        "score": scores.ravel().astype(np.float64),
        "status": words(np.zeros(rows), "ok", 1),
    }
    return OutcomeTable(columns)


MEASURE = """
import json, resource, sys, time
from pathlib import Path
from smallsteps.comparing.compare import Question, build
from smallsteps.outcomes.readers import load
from smallsteps.reports.compare import layout
wall, cpu = time.perf_counter(), time.process_time()
report = build(load([Path(sys.argv[1])]).table, Question())
compared = time.process_time() - cpu
text, whole = layout.as_text(report), layout.as_json(report)
print(json.dumps({
    "comparisons": len(report.rows), "compare_cpu_s": compared,
    "cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall,
    "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20),
    "lines": text.count(chr(10)), "rows_in_json": len(whole["rows"]),
}))
"""


def compare_cost(students: int, tasks: int, items: int) -> dict[str, float]:
    """From a Parquet file to text and JSON in a process of its own: time, processor time and peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.parquet"
        write_outcomes(path, table_of(students, tasks, items))
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(path)], check=True, capture_output=True, text=True
        )
    found: dict[str, float] = json.loads(done.stdout)
    return {"students": students, "tasks": tasks, "items": items, **found}


def main() -> int:
    """Measure, print, and return 1 if a target is missed."""
    ratios = [bootstrap_ratio(n) for n in (1319, 6511)]
    costs = [(compare_cost(*size), limits) for size, limits in SIZES.items()]
    met = all(row["ratio"] >= WANTED_RATIO for row in ratios) and all(
        cost["cpu_s"] < limits.seconds
        and cost["peak_gib"] < limits.gib
        and cost["lines"] < MOST_LINES
        and cost["rows_in_json"] == cost["comparisons"]
        for cost, limits in costs
    )
    if "--json" in sys.argv:
        found = [cost for cost, _ in costs]
        print(json.dumps({"schema": "smallsteps.benchmark.stats/2", "bootstrap": ratios, "compare": found}))
        return 0 if met else 1
    for row in ratios:
        print(
            f"n = {row['n']:.0f}: exact bootstrap {1e6 * row['exact_s']:.0f} us, "
            f"scipy batched {row['scipy_s']:.3f} s: {row['ratio']:.0f} times faster"
        )
    for cost, limits in costs:
        print(
            f"{cost['students']} students x {cost['tasks']} tasks x {cost['items']:,} items, "
            f"{cost['comparisons']:,} comparisons: {cost['cpu_s']:.1f} s of processor time "
            f"({cost['compare_cpu_s']:.1f} s before text and JSON; {cost['wall_s']:.1f} s wall; wanted under "
            f"{limits.seconds:.0f}), peak {cost['peak_gib']:.2f} GiB (wanted under {limits.gib:g}), "
            f"{cost['lines']} lines of text, {cost['rows_in_json']:,} rows in JSON"
        )
    print("targets met" if met else "TARGET MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
