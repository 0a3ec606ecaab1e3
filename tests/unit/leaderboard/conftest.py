"""A board and an entry of its own for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

import board_cases as cases
from smallsteps.leaderboard.adding import add_entry
from smallsteps.leaderboard.board import Board


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    return cases.make_board(tmp_path, monkeypatch)


@pytest.fixture
def entry(board: Board, tmp_path: Path) -> Path:
    add_entry(board, [cases.whole_run(tmp_path / "run", "cot", 0.6, 1)], name="cot", who="tests")
    return board.entries / "cot"
