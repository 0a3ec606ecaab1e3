"""`student.json`: a student's scheme, parts and provenance."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_json, sha256_file, write_json

SCHEMA = "smallsteps.student/1"
CARD = "student.json"
_PICKLES = re.compile(r"\.(bin|pt|pth|pkl|pickle|ckpt)$")


@dataclass(frozen=True, slots=True)
class Student:
    """A directory with one or more trained models.

    Attributes:
        name: label in tables.
        scheme: name of the scheme that drives the parts.
        parts: folder of each part, relative to the student's directory (or absolute, or a hub id).
        base: folder or hub id of the model it was made from.
        revision: hub revision of the base, where it has one.
        seed: training seed; None for a model that was not trained here.
        recipe: hash of the recipe; corpus: hash of the corpus; empty when unknown.
        weights: sha256 of each part's weights.
        versions: versions of the libraries that trained it.
        training: tokens, steps and other figures of the training, for tables of compute.
        precision: of its evaluation, unless one is asked for: `auto` or `exact`.
    """

    name: str
    scheme: str
    parts: dict[str, str]
    base: str = ""
    revision: str | None = None
    seed: int | None = None
    recipe: str = ""
    corpus: str = ""
    weights: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    precision: str = "auto"


def write_student(folder: Path, student: Student) -> None:
    """Write `student.json`; the parts must already be in place."""
    write_json(folder / CARD, {"schema": SCHEMA, **asdict(student)})


def read_student(folder: Path) -> Student:
    """Read a student directory, or take a bare Hugging Face folder as a student of the `cot` scheme.

    Raises:
        UserError: not a student, a part is missing, or its weights are a pickle.
    """
    card = folder / CARD
    if not card.exists():
        if (folder / "config.json").exists():
            check_weights(folder)
            return Student(folder.name, "cot", {"model": str(folder.resolve())}, base=str(folder))
        raise UserError(
            f"no {CARD} and no config.json: neither a student directory nor a Hugging Face model folder",
            where=str(folder),
            fix="give a directory written by 'smallsteps distill' or saved by save_pretrained",
            code=NO_INPUT,
        )
    data = read_json(card)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise UserError(f"schema is {found!r}, expected {SCHEMA!r}", where=str(card), code=DATA)
    data.pop("schema")
    try:
        student = Student(**data)
    except TypeError as error:
        raise UserError(f"not a student card ({error})", where=str(card), code=DATA) from error
    for part in student.parts.values():
        if (folder / part).is_dir():
            check_weights(folder / part)
    return student


def part_path(folder: Path, student: Student, part: str) -> str:
    """Where a part is loaded from: a folder inside the student's directory, an absolute path or a hub id."""
    place = student.parts[part]
    return str(folder / place) if (folder / place).is_dir() else place


def check_weights(folder: Path) -> None:
    """Refuse weights that could run code when loaded.

    Raises:
        UserError: the folder has pickled weights and no safetensors.
    """
    if any(folder.glob("*.safetensors")):
        return
    pickles = sorted(p.name for p in folder.iterdir() if _PICKLES.search(p.name))
    if pickles:
        raise UserError(
            f"weights are a pickle ({pickles[0]}), which can run code when loaded; only safetensors are read",
            where=str(folder),
            fix="load it where you trust it and save it again with save_pretrained (it writes safetensors)",
            code=DATA,
        )
    raise UserError("no *.safetensors weights", where=str(folder), code=NO_INPUT)


def hash_weights(folder: Path) -> str:
    """sha256 over the safetensors files of a model folder, in name order."""
    digests = [sha256_file(path) for path in sorted(folder.glob("*.safetensors"))]
    return digests[0] if len(digests) == 1 else "+".join(d[:16] for d in digests)
