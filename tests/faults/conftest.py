"""A board with two entries, their runs and its site, for the tests of damaged and hostile boards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import board_cases as cases
from smallsteps.leaderboard.site import build
from smallsteps.problems.finding import ENVIRONMENT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with a board of two entries, their runs and its site, and where its benchmarks are."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
        board = cases.make_board(folder, patch)
        cases.add_students(board, folder, {"cot": 0.6, "other": 0.4})
        build(board, folder / "site")
        yield folder, os.environ[ENVIRONMENT]


@pytest.fixture
def world(made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for one test."""
    monkeypatch.setenv(ENVIRONMENT, made[1])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made[0] / "settings"))
    for name in ("board", "site"):
        shutil.copytree(made[0] / name, tmp_path / name)
    shutil.copytree(made[0] / "runs" / "cot", tmp_path / "run")
    return tmp_path
