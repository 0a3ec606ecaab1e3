"""CPU seconds of `gate --live` at its defaults and of a plain evaluation of the same items, interleaved.

    python benchmarks/gate_live.py STUDENT --task smallsteps_micro_problems --limit 500 --rounds 3

The gate grades every item: its margin is so small that no look can decide. Both are timed as whole commands,
in seconds of the processor, which other work on the machine changes less than seconds of the clock.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

SMALLSTEPS = [sys.executable, "-m", "smallsteps"]


def timed(*arguments: object) -> float:
    """CPU seconds of a command; exit code 2 (undecided) is as good as 0."""
    started = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    done = subprocess.run([*SMALLSTEPS, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode not in (0, 2):
        raise SystemExit(done.stderr)
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - started


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("student")
    parser.add_argument("--task", default="smallsteps_micro_problems")
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, help="of the gate; left out: its default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plain = ("eval", given.student, "--tasks", given.task, "--limit", given.limit, "--out")
        timed(*plain, folder / "frozen")
        batch = () if given.batch is None else ("--batch", given.batch)
        ratios = []
        for number in range(given.rounds):
            a = timed(*plain, folder / f"plain{number}")
            gate = ("gate", given.student, "--live", "--against", folder / "frozen", "--margin", "0.01pp")
            b = timed(*gate, "--state", folder / f"state{number}.json", *batch)
            ratios.append(b / a)
            print(f"round {number + 1}: plain {a:.1f} s, live {b:.1f} s, ratio {b / a:.2f}", flush=True)
            shutil.rmtree(folder / f"plain{number}")
        print(f"live / plain: median {statistics.median(ratios):.2f} of {given.rounds} rounds")


if __name__ == "__main__":
    main()
