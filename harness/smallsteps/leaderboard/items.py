"""Item sets of tasks, and their digests, which are pinned before any entry is made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.evaluation.docs import Document, documents
from smallsteps.evaluation.draw import drawn
from smallsteps.files import read_object, to_json, write_atomic
from smallsteps.leaderboard.board import Board
from smallsteps.problems import load_benchmark
from smallsteps.problems.tasks import TaskParts, parse_task

SCHEMA = "smallsteps.board-items/1"
MOST_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class Pinned:
    """The item set of one task.

    Attributes:
        items: number of them; keys: digest of their keys; golds: digest of keys and right answers.
        benchmark, version: whose items they are.
    """

    items: int
    keys: str
    golds: str
    benchmark: str
    version: int


@dataclass(slots=True)
class Items:
    """The items of tasks, each read once.

    Args:
        board: whose tasks.
        data: offline data directory.
    """

    board: Board
    data: Path | None = None
    _documents: dict[str, dict[str, Document] | None] = field(default_factory=dict)
    _why: dict[str, UserError] = field(default_factory=dict)
    _shown: dict[str, bool] = field(default_factory=dict)

    def documents(self, task: str) -> dict[str, Document] | None:
        """Documents by item key, in order; None for tasks that are not ours or have no data."""
        if task not in self._documents:
            self._documents[task] = self._load(task)
        return self._documents[task]

    def may_be_shown(self, task: str) -> bool:
        """Whether questions and right answers may be on a page: those of the micro-world alone."""
        if task not in self._shown:
            parts = parse_task(task)
            self._shown[task] = parts is not None and load_benchmark(parts.benchmark).suite == "micro"
        return self._shown[task]

    def why_not(self, task: str) -> str:
        """Why there are no documents."""
        if task in self._why:
            return f"{self._why[task].message}; give the data directory with --data"
        return "not a task of this package, so that its items are known by their hashes only"

    def _load(self, task: str) -> dict[str, Document] | None:
        parts = parse_task(task)
        if parts is None:
            return None
        try:
            rows = _asked(parts, self.data)
        except UserError as error:
            self._why[task] = error
            return None
        limit = self.board.limit(task)
        asked = rows if limit is None else [rows[place] for place in drawn(rows, limit)]
        return {row["item"]: row for row in asked}

    def pin(self, task: str) -> Pinned | None:
        """The item set of a task as the benchmark has it now."""
        found, parts = self.documents(task), parse_task(task)
        if found is None or parts is None:
            return None
        golds = {key: [doc["answer"], *doc["aliases"]] for key, doc in found.items()}
        return Pinned(
            len(found),
            key_digest(found),
            hashlib.sha256(to_json(golds, indent=None).encode()).hexdigest(),
            parts.benchmark,
            load_benchmark(parts.benchmark).version,
        )


def _asked(parts: TaskParts, data: Path | None) -> list[Document]:
    benchmark = load_benchmark(parts.benchmark)
    variant = parts.variant or "question"
    return documents(benchmark, variant, "test", data, parts.subtask)["test"]


def key_digest(keys: Iterable[str]) -> str:
    """sha256 of item keys, whatever their order."""
    return hashlib.sha256("\n".join(sorted(keys)).encode()).hexdigest()


def read_lock(board: Board) -> dict[str, Pinned]:
    """Item sets by task; empty where none are pinned yet.

    Raises:
        UserError: not such a file.
    """
    if not board.lock.is_file():
        return {}
    tasks = read_object(board.lock, SCHEMA, most=MOST_BYTES).get("tasks")
    try:
        return {str(task): Pinned(**values) for task, values in tasks.items()}  # type: ignore[union-attr]
    except (AttributeError, TypeError) as error:
        raise UserError("not a list of item sets", where=str(board.lock), code=DATA) from error


def pin_items(board: Board, data: Path | None) -> list[str]:
    """Pin the item sets of all tasks that are not pinned yet; those that were.

    Raises:
        UserError: a pinned set is not what the benchmark has now, or there is no data for a new task.
    """
    items, known = Items(board, data), read_lock(board)
    fresh: dict[str, Pinned] = {}
    for task in board.tasks:
        now = items.pin(task)
        if task in known:
            if now is not None and now != known[task]:
                raise changed(board, task, known[task], now)
        elif now is not None:
            fresh[task] = now
        elif parse_task(task) is not None:
            raise UserError(
                f"no items of '{task}': {items.why_not(task)}", where=str(board.folder), code=NO_INPUT
            )
    if fresh or not board.lock.is_file():
        write_lock(board, {**known, **fresh})
    return list(fresh)


def changed(board: Board, task: str, pinned: Pinned, now: Pinned) -> UserError:
    """The error of a benchmark that no longer has the items of a board."""
    what = "the right answers" if pinned.keys == now.keys else "the items"
    return UserError(
        f"{what} of '{task}' are not those that this board pinned "
        f"({pinned.items} of {pinned.benchmark} version {pinned.version}, now {now.items} of version "
        f"{now.version})",
        where=str(board.lock),
        fix="use the smallsteps and the data that the board was made with, or start a new suite",
        code=DATA,
    )


def write_lock(board: Board, tasks: Mapping[str, Pinned]) -> None:
    """Write `items.json`."""
    plain: dict[str, Any] = {
        task: {name: getattr(pinned, name) for name in Pinned.__slots__} for task, pinned in tasks.items()
    }
    write_atomic(board.lock, to_json({"schema": SCHEMA, "tasks": plain}) + "\n")
