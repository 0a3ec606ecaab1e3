"""Boards under limits: memory, a full disk, a kill at any rename."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_boards import Change, reseal, state, with_answers

from board_cases import GENERIC, TARGET
from smallsteps.leaderboard.adding import add_entry
from smallsteps.leaderboard.answers import Answer, schema
from smallsteps.leaderboard.board import read_board
from smallsteps.problems.finding import ENVIRONMENT
from support.commands import call
from support.limited import Job, Limited

pytest_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    found = Limited(
        "smallsteps.leaderboard.site", "smallsteps.leaderboard.adding", "smallsteps.leaderboard.from_study",
        "smallsteps.evaluation.docs", "pydantic", "jinja2",
    )  # fmt: skip
    yield found
    found.close()


def wide(column: str) -> Change:
    """Answers of a few kilobytes: one text of 10 MB in each of 100,000 rows."""

    def change(entry: Path) -> None:
        rows = 100_000
        codes = pa.array([0]).take(pa.array([0] * rows)).cast(pa.int32())
        values = {name: pa.nulls(rows, schema().field(name).type) for name in schema().names}
        values |= {"task": pa.array([TARGET] * rows)}
        values |= {column: pa.DictionaryArray.from_arrays(codes, pa.array(["x" * (10 << 20)]))}
        table = pa.table(values).replace_schema_metadata({"schema": "smallsteps.answers/1"})
        pq.write_table(table, entry / "answers.parquet", compression="zstd", write_statistics=False)
        reseal(entry)

    return change


def last_sample(rows: list[Answer]) -> list[Answer]:
    """A sample number from which no list of that length may be made."""
    return [*(row for row in rows if row.task == GENERIC), replace(rows[-1], sample=2**31 - 1)]


BOMBS: dict[str, tuple[Change, int]] = {
    "card of gzip": (
        lambda entry: (entry / "entry.yaml").write_bytes(gzip.compress(b"a: [" + b"a," * (30 << 20))), 65),
    "record of gzip": (
        lambda entry: (entry / "runs.json").write_bytes(gzip.compress(b"[" + b"[]," * (40 << 20))), 65),
    "record of lists": (lambda entry: (entry / "runs.json").write_text("[" + "[]," * 2_600_000 + "[]]"), 65),
    "record of 16 GB": (lambda entry: os.truncate(entry / "runs.json", 1 << 34), 65),
    "answers of 16 GB": (lambda entry: os.truncate(entry / "answers.parquet", 1 << 34), 65),
    "items": (wide("item"), 65),
    "responses": (wide("response"), 65),
    "sample 2^31 - 1": (with_answers(last_sample), 0),  # an item lacks samples: incomplete, not ranked
}  # fmt: skip


@pytest_linux
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_an_entry_takes_little_memory(name: str, world: Path, limited: Limited) -> None:
    change, code = BOMBS[name]
    change(world / "board" / "entries" / "cot")
    before = state(world / "site")
    place = {ENVIRONMENT: os.environ[ENVIRONMENT], "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
    done = limited.run(
        Job(["leaderboard", "build", str(world / "board"), "--out", str(world / "site")], place)
    )
    assert done.code == code, done.err[-2000:]
    assert code == 0 or state(world / "site") == before


@pytest_linux
@pytest.mark.parametrize("verb", ["add", "build"])
def test_a_full_disk_leaves_board_and_site(verb: str, world: Path, limited: Limited) -> None:
    given = {"add": [str(world / "run"), "--name", "zz"], "build": ["--out", str(world / "site")]}[verb]
    place = {ENVIRONMENT: os.environ[ENVIRONMENT], "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
    before = state(world)
    for size in (100, 2000):
        done = limited.run(Job(["leaderboard", verb, str(world / "board"), *given], place, file_size=size))
        assert done.code in (73, 74), (size, done.err[-2000:])
        assert state(world) == before
        assert not list(world.glob(".*.building-*"))


def test_the_entry_that_a_killed_add_left_is_cleared_away(world: Path, capsys: Any) -> None:
    """SIGKILL between any two files: the board is as before, and the next add is not disturbed."""
    left = world / "board" / ".adding" / "entries" / "zz"
    left.mkdir(parents=True)
    (left / "entry.yaml").write_text("half")
    assert call(capsys, "leaderboard", "check", world / "board")[0] == 0
    assert call(capsys, "leaderboard", "add", world / "board", world / "run", "--name", "zz")[0] == 0
    assert not (world / "board" / ".adding").exists()
    add_entry(read_board(world / "board"), [world / "run"], name="yy", who="tests")


@pytest_linux
def test_a_kill_at_any_rename_leaves_no_half_entry(world: Path) -> None:
    """Killed before its n-th rename, `add` leaves the entry whole or absent."""
    arguments = ["leaderboard", "add", str(world / "board"), str(world / "run"), "--name", "zz", "--replace"]
    codes = []
    for number in (1, 2, 3, 5):
        if not (pid := os.fork()):
            _die_at_rename(number, arguments)
        codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        found = world / "board" / "entries" / "zz"
        assert not found.exists() or sorted(path.name for path in found.iterdir()) == [
            "answers.parquet",
            "entry.yaml",
            "runs.json",
        ]
    assert codes[0] == -9
    assert set(codes) <= {-9, 0}


def _die_at_rename(number: int, arguments: list[str]) -> None:
    from smallsteps.cli import main

    done = [0]

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def rename(*given: Any) -> Any:
            done[0] += 1
            if done[0] == number:
                os.kill(os.getpid(), 9)
            return original(*given)

        return rename

    Path.replace, Path.rename = dying(Path.replace), dying(Path.rename)  # type: ignore[method-assign]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        main(arguments)
    except SystemExit as stopped:
        os._exit(int(stopped.code or 0))
