"""`add`: an entry made of runs, and `check` over all entries."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smallsteps.config import validate
from smallsteps.config.document import Document
from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.files import write_atomic
from smallsteps.integrity import digest_of, write_sealed
from smallsteps.leaderboard.answers import write_answers
from smallsteps.leaderboard.board import NAME, Board
from smallsteps.leaderboard.checking import Check, check_entry, recorded_check
from smallsteps.leaderboard.entry import ANSWERS, FILE, RUNS, EntryFile
from smallsteps.leaderboard.items import Items, pin_items, read_lock
from smallsteps.leaderboard.packing import Packed, overlap_of, pack
from smallsteps.leaderboard.published import pack_published
from smallsteps.leaderboard.swap import put_in_place

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found: entries that hold, and why others are rejected."""

    passed: tuple[Check, ...]
    rejected: tuple[tuple[str, UserError], ...]


def add_entry(
    board: Board,
    runs: Sequence[Path],
    *,
    name: str | None = None,
    overlap: Path | None = None,
    card: Path | None = None,
    who: str = "",
    data: Path | None = None,
    replace: bool = False,
) -> Check:
    """Pack runs into `entries/NAME`, check the entry, and only then put it in place.

    Args:
        board: the leaderboard.
        runs: run directories, or lm-eval output, of one student.
        name: of the entry's folder; made from the student's name unless given.
        overlap: `overlap.json` of the student's corpus.
        card: an `entry.yaml` written by hand; one is drafted from the runs unless given.
        who: name of the submitter, for a drafted card.
        data: offline data directory.
        replace: put it in the place of an entry of that name.

    Raises:
        UserError: see `pack` and `check_entry`; the board is then as it was.
    """
    items = Items(board, data)
    if set(board.tasks) - set(read_lock(board)):
        pin_items(board, data)
    file = _read_card(card) if card is not None else None
    if file is not None and file.published:
        if runs:
            raise UserError("a reference is made from its published outputs; give no runs with it")
        packed = Packed(pack_published(file, items), [{"harness": "published", "tasks": _tasks_of(file)}])
    elif not runs:
        raise UserError(
            "give the run directories of one student", fix="smallsteps leaderboard add DIR RUN..."
        )
    else:
        packed = pack(runs, items)
    record = packed.record()
    if overlap is not None:
        record["contamination"] = overlap_of(overlap)
    student = packed.runs[0].get("student") or {}
    label = name or _slug(str(student.get("name") or (file.name if file else "")))
    place = board.entries / label
    if not NAME.fullmatch(label):
        fix = "use lower-case letters, digits, '.', '_' and '-', at most 64"
        raise UserError(f"'{label}' is no name of an entry", where="--name", fix=fix)
    if place.exists() and not replace:
        fix = "choose another with --name, or put it in its place with --replace"
        raise UserError(f"there is an entry '{label}'", where=str(place), fix=fix, code=CANNOT_CREATE)
    text = card.read_text(encoding="utf-8") if card is not None else drafted(label, student, who)
    return _put(board, label, text, packed, record, items)


def _put(board: Board, label: str, text: str, packed: Packed, record: dict[str, Any], items: Items) -> Check:
    """Make the entry in a hidden folder beside the others, check it there, and rename it."""
    staging = board.folder / ".adding"
    shutil.rmtree(staging, ignore_errors=True)
    fresh = staging / "entries" / label
    try:
        write_atomic(fresh / FILE, text)
        write_answers(fresh / ANSWERS, packed.answers)
        write_sealed(fresh / RUNS, {**record, "answers": digest_of(fresh / ANSWERS)})
        view = _Staged(board.folder, board.file, staging)
        found = check_entry(view, label, items)
        board.entries.mkdir(exist_ok=True)
        put_in_place(fresh, board.entries / label)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return found


@dataclass(frozen=True, slots=True)
class _Staged(Board):
    """The board with entries that are not in place yet."""

    staging: Path = Path()

    @property
    def entries(self) -> Path:
        return self.staging / "entries"


def _tasks_of(file: EntryFile) -> list[str]:
    return sorted({source.task for source in file.published})


def _read_card(path: Path) -> EntryFile:
    from smallsteps.config import load

    return load(EntryFile, path)


def _slug(name: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name.lower())
    return kept.strip("-._")[:64] or "entry"


def drafted(label: str, student: dict[str, Any], who: str) -> str:
    """An `entry.yaml` with what the runs say; the rest is for people to fill in."""
    trained = student.get("seed") is not None
    card: dict[str, Any] = {
        "entry": 1,
        "name": str(student.get("name") or label)[:80],
        "kind": "student" if trained or not student.get("scheme") else "base",
        "scheme": student.get("scheme"),
        "who": who or "unknown",
        "date": datetime.date.today().isoformat(),
    }
    if student.get("base") and trained:
        base = {"name": str(student["base"])[:300], "revision": student.get("revision")}
        card["base"] = {key: value for key, value in base.items() if value}
    sizes = {name: student.get(name) for name in ("parameters", "training_tokens")}
    card["sizes"] = {name: value for name, value in sizes.items() if value is not None}
    card = {key: value for key, value in card.items() if value not in (None, {})}
    hints = (
        "# More to say (see leaderboard/README.md): teacher, corpus {name, rationales, tokens, cost_usd}, "
        "licence,\n"
        "# links {paper, code, weights}, note, base {entry: the base's entry on this board}.\n"
    )
    validate(EntryFile, Document(Path(FILE), card))
    return yaml.safe_dump(card, sort_keys=False, allow_unicode=True) + hints


def check_all(
    board: Board,
    names: Sequence[str],
    data: Path | None,
    *,
    cached: bool = False,
    progress: Progress | None = None,
) -> Checked:
    """Check entries; every one, whatever is wrong with others.

    Args:
        board: the leaderboard.
        names: of entries; all if empty.
        data: offline data directory.
        cached: take earlier checks of unchanged entries.
        progress: called with (entries done, entries in all).
    """
    items = Items(board, data)
    passed: list[Check] = []
    rejected: list[tuple[str, UserError]] = []
    chosen = list(names) or board.entry_names()
    for done, name in enumerate(chosen, start=1):
        try:
            passed.append((recorded_check if cached else check_entry)(board, name, items))
        except UserError as error:
            rejected.append((name, error))
        if progress is not None:
            progress(done, len(chosen))
    return Checked(tuple(passed), tuple(rejected))
