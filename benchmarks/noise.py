"""How many texts and verdicts of one student depend on data type and batch.

    python benchmarks/noise.py STUDENT --task smallsteps_svamp --limit 100 --out FOLDER [--data DIR]

Evaluates the same items in bfloat16 and float32 at several batch sizes, and compares every run with float32
at the first batch size. Runs are kept in FOLDER, so that an interrupted measurement goes on.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from smallsteps.evaluation.noise import noise_floor
from smallsteps.evaluation.progress import Bar
from smallsteps.evaluation.runner import OUTCOMES, SOLUTIONS, Settings, evaluate
from smallsteps.files import read_jsonl
from smallsteps.outcomes import read_outcomes

DTYPES = ("float32", "bfloat16")


def texts(run: Path) -> dict[tuple[str, str, int], str]:
    """Responses by task, item and sample."""
    rows = (row for _, row in read_jsonl(run / SOLUTIONS))
    return {(row["task"], row["item"], row["sample"]): row["response"] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("student")
    parser.add_argument("--task", default="smallsteps_svamp")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 8, 1])
    parser.add_argument("--slowest", type=int, default=8, help="smallest batch in float32")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    given = parser.parse_args()
    runs = [
        (dtype, batch)
        for batch in given.batches
        for dtype in DTYPES
        if dtype == "bfloat16" or batch >= given.slowest
    ]
    for dtype, batch in runs:
        settings = Settings((given.task,), limit=given.limit, dtype=dtype, batch_size=batch)
        with Bar(f"{dtype} {batch}") as bar:
            evaluate(given.student, settings, given.out / f"{dtype}-{batch}", data=given.data, progress=bar)
    exact = given.out / f"float32-{given.batches[0]}"
    print("| dtype | batch | right | texts that differ | verdicts that differ |")
    print("|---|--:|--:|--:|--:|")
    for dtype, batch in sorted(runs, key=lambda run: (run[0], run[1])):
        run = given.out / f"{dtype}-{batch}"
        table = read_outcomes(run / OUTCOMES)
        found = noise_floor(table, read_outcomes(exact / OUTCOMES))
        mine, other = texts(run), texts(exact)
        changed = sum(mine[key] != other[key] for key in other)
        right = 100 * float(table.scores().mean())
        print(f"| {dtype} | {batch} | {right:.1f} % | {changed} | {found['flips']} |")
    print(json.dumps({"items": given.limit, "task": given.task}))


if __name__ == "__main__":
    main()
