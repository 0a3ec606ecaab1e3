"""Checks of an entry: items, completeness, decoding, contamination, and every score."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.scoring import RULES
from smallsteps.files import escaped, sha256_of, to_json
from smallsteps.integrity import read_sealed
from smallsteps.leaderboard.answers import Answer, Part, check_values, parts_of, read_answers, rows_of
from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.entry import ANSWERS, FILE, MOST_BYTES, RUNS, Entry, read_entry
from smallsteps.leaderboard.items import Items, Pinned, changed, key_digest, read_lock
from smallsteps.leaderboard.packing import RUNS_SCHEMA
from smallsteps.leaderboard.published import rescore_published
from smallsteps.leaderboard.regrading import first_lie, regrade
from smallsteps.leaderboard.remembered import remember, remembered
from smallsteps.leaderboard.runfile import check_record

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA = "smallsteps.entry-check/2"
REPAIR = "make the entry anew with 'smallsteps leaderboard add RUN...'"


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """One task of an entry.

    Attributes:
        items: with answers; expected: items that the board asks.
        seeds: training seeds, None where unknown; samples: of each item.
        complete: every item of the board with every seed; whole: every item that it has with every seed.
        scores: `from responses`, `from published outputs` (both recomputed just now), `as reported` (no
            response is kept that could show it), or `not recomputed` (the data of the benchmark are not
            here).
        keys: digest of the item keys.
    """

    items: int
    expected: int
    seeds: tuple[int | None, ...]
    samples: int
    complete: bool
    scores: str
    keys: str
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check.

    Attributes:
        entry: name of its folder; digest: of its files.
        tasks: by name; unknown: what the entry cannot show.
    """

    entry: str
    digest: str
    tasks: Mapping[str, TaskCheck] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def check_entry(board: Board, name: str, items: Items) -> Check:
    """Check one entry against its board.

    Args:
        board: the leaderboard.
        name: of the entry's folder.
        items: of the board's tasks.

    Raises:
        UserError: the entry is rejected; the error says why and names the item.
    """
    entry = read_entry(board.entries / name)
    if datetime.date.fromisoformat(entry.file.date) > datetime.date.today() + datetime.timedelta(days=1):
        raise UserError(
            f"the date {entry.file.date} is in the future", where=str(entry.folder / FILE), code=DATA
        )
    record = read_runs(entry)
    path = entry.folder / ANSWERS
    table = read_answers(path)
    if not len(table):
        raise UserError("the entry has no answers", where=str(path), code=DATA)
    check_values(table, path)
    lock = read_lock(board)
    tasks: dict[str, TaskCheck] = {}
    for part in parts_of(table):
        if part.task not in board.tasks:
            text = f"'{escaped(part.task)[:80]}' is no task of this leaderboard"
            raise UserError(text, where=str(path), code=DATA)
        if part.task not in lock and items.documents(part.task) is not None:
            fix = "run 'smallsteps leaderboard init' on the board's folder"
            text = f"the items of '{part.task}' are not pinned"
            raise UserError(text, where=str(board.lock), fix=fix, code=DATA)
        tasks[part.task] = _check_task(board, entry, table, part, items, lock.get(part.task))
    return Check(name, entry.digest, tasks, unknown_of(entry, record, table))


def read_runs(entry: Entry) -> dict[str, Any]:
    """`runs.json` of an entry, intact.

    Raises:
        UserError: damaged, of another schema, or of other responses.
    """
    path = entry.folder / RUNS
    record = read_sealed(path, RUNS_SCHEMA, fix=REPAIR, most=MOST_BYTES[RUNS])
    if record.get("answers") != entry.answers:
        raise UserError(
            f"{ANSWERS} is not the file that {RUNS} was written with", where=str(entry.folder), fix=REPAIR,
            code=DATA,
        )  # fmt: skip
    wrong = check_record(record)
    if wrong is not None:
        raise UserError(wrong, where=str(path), fix=REPAIR, code=DATA)
    return record


