"""Folders and identities of the models that stages load."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smallsteps.students import CARD, check_weights, hash_weights, part_path, read_student
from smallsteps.students.offline import model_folder


def folders_of(named: Iterable[tuple[str | None, str | None, str | None]]) -> dict[str, str]:
    """Folders of models by the name that a file gives them; those that only the hub has are left out.

    Args:
        named: name, the place it was resolved to, and revision of each.
    """
    found = {}
    for name, place, revision in named:
        folder = model_folder(place, revision) if place is not None else None
        if name is not None and folder is not None:
            found[f"{name}@{revision}" if revision else name] = str(folder)
    return found


def identity_of(place: str, revision: str | None = None) -> str:
    """Identity of a base, independent of its place: the hash of its weights, or the hub id."""
    folder = model_folder(place, revision)
    if folder is None:
        return place
    if (folder / CARD).exists():
        student = read_student(folder)
        return "+".join(hash_weights(Path(part_path(folder, student, part))) for part in student.parts)
    check_weights(folder)
    return hash_weights(folder)
