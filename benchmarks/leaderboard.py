"""Time, memory and size of building a large leaderboard.

    python benchmarks/leaderboard.py [--students 500] [--tasks 20] [--items 1000] [--double] [--json]

Entries hold 0/1 scores of made-up students; their tasks are none of this package, so that nothing can be
scored again and what is timed is the board itself: reading and checking every row, all pairs on all columns,
the pages. `--double` builds a board of twice the students as well. Wanted, on two shared cores: 500 students
on 20 tasks of 1,000 items (10 million outcomes) from nothing in under 5 minutes and 4 GiB, one more entry in
under 20 s, a main page under 2 MB, twice the students in at most 2.2 times the time.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.answers import COLUMNS, schema
from smallsteps.leaderboard.packing import RUNS_SCHEMA

SCHEMES = ("cot", "socratic", "answer_only", "divergent")
WANTED = {"seconds": 300, "gib": 4, "one_more": 20, "page_mb": 2, "ratio": 2.2}


def write_board(folder: Path, tasks: int) -> None:
    names = ", ".join(f"bench_{t:02d}" for t in range(tasks))
    folder.mkdir(parents=True)
    (folder / "board.yaml").write_text(
        f"board: 1\ntitle: Large board\nsuites:\n  large:\n    title: Large\n    tasks: [{names}]\n"
        "    baseline: student-0000\n"
    )
    (folder / "items.json").write_text('{"schema": "smallsteps.board-items/1", "tasks": {}}\n')


def write_entry(folder: Path, number: int, tasks: int, items: int) -> None:
    rng = np.random.default_rng(number)
    place = folder / "entries" / f"student-{number:04d}"
    place.mkdir(parents=True)
    skill = 0.2 + 0.6 * rng.random()
    ease = np.random.default_rng(7).random(tasks * items)
    scores = (0.6 * ease + 0.4 * rng.random(tasks * items) < skill).astype(np.float64)
    keys = np.array([f"{i:016x}" for i in np.random.default_rng(8).integers(2**60, 2**61, items)])
    count = tasks * items
    columns = {
        "task": np.repeat([f"bench_{t:02d}" for t in range(tasks)], items),
        "item": np.tile(np.sort(keys), tasks),
        "sample": np.zeros(count, dtype=np.int32),
        "seed": np.full(count, 1),
        "score": scores,
        "status": np.where((scores == 0) & (rng.random(count) < 0.05), "unparsed", "ok"),
        "tokens": rng.integers(20, 200, count).astype(np.int32),
        "stop": np.full(count, "eos"),
    }
    table = pa.table({n: columns.get(n, pa.nulls(count)) for n in COLUMNS}).cast(schema())
    plain = [n for n in COLUMNS if n not in ("item", "response", "likelihoods")]
    pq.write_table(table, place / "answers.parquet", compression="zstd", use_dictionary=plain)
    (place / "entry.yaml").write_text(
        f"entry: 1\nname: Student {number}\nscheme: {SCHEMES[number % 4]}\nwho: benchmark\ndate: "
        f"'2026-01-01'\n"
        f"sizes: {{parameters: {10 ** (6 + number % 4)}}}\n"
    )
    write_sealed(
        place / "runs.json",
        {"schema": RUNS_SCHEMA, "rules": "", "runs": [{}], "answers": sha256_file(place / "answers.parquet")},
    )


def measured(board: Path, site: Path) -> dict[str, float]:
    """Build in a process of its own: wall and processor seconds, peak memory in GiB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    code = (
        "import resource, sys; from pathlib import Path; from smallsteps.leaderboard.board import "
        "read_board; "
        "from smallsteps.leaderboard.site import build; build(read_board(Path(sys.argv[1])), "
        "Path(sys.argv[2])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(board), str(site)], check=True, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "wall": round(time.perf_counter() - start, 1),
        "processor": round(used, 1),
        "gib": round(float(done.stdout), 2),
    }


def one_size(root: Path, students: int, tasks: int, items: int) -> dict[str, object]:
    board, site = root / f"board-{students}", root / f"site-{students}"
    write_board(board, tasks)
    for number in range(students):
        write_entry(board, number, tasks, items)
    nothing = measured(board, site)
    write_entry(board, students, tasks, items)
    more = measured(board, site)
    sizes = [path.stat().st_size for path in site.rglob("*") if path.is_file()]
    return {
        "students": students,
        "outcomes": students * tasks * items,
        "from_nothing": nothing,
        "one_more": more,
        "main_page_mb": round((site / "index.html").stat().st_size / 1e6, 3),
        "site_mb": round(sum(sizes) / 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=20)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = [one_size(Path(folder), asked.students, asked.tasks, asked.items)]
        if asked.double:
            found.append(one_size(Path(folder), 2 * asked.students, asked.tasks, asked.items))
    if asked.json:
        print(json.dumps({"wanted": WANTED, "found": found}, indent=2))
        return
    for one in found:
        print(json.dumps(one))


if __name__ == "__main__":
    main()
