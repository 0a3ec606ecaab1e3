"""Ways to make an entry of a board hostile."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.answers import Answer, parts_of, read_answers, rows_of, write_answers

HOSTILE = "\x1b]0;PWN\x07\u202e</script><script>alert(1)</script>`x`|*_[a](javascript:x)\n=cmd()"
Change = Callable[[Path], object]


def state(folder: Path) -> dict[str, str]:
    """Digests and links below a folder, without what is remembered."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if ".cache" in path.parts or path.suffix == ".lock" or path.is_dir():
            continue
        name = str(path.relative_to(folder))
        found[name] = os.readlink(path) if path.is_symlink() else "file" if not path.is_file() else _sum(path)
    return found


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reseal(entry: Path, **changes: Any) -> None:
    """`runs.json` that says something else, with digests that fit."""
    record = json.loads((entry / "runs.json").read_text())
    del record["digest"]
    sums = {"answers": sha256_file(entry / "answers.parquet")}
    write_sealed(entry / "runs.json", {**record, **sums, **changes})


def with_run(**changes: Any) -> Change:
    def change(entry: Path) -> None:
        runs = json.loads((entry / "runs.json").read_text())["runs"]
        reseal(entry, runs=[{**runs[0], **changes}])

    return change


def with_card(**changes: Any) -> Change:
    def change(entry: Path) -> None:
        card = yaml.safe_load((entry / "entry.yaml").read_text())
        (entry / "entry.yaml").write_text(json.dumps({**card, **changes}))

    return change


def with_answers(forge: Callable[[list[Answer]], list[Answer]]) -> Change:
    def change(entry: Path) -> None:
        table = read_answers(entry / "answers.parquet")
        rows = [row for part in parts_of(table) for row in rows_of(table, part)]
        write_answers(entry / "answers.parquet", forge(rows))
        reseal(entry)

    return change


def with_column(name: str, values: Any) -> Change:
    def change(entry: Path) -> None:
        table = read_answers(entry / "answers.parquet")
        column = pa.array([values] * len(table))
        table = table.set_column(table.schema.get_field_index(name), name, column)
        pq.write_table(table, entry / "answers.parquet")
        reseal(entry)

    return change


def instead(name: str, make: Callable[[Path], object]) -> Change:
    """Something else in place of a file of the entry."""

    def change(entry: Path) -> None:
        (entry / name).unlink()
        make(entry / name)

    return change


def dated(text: str) -> Change:
    return with_card(date=text)
