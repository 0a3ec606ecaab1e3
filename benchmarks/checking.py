"""Which share of a study's processor time goes into digests, written with results and checked before use.

    python benchmarks/checking.py baselines/micro/smoke.yaml --out FOLDER

Runs the study twice: the first time it makes everything, the second time it only checks that all is there
and writes the report. A `sitecustomize` module in every process adds up the processor time spent in functions
that read files for their digests, or seal and unseal JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

METER = """
import atexit, functools, json, os, time
import smallsteps.files as files
spent, depth = 0.0, 0

def keep():
    with open(os.path.join(os.environ["CHECKING"], f"{os.getpid()}.json"), "w") as file:
        json.dump([spent, time.process_time()], file)

def metered(function):
    @functools.wraps(function)
    def call(*arguments, **options):
        global spent, depth
        depth, began = depth + 1, time.process_time()
        try:
            return function(*arguments, **options)
        finally:
            depth -= 1
            if not depth:
                spent += time.process_time() - began
                keep()
    return call

def meter(module, *names):
    for name in names:
        setattr(module, name, metered(getattr(module, name)))

meter(files, "sha256_file")  # before any other module takes it from there
import smallsteps.integrity as integrity
meter(integrity, "sealed", "read_sealed", "check_files", "damage", "digests")
import smallsteps.corpora.schema as schema
meter(schema, "row_digest")
atexit.register(keep)
"""


def measured(arguments: list[str], folder: Path) -> tuple[float, float, int]:
    """Seconds of processor time in digests, in all, and the number of processes of one command."""
    meters = folder / "meters"
    meters.mkdir(exist_ok=True)
    for old in meters.iterdir():
        old.unlink()
    (folder / "sitecustomize.py").write_text(METER)
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "PYTHONPATH": path, "CHECKING": str(meters)}
    subprocess.run([sys.executable, "-m", "smallsteps", *arguments], env=environment, check=True)
    rows = [json.loads(path.read_text()) for path in meters.iterdir()]
    return sum(spent for spent, _ in rows), sum(whole for _, whole in rows), len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="of the study; must not exist yet")
    parser.add_argument("--workers", default="2")
    given = parser.parse_args()
    if given.out.exists():
        parser.error(f"{given.out} exists: give a new folder")
    arguments = ["run", str(given.study), "--out", str(given.out), "--workers", given.workers]
    with tempfile.TemporaryDirectory() as scratch:
        for name, more in (("made", []), ("only checked", ["--resume"])):
            spent, whole, processes = measured([*arguments, *more], Path(scratch))
            print(
                f"{name}: {spent:.2f} of {whole:.1f} s of processor time in digests "
                f"({100 * spent / whole:.2f} %), {processes} processes"
            )


if __name__ == "__main__":
    main()
