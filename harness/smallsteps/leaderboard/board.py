"""`board.yaml`: which suites a leaderboard has, and where its parts are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from smallsteps.config import Strict, load
from smallsteps.errors import CANNOT_CREATE, NO_INPUT, UserError

SCHEMA = "smallsteps.board/1"
FILE = "board.yaml"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=300)]
Paragraph = Annotated[str, StringConstraints(max_length=4000)]
Task = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+:,-]{0,199}$")]


class Suite(Strict):
    """One board: the tasks that its rows are ranked on.

    Attributes:
        title: heading; description: one paragraph below it.
        tasks: lm-eval task names.
        limits: tasks of which only so many items are asked, drawn as a limited suite of a study draws them.
        rank_by: task (or suite of tasks) of the ranking; the first target task unless given.
        baseline: entry that differences are taken against.
        hidden: its items are a secret: no page names one, not even by its key, which is a hash of question
            and right answer.
    """

    title: Line
    description: Paragraph = ""
    tasks: Annotated[tuple[Task, ...], Field(min_length=1)]
    limits: dict[str, Annotated[int, Field(ge=1)]] = {}
    rank_by: str | None = None
    baseline: Name | None = None
    hidden: bool = False

    @model_validator(mode="after")
    def _known(self) -> Suite:
        for task in self.limits:
            if task not in self.tasks:
                raise ValueError(f"limits: '{task}' is not among the tasks")
        if len(set(self.tasks)) < len(self.tasks):
            raise ValueError("a task is listed twice")
        return self


class BoardFile(Strict):
    """The whole file.

    Attributes:
        url: where the site is published, for the feed; empty for a site that is read from disk.
    """

    board: Literal[1]
    title: Line
    description: Paragraph = ""
    url: Annotated[str, StringConstraints(pattern=r"^(https://[^\s<>\"']+)?$", max_length=300)] = ""
    suites: Annotated[dict[Name, Suite], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Board:
    """A leaderboard's folder.

    Attributes:
        folder: with `board.yaml`, `items.json`, `entries/` and `releases/`.
        file: what `board.yaml` says.
    """

    folder: Path
    file: BoardFile

    @property
    def entries(self) -> Path:
        return self.folder / "entries"

    @property
    def releases(self) -> Path:
        return self.folder / "releases"

    @property
    def lock(self) -> Path:
        """Digests of the item sets."""
        return self.folder / "items.json"

    @property
    def cache(self) -> Path:
        """What can be computed again."""
        return self.folder / ".cache"

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks of all suites."""
        return tuple(dict.fromkeys(task for suite in self.file.suites.values() for task in suite.tasks))

    def limit(self, task: str) -> int | None:
        """Number of items that a task is cut to; None for all."""
        found = {suite.limits.get(task) for suite in self.file.suites.values() if task in suite.tasks}
        return next(iter(found)) if found else None

    def entry_names(self) -> list[str]:
        """Folders of `entries/`, sorted."""
        if not self.entries.is_dir():
            return []
        return sorted(path.name for path in self.entries.iterdir() if not path.name.startswith("."))


def read_board(folder: Path) -> Board:
    """The leaderboard in a folder.

    Raises:
        UserError: there is none, or its file is wrong.
    """
    if not (folder / FILE).is_file():
        raise UserError(
            f"no {FILE}: not a leaderboard",
            where=str(folder),
            fix="make one with 'smallsteps leaderboard init DIR'",
            code=NO_INPUT,
        )
    board = Board(folder, load(BoardFile, folder / FILE))
    for task in board.tasks:
        limits = {suite.limits.get(task) for suite in board.file.suites.values() if task in suite.tasks}
        if len(limits) > 1:
            raise UserError(
                f"task '{task}' has different limits in different suites",
                where=str(folder / FILE),
                fix="give it the same limit everywhere",
            )
    return board


START = """\
# A leaderboard: suites of tasks, and entries in entries/. See README.md for how to submit.
board: 1
title: My leaderboard
description: Small students and what distillation bought them.
# url: https://example.org/leaderboard/     # where the site is published; the feed needs it
suites:
  main:
    title: Word problems
    tasks: [smallsteps_micro_problems, smallsteps_micro_generic_cot, smallsteps_micro_generic_likelihood]
    # limits: {smallsteps_micro_problems: 500}   # so many items, drawn as a study draws them
    # rank_by: smallsteps_micro_problems         # the first target task unless given
    # baseline: base                             # an entry; differences are taken against it
"""


def start_board(folder: Path) -> bool:
    """Write a commented `board.yaml` where there is none; whether it was written.

    Raises:
        UserError: the folder holds something else.
    """
    if (folder / FILE).is_file():
        return False
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            "this folder is not empty and is not a leaderboard",
            where=str(folder),
            fix="choose a new folder",
            code=CANNOT_CREATE,
        )
    from smallsteps.files import write_atomic

    write_atomic(folder / FILE, START)
    (folder / "entries").mkdir(exist_ok=True)
    return True
