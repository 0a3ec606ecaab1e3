"""Boards, entries, releases, sites and what belongs to them, as kinds of files to damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from damage_cases import Case

import board_cases
from smallsteps.corpora.overlap import SCHEMA as OVERLAP
from smallsteps.files import write_json
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.answers import read_answers
from smallsteps.leaderboard.board import read_board
from smallsteps.leaderboard.checking import read_runs
from smallsteps.leaderboard.entry import read_entry
from smallsteps.leaderboard.items import pin_items, read_lock
from smallsteps.leaderboard.numbers import Cell, Column, Row, SuiteNumbers, as_json
from smallsteps.leaderboard.packing import overlap_of
from smallsteps.leaderboard.releases import SCHEMA as RELEASE
from smallsteps.leaderboard.releases import find_release, read_release
from smallsteps.leaderboard.remembered import remember, remembered
from smallsteps.problems.finding import ENVIRONMENT

SUITE = SuiteNumbers(
    "main", "Main", "", (Column("t", "T", "target", "generation", 9, 1, None, ("t",)),), "t",
    (Row("a", "A", "student", "cot", None, None, None, "me", "2026-01-01", 5, None, None, 1.5, 1, True, (),
         {"t": Cell(0.5, None, (1, 1))}),),
    1, None, None,
)  # fmt: skip


def _entry(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, "")
        board = board_cases.make_board(folder, patch)
        board_cases.add_students(board, folder, {"cot": 0.6})


def _read_entry(folder: Path) -> Any:
    """As `check` does before it scores: the digests of `runs.json` cover the answers."""
    entry = read_entry(folder / "board" / "entries" / "cot")
    answers = read_answers(entry.folder / "answers.parquet").to_pylist()
    return answers, {name: value for name, value in read_runs(entry).items() if name != "answers"}


def _read_card(folder: Path) -> Any:
    return read_entry(folder / "board" / "entries" / "cot").file


def _board(folder: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, "")
        pin_items(board_cases.make_board(folder, patch), None)


def _release(folder: Path) -> None:
    date = {"release": "r1", "date": "2026-01-01", "suites": [as_json(SUITE)]}
    write_sealed(folder / "r1.json", {"schema": RELEASE, **date})
    (folder / "data").mkdir()
    (folder / "data" / "board.json").write_text(json.dumps({"schema": RELEASE, **date}))


def _overlap(folder: Path) -> None:
    rows = [{"benchmark": "svamp", "items": 300, "exact": 1, "near": 2}]
    write_json(folder / "overlap.json", {"schema": OVERLAP, "benchmarks": rows})


def _remembered(folder: Path) -> None:
    _board(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
        remember(read_board(folder / "board"), "scores", "cot.npz", b"scores" * 50)


def _read_remembered(folder: Path) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
        found = remembered(read_board(folder / "board"), "scores", "cot.npz")
    return b"scores" * 50 if found is None else found  # made anew


ENTRY = "board/entries/cot"
BOARD_CASES = (
    Case("entry", _entry, _read_entry, (f"{ENTRY}/answers.parquet", f"{ENTRY}/runs.json")),
    Case("card", _entry, _read_card, (f"{ENTRY}/entry.yaml",), sealed=False),
    Case("board", _board, lambda f: read_board(f / "board").file, ("board/board.yaml",), sealed=False),
    Case("items", _board, lambda f: read_lock(read_board(f / "board")), ("board/items.json",), sealed=False),
    Case("release", _release, lambda f: read_release(f / "r1.json"), ("r1.json",)),
    Case("site", _release, lambda f: find_release(None, str(f)), ("data/board.json",), sealed=False),
    Case("overlap", _overlap, lambda f: overlap_of(f / "overlap.json"), ("overlap.json",), sealed=False),
    Case("remembered", _remembered, _read_remembered, ("board/.cache/scores/cot.npz",)),
)
