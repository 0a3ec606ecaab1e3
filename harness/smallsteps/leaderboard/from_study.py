"""Every student of a finished study as an entry of its own: all seeds together, the base beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json, read_object
from smallsteps.leaderboard.adding import drafted, put_entry, slug
from smallsteps.leaderboard.board import NAME, Board
from smallsteps.leaderboard.checking import Check
from smallsteps.leaderboard.entry import FILE
from smallsteps.leaderboard.items import Items, pin_items, read_lock
from smallsteps.leaderboard.packing import overlap_of, pack
from smallsteps.outcomes.lm_eval_names import find_samples
from smallsteps.outcomes.run_folder import is_run, read_manifest

MANIFEST, SCHEMA = "manifest.json", "smallsteps.study-manifest/2"  # as `smallsteps run` writes them
OWN_PLANS = "own"


@dataclass(frozen=True, slots=True)
class Added:
    """One entry of a study; `state` is "added", "replaced" or "unchanged"."""

    check: Check
    state: str


def is_study(folder: Path) -> bool:
    """Whether a folder is that of a finished study."""
    try:
        found = read_json(folder / MANIFEST) if (folder / MANIFEST).is_file() else None
    except UserError:
        return False
    return isinstance(found, dict) and found.get("schema") == SCHEMA


def add_study(
    board: Board,
    folder: Path,
    *,
    prefix: str = "",
    who: str = "",
    data: Path | None = None,
    replace: bool = False,
) -> tuple[Added, ...]:
    """Add the students of a study and its base; entries that say the same already are left as they are.

    Diagnostic runs (gold plans) are no entries. Given again, the command changes nothing; cards that people
    filled in stay, also where an entry is replaced.

    Args:
        board: the leaderboard.
        folder: of the study.
        prefix: before the name of every entry.
        who: name of the submitter, for drafted cards.
        data: offline data directory.
        replace: put entries in the place of those that say something else.

    Raises:
        UserError: see `add_entry`; entries before the one that fails are added.
    """
    manifest = read_object(folder / MANIFEST, SCHEMA)
    items = Items(board, data)
    if set(board.tasks) - set(read_lock(board)):
        pin_items(board, data)
    runs = _runs_by_student(board, folder, manifest)
    if not runs:
        fix = f"tasks of this leaderboard: {', '.join(board.tasks)}"
        raise UserError(
            "no run of this study has a task of this leaderboard", where=str(folder), fix=fix, code=DATA
        )
    return tuple(
        _add(board, folder, manifest, name, found, items, prefix, who, replace)
        for name, found in runs.items()
    )


def _runs_by_student(board: Board, folder: Path, manifest: Mapping[str, Any]) -> dict[str, list[Path]]:
    """Run directories of every student with tasks of the board, the base first; none with gold plans."""
    found: dict[str, list[Path]] = {}
    for stage, key in sorted(manifest["stages"].items()):
        kind, _, name = stage.partition(" ")
        run = folder / "runs" / f"{name}-{key}"
        if kind != "run" or not is_run(run):
            continue
        record = read_manifest(run)
        settings = record.get("settings") or {}
        if settings.get("plans", OWN_PLANS) != OWN_PLANS:
            continue
        if any(samples.task in board.tasks for samples in find_samples(run)):
            found.setdefault(str(record["label"]), []).append(run)
    reference = _reference(manifest).get("name")
    return dict(sorted(found.items(), key=lambda one: (one[0] != reference, one[0])))


def _add(
    board: Board,
    folder: Path,
    manifest: Mapping[str, Any],
    student: str,
    runs: list[Path],
    items: Items,
    prefix: str,
    who: str,
    replace: bool,
) -> Added:
    label = slug(f"{prefix}{student}")
    if not NAME.fullmatch(label):
        raise UserError(f"'{label}' is no name of an entry", where="--prefix", fix="choose another prefix")
    packed = pack(runs, items)
    record = packed.record()
    key = manifest["stages"].get(f"overlap {student}")
    if key is not None:
        record["contamination"] = overlap_of(folder / "overlaps" / f"{student}-{key}" / "overlap.json")
    place = board.entries / label / FILE
    known = place.read_text(encoding="utf-8") if place.is_file() else None
    text = known or _card(manifest, student, label, packed.runs[0]["student"], prefix, who)
    return Added(*put_entry(board, label, text, packed, record, items, replace=replace))


def _reference(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return manifest["study"].get("reference") or {}


def _card(
    manifest: Mapping[str, Any], student: str, label: str, facts: dict[str, Any], prefix: str, who: str
) -> str:
    """A drafted card with what the study says of the student."""
    reference, recipe = _reference(manifest), manifest["recipes"].get(student) or {}
    title = recipe.get("title") or (reference.get("title") if student == reference.get("name") else None)
    more: dict[str, Any] = {"name": str(title or student)[:80]}
    corpus = recipe.get("corpus") or {}
    if corpus.get("benchmark"):
        more["corpus"] = {"name": str(corpus["benchmark"])}
    teacher = corpus.get("teacher") or {}
    if teacher.get("kind"):
        more["teacher"] = str(teacher.get("model") or teacher["kind"])
    base = slug(f"{prefix}{reference['name']}") if reference and student != reference["name"] else None
    return drafted(label, facts, who, more, base)
