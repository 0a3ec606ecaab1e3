"""Several students in one call of `smallsteps eval`: the label and run directory of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.outcomes.run_folder import MANIFEST
from smallsteps.students.places import find_student


@dataclass(frozen=True, slots=True)
class Place:
    """One student of the call.

    Attributes:
        student: directory, model folder or hub id; label: its name in the outcomes; out: its run directory.
    """

    student: str
    label: str
    out: Path


def places_of(students: Sequence[str], out: Path, label: str | None = None) -> list[Place]:
    """The label and run directory of each student.

    One student is written to `out` itself. Several get a folder each, named after the student's own folder.
    Students of one recipe share its name and differ in their seed, so that `compare` reads them as seeds of
    one method; two with the same name and seed are called after their folders.

    Raises:
        UserError: not a student, one given twice, `label` for several, or an `out` that is a run already.
    """
    if len(students) == 1:
        return [Place(students[0], label or find_student(students[0]).name, out)]
    if label is not None:
        raise UserError("--label names one student", fix="leave it out: each student keeps its own name")
    if (out / MANIFEST).exists():
        raise UserError(
            "the folder is the run of one student",
            where=str(out),
            fix=f"choose another --out; {len(students)} students get a folder each inside it",
            code=CANNOT_CREATE,
        )
    cards = [find_student(student) for student in students]
    paths = [Path(student).resolve() if Path(student).is_dir() else Path(student) for student in students]
    for student, path in zip(students, paths, strict=True):
        if paths.count(path) > 1:
            raise UserError(f"the student '{student}' is given twice")
    folders = _names(paths)
    shared = Counter((card.name, card.seed) for card in cards)
    return [
        Place(student, card.name if shared[card.name, card.seed] == 1 else folder, out / folder)
        for student, card, folder in zip(students, cards, folders, strict=True)
    ]


def _names(paths: Sequence[Path]) -> list[str]:
    """Names for the runs' folders: the shortest ends of their paths that differ."""
    most = max(len(path.parts) for path in paths)
    names = ["-".join(path.parts[-1:]) for path in paths]
    for length in range(2, most + 1):
        counts = Counter(names)
        if max(counts.values()) == 1:
            break
        names = [
            "-".join(path.parts[-length:]).replace("/", "") if counts[name] > 1 else name
            for name, path in zip(names, paths, strict=True)
        ]
    return names
