"""Releases: numbers frozen under a name and a hash, and the differences between two releases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, NO_INPUT, UserError, unknown_name
from smallsteps.files import read_object
from smallsteps.integrity import read_sealed, sealed, write_sealed
from smallsteps.leaderboard.board import NAME, Board
from smallsteps.leaderboard.collecting import Collected
from smallsteps.leaderboard.numbers import Row, SuiteNumbers, as_json, from_json

SCHEMA = "smallsteps.board-release/1"
MOST_BYTES = 32 << 20
REPAIR = "releases never change: take the file back from version control"


@dataclass(frozen=True, slots=True)
class Release:
    """The numbers of a board at one time.

    Attributes:
        name: of the release; date: of its latest entry; digest: sha256 of all it holds.
        suites: the boards.
    """

    name: str
    date: str
    digest: str
    suites: tuple[SuiteNumbers, ...]


def snapshot(collected: Collected, name: str) -> dict[str, Any]:
    """The content of a release."""
    dates = [one.entry.file.date for one in collected.contestants]
    return {
        "schema": SCHEMA,
        "release": name,
        "date": max(dates),
        "title": collected.board.file.title,
        "entries": {one.entry.name: one.entry.digest for one in collected.contestants},
        "suites": [as_json(ranked.numbers) for ranked in collected.boards],
    }


def freeze(collected: Collected, name: str) -> Path:
    """Write a release; one that is there already must say the same.

    Raises:
        UserError: a bad name, or a release of that name that says something else.
    """
    if not NAME.fullmatch(name):
        fix = "use lower-case letters, digits, '.', '_' and '-'"
        raise UserError(f"'{name}' is not a valid name of a release", where="--release", fix=fix)
    path = collected.board.releases / f"{name}.json"
    fresh = snapshot(collected, name)
    if path.exists():
        if read_object(path) != sealed(fresh):
            raise UserError(
                f"release '{name}' exists with other content; releases never change",
                where=str(path),
                fix="choose a new name",
                code=CANNOT_CREATE,
            )
        return path
    write_sealed(path, fresh)
    return path


def read_releases(board: Board) -> list[Release]:
    """All releases, the latest first.

    Raises:
        UserError: one was changed.
    """
    if not board.releases.is_dir():
        return []
    found = [read_release(path) for path in sorted(board.releases.glob("*.json"))]
    return sorted(found, key=lambda one: (one.date, one.name), reverse=True)


def read_release(path: Path) -> Release:
    """One release, intact.

    Raises:
        UserError: missing, changed, or of another schema.
    """
    if path.is_symlink():
        raise UserError("a link: releases are plain files", where=str(path), code=DATA)
    digest = str(read_object(path, most=MOST_BYTES).get("digest", ""))
    found = _release(read_sealed(path, SCHEMA, fix=REPAIR, most=MOST_BYTES), digest, path)
    if found.name != path.stem or not NAME.fullmatch(found.name):
        raise UserError("a release's file has its name", where=str(path), fix=REPAIR, code=DATA)
    return found


def find_release(board: Board | None, name: str) -> Release:
    """A release by its name on a board, by its file, or the current numbers of a built site.

    Raises:
        UserError: there is none.
    """
    path = Path(name)
    if path.is_dir() and (path / "data" / "board.json").is_file():
        return _of_site(path / "data" / "board.json")
    if path.is_file():
        return _of_site(path) if path.name == "board.json" else read_release(path)
    known = {one.name: one for one in read_releases(board)} if board is not None else {}
    if name in known:
        return known[name]
    if board is None:
        raise UserError(f"no release, file or site '{name}'", code=NO_INPUT)
    raise unknown_name("release", name, known, where=str(board.releases), code=NO_INPUT)


def _of_site(path: Path) -> Release:
    data = read_object(path, SCHEMA, most=MOST_BYTES)
    return _release(data, str(data.get("digest", "")), path)


def _release(data: Mapping[str, Any], digest: str, path: Path) -> Release:
    try:
        suites = tuple(
            from_json({k: v for k, v in suite.items() if k != "schema"}) for suite in data["suites"]
        )
        return Release(str(data["release"]), str(data["date"]), digest, suites)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError("not a release", where=str(path), fix=REPAIR, code=DATA) from error


@dataclass(frozen=True, slots=True)
class Difference:
    """The differences between two releases on one board.

    Attributes:
        suite: of the board; added, removed: entries; moved: (entry, what, before, after).
    """

    suite: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: tuple[tuple[str, str, str, str], ...]

    @property
    def empty(self) -> bool:
        """Nothing differs."""
        return not (self.added or self.removed or self.moved)


def differences(old: Release, new: Release) -> list[Difference]:
    """Board by board: entries that came and went, and whose scores or ranks changed."""
    before, after = ({suite.name: suite for suite in one.suites} for one in (old, new))
    out = []
    for name in sorted({*before, *after}):
        one, two = before.get(name), after.get(name)
        rows = [{row.entry: row for row in suite.rows} if suite else {} for suite in (one, two)]
        both = sorted(set(rows[0]) & set(rows[1]))
        moved = [change for entry in both for change in _moved(entry, rows[0][entry], rows[1][entry])]
        added, removed = sorted(set(rows[1]) - set(rows[0])), sorted(set(rows[0]) - set(rows[1]))
        out.append(Difference(name, tuple(added), tuple(removed), tuple(moved)))
    return [one for one in out if not one.empty]


def _moved(entry: str, old: Row, new: Row) -> list[tuple[str, str, str, str]]:
    found = []
    if old.digest != new.digest:
        found.append((entry, "files of the entry", old.digest[:12], new.digest[:12]))
    for column in sorted({*old.cells, *new.cells}):
        one, two = old.cells.get(column), new.cells.get(column)
        if one is None or two is None:
            found.append(
                (entry, column, "absent" if one is None else "there", "absent" if two is None else "there")
            )
            continue
        if round(one.accuracy, 9) != round(two.accuracy, 9):
            found.append((entry, f"score on {column}", f"{one.accuracy:.4f}", f"{two.accuracy:.4f}"))
        if one.rank != two.rank:
            found.append((entry, f"rank on {column}", _rank(one.rank), _rank(two.rank)))
    return found


def _rank(rank: tuple[int, int] | None) -> str:
    return "unranked" if rank is None else str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"