def _check_task(
    board: Board, entry: Entry, table: pa.Table, part: Part, items: Items, pinned: Pinned | None
) -> TaskCheck:
    where = str(entry.folder / ANSWERS)
    task, docs = part.task, items.documents(part.task)
    shape = _shape(table, part)
    if docs is not None and pinned is not None:
        now = items.pin(task)
        if now is not None and now != pinned:
            raise changed(board, task, pinned, now)
        rows = rows_of(table, part)
        for row in rows:
            if row.item not in docs:
                raise UserError(
                    f"item '{escaped(row.item)[:80]}' is not among the {pinned.items} items of {task}",
                    where=where,
                    code=DATA,
                )
            expected = docs[row.item]["cluster"]
            if row.cluster != (None if expected == row.item else expected):
                raise UserError(
                    f"item '{row.item}' of {task} is in cluster '{row.cluster}', expected '{expected}'",
                    where=where,
                    code=DATA,
                )
        scores = _check_scores(entry, task, rows, docs, items.data)
    else:
        if pinned is not None and shape.items >= pinned.items and shape.keys != pinned.keys:
            raise UserError(
                f"the {shape.items} items of {task} are not the {pinned.items} that this board pinned",
                where=where,
                fix="evaluate the student on the items of the board",
                code=DATA,
            )
        scores = "as reported" if pinned is None else "not recomputed"
    full = pinned is None or shape.keys == pinned.keys
    expected_items = pinned.items if pinned else shape.items
    return TaskCheck(
        shape.items, expected_items, shape.seeds, shape.samples, shape.whole and full, scores, shape.keys,
        shape.whole,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Shape:
    """Items, seeds and samples of a task; `whole` if every item has every seed and sample."""

    items: int
    seeds: tuple[int | None, ...]
    samples: int
    whole: bool
    keys: str


def _shape(table: pa.Table, part: Part) -> _Shape:
    rows = table.slice(part.start, part.stop - part.start)
    columns = [rows.column(name).to_pylist() for name in ("seed", "item", "sample")]
    seeds: dict[int | None, list[str]] = {}
    samples: dict[int | None, list[int]] = {}
    if len(set(columns[0])) == 1 and not any(columns[2]):  # one seed and one sample, as nearly everywhere
        seeds[columns[0][0]], samples[columns[0][0]] = columns[1], columns[2]
    else:
        for seed, item, sample in zip(*columns, strict=True):
            seeds.setdefault(seed, []).append(item)
            samples.setdefault(seed, []).append(sample)
    keys = dict.fromkeys(item for listed in seeds.values() for item in listed)
    count = max(max(numbers) for numbers in samples.values()) + 1
    # a sample number may be anything up to 2^31: nothing of that size is made before the rows are counted
    whole = all(len(items) == count * len(keys) for items in seeds.values())
    if whole:
        expected = [item for item in sorted(keys) for _ in range(count)]
        numbers = list(range(count)) * len(keys)
        whole = all(seeds[seed] == expected and samples[seed] == numbers for seed in seeds)
    return _Shape(len(keys), tuple(seeds), count, whole, key_digest(keys))


def _check_scores(
    entry: Entry, task: str, rows: Sequence[Answer], docs: Mapping[str, Any], data: Path | None
) -> str:
    """Recompute every score of a task.

    Raises:
        UserError: one does not follow from its response.
    """
    where = str(entry.folder / ANSWERS)
    if entry.file.kind == "reference":
        return rescore_published(entry, task, rows, docs, data)
    for row in rows:
        if row.response is None and row.likelihoods is None:
            raise UserError(
                f"item '{row.item}' of {task} has no response, so that its score cannot be checked",
                where=where,
                fix="give the responses; only entries of kind 'reference' may leave them out",
                code=DATA,
            )
    for _, group in groupby(rows, key=lambda row: row.seed):
        mine = list(group)
        try:
            lie = first_lie(mine, regrade(task, mine, docs))
        except UserError as error:
            error.where = error.where or where
            raise
        if lie is not None:
            fix = "rejected: a score must follow from its response; pack the run again"
            raise UserError(lie, where=where, fix=fix, code=DATA)
    return "from responses"


def unknown_of(entry: Entry, record: Mapping[str, Any], table: pa.Table) -> tuple[str, ...]:
    """What is unknown of the entry, in the words of the site."""
    import pyarrow.compute as pc

    found = []
    runs = record["runs"]
    generated = table.filter(pc.is_null(table.column("likelihoods")))
    if generated.column("stop").null_count:
        found.append("stop reasons")
    if table.column("seed").null_count and entry.file.kind == "student":
        found.append("training seed")
    decoded = {task for run in runs for task in run.get("decoding") or {}}
    if {part.task for part in parts_of(generated)} - decoded:
        found.append("decoding")
    if entry.file.corpus is None and entry.file.kind == "student":
        found.append("corpus")
    if not record.get("contamination") and entry.file.kind != "base":
        found.append("contamination")
    if any(not run.get("manifest") for run in runs):
        found.append("manifest")
    return tuple(found)


def recorded_check(board: Board, name: str, items: Items, read: dict[str, Entry] | None = None) -> Check:
    """The check of an entry, from the cache where nothing that it depends on has changed.

    Args:
        board: the leaderboard.
        name: of the entry's folder.
        items: of the board's tasks.
        read: gets the entry, so that nobody has to read it again.

    Raises:
        UserError: see `check_entry`.
    """
    entry = read_entry(board.entries / name)
    if read is not None:
        read[name] = entry
    lock = {task: asdict(pinned) for task, pinned in read_lock(board).items()}
    present = {task: items.documents(task) is not None for task in board.tasks}
    key = sha256_of([SCHEMA, entry.digest, RULES, lock, present, str(items.data)])[:32]
    kept = remembered(board, "checks", f"{name}-{key}.json")
    if kept is not None:
        return _restored(json.loads(kept))
    found = check_entry(board, name, items)
    remember(board, "checks", f"{name}-{key}.json", to_json(found.as_dict()).encode())
    return found


def _restored(data: dict[str, Any]) -> Check:
    tasks = {
        name: TaskCheck(**{**values, "seeds": tuple(values["seeds"])})
        for name, values in data["tasks"].items()
    }
    return Check(data["entry"], data["digest"], tasks, tuple(data["unknown"]))
