"""`add`: an entry made of runs, and `check` over all entries."""

from __future__ import annotations

import contextlib
import datetime
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from smallsteps.config import validate
from smallsteps.config.document import Document
from smallsteps.errors import CANNOT_CREATE, UNAVAILABLE, UserError
from smallsteps.files import disk_error, read_text, write_atomic
from smallsteps.integrity import digest_of, write_sealed
from smallsteps.leaderboard.answers import write_answers
from smallsteps.leaderboard.board import NAME, Board
from smallsteps.leaderboard.checking import Check, check_entry, recorded_check
from smallsteps.leaderboard.entry import ANSWERS, FILE, RUNS, Entry, EntryFile
from smallsteps.leaderboard.items import Items, pin_items, read_lock
from smallsteps.leaderboard.packing import Packed, overlap_of, pack
from smallsteps.leaderboard.published import pack_published
from smallsteps.leaderboard.swap import put_in_place
from smallsteps.locks import exclusive

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of `check`: valid entries, and the reasons why others are rejected."""

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
    label = name or slug(str(student.get("name") or (file.name if file else "")))
    if not NAME.fullmatch(label):
        fix = "use lower-case letters, digits, '.', '_' and '-', at most 64"
        raise UserError(f"'{label}' is not a valid name of an entry", where="--name", fix=fix)
    text = read_text(card) if card is not None else drafted(label, student, who)
    return put_entry(board, label, text, packed, record, items, replace=replace, new=True)[0]


def put_entry(
    board: Board,
    label: str,
    text: str,
    packed: Packed,
    record: dict[str, Any],
    items: Items,
    *,
    replace: bool,
    new: bool = False,
) -> tuple[Check, str]:
    """Make the entry in a hidden folder beside the others, check it there, and rename it.

    Args:
        board: the leaderboard.
        label: name of the entry's folder; text: of its `entry.yaml`.
        packed, record: what it says.
        items: of the board's tasks.
        replace: put it in the place of an entry that says something else.
        new: refuse an entry of that name even if it says the same.

    Returns:
        Its check, and "added", "replaced" or "unchanged".
    """
    place = board.entries / label
    if place.exists() and new and not replace:
        raise _exists(label, place)
    with _staging(board) as staging:
        fresh = staging / "entries" / label
        write_atomic(fresh / FILE, text)
        write_answers(fresh / ANSWERS, packed.answers)
        write_sealed(fresh / RUNS, {**record, "answers": digest_of(fresh / ANSWERS)})
        state = "added"
        if place.exists():
            same = all(
                (place / name).is_file() and digest_of(place / name) == digest_of(fresh / name)
                for name in (FILE, ANSWERS, RUNS)
            )
            if same and not new:
                return check_entry(board, label, items), "unchanged"
            if not replace:
                raise _exists(label, place)
            state = "replaced"
        found = check_entry(_Staged(board.folder, board.file, staging), label, items)
        board.entries.mkdir(exist_ok=True)
        put_in_place(fresh, place)
    return found, state


@contextlib.contextmanager
def _staging(board: Board) -> Iterator[Path]:
    """An empty folder beside the entries, of this process alone; it is removed afterwards."""
    folder = board.folder / ".adding"
    busy = UserError(
        "another process is adding an entry", where=str(board.folder), fix="wait for it", code=UNAVAILABLE
    )
    with exclusive(board.cache / "adding.lock", busy):
        if folder.is_symlink():
            raise UserError("a link", where=str(folder), fix="remove it", code=CANNOT_CREATE)
        shutil.rmtree(folder, ignore_errors=True)  # of a process that was killed
        try:
            yield folder
        except OSError as error:
            raise disk_error(error, folder) from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _exists(label: str, place: Path) -> UserError:
    fix = "choose another with --name or --prefix, or put it in its place with --replace"
    return UserError(f"there is an entry '{label}'", where=str(place), fix=fix, code=CANNOT_CREATE)


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


def slug(name: str) -> str:
    """A name of a folder."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name.lower())
    return kept.strip("-._")[:64] or "entry"


def drafted(
    label: str,
    student: dict[str, Any],
    who: str,
    more: Mapping[str, Any] | None = None,
    base_entry: str | None = None,
) -> str:
    """A draft of `entry.yaml` from the runs; people fill in the rest.

    Args:
        label: name of the entry.
        student: what a run says of it.
        who: name of the submitter.
        more: keys of the card that are known besides.
        base_entry: entry of its base.
    """
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
        if base_entry is not None:
            base["entry"] = base_entry
        card["base"] = {key: value for key, value in base.items() if value}
    sizes = {name: student.get(name) for name in ("parameters", "training_tokens")}
    card["sizes"] = {name: value for name, value in sizes.items() if value is not None}
    card.update(more or {})
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
    read: dict[str, Entry] | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Check entries; every one, whatever is wrong with others.

    Args:
        board: the leaderboard.
        names: of entries; all if empty.
        data: offline data directory.
        cached: take earlier checks of unchanged entries; read: gets these entries.
        progress: called with (entries done, entries in all).
    """
    items = Items(board, data)
    passed: list[Check] = []
    rejected: list[tuple[str, UserError]] = []
    chosen = list(names) or board.entry_names()
    for done, name in enumerate(chosen, start=1):
        try:
            passed.append(
                recorded_check(board, name, items, read) if cached else check_entry(board, name, items)
            )
        except UserError as error:
            rejected.append((name, error))
        if progress is not None:
            progress(done, len(chosen))
    return Checked(tuple(passed), tuple(rejected))
