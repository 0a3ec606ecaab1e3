"""What tests of entries share: an entry taken apart, forged, and checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.answers import Answer, parts_of, read_answers, rows_of, write_answers
from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.checking import Check, check_entry
from smallsteps.leaderboard.items import Items


def answers_of(entry: Path) -> list[Answer]:
    table = read_answers(entry / "answers.parquet")
    return [row for part in parts_of(table) for row in rows_of(table, part)]


def rewrite(entry: Path, answers: list[Answer]) -> None:
    """What a forger does: other answers, and digests that fit them."""
    write_answers(entry / "answers.parquet", answers)
    reseal(entry)


def reseal(entry: Path) -> None:
    record = json.loads((entry / "runs.json").read_text())
    del record["digest"]
    write_sealed(entry / "runs.json", {**record, "answers": sha256_file(entry / "answers.parquet")})


def check(board: Board, name: str = "cot") -> Check:
    return check_entry(board, name, Items(board))


def rejected(board: Board, text: str) -> UserError:
    with pytest.raises(UserError, match=text) as caught:
        check(board)
    return caught.value
