"""`student.json`: a student's scheme, parts and provenance."""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args, get_type_hints

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.integrity import UNSEALED, check_files, digest_of, digests, read_sealed, write_sealed
from smallsteps.students.gguf import SUFFIX, check_gguf

SCHEMA = "smallsteps.student/2"
EARLIER = ("smallsteps.student/1",)  # without a digest of the card and of files other than weights
CARD = "student.json"
ENDPOINT = "endpoint.json"  # in the folder of a part that is an endpoint, not a model
ADAPTER = "adapter_config.json"  # peft's own, in the folder of an adapter
ALLOW_OUTSIDE = "SMALLSTEPS_ALLOW_OUTSIDE"  # set by --allow-outside; worker processes read it too
REPAIR = "copy the student again from where it came, or train it again with 'smallsteps distill'"
READ_BY_LOADERS = re.compile(r"\.(safetensors|json|jinja|model|txt|py)$")
_PICKLES = re.compile(r"\.(bin|pt|pth|pkl|pickle|ckpt)$")


@dataclass(frozen=True, slots=True)
class Student:
    """A directory with one or more trained models.

    Attributes:
        name: label in tables.
        scheme: name of the scheme that drives the parts.
        parts: folder of each part, inside the student's directory and relative to it. Elsewhere (an absolute
            path, a hub id) only for a plain model folder, or where the user allows it.
        base: folder or hub id of the model it was made from.
        revision: hub revision of the base, where it has one.
        seed: training seed; None for a model that was not trained here.
        recipe: hash of the recipe; corpus: hash of the corpus; empty when unknown.
        weights: sha256 of each part's weights.
        versions: versions of the libraries that trained it.
        files: sha256 of every file of the parts, by its path in the student's directory.
        training: tokens, steps and other figures of the training, for tables of compute.
        precision: of its evaluation, unless one is asked for: `auto` or `exact`.
        base_weights: sha256 of the base's weights, where they were on the disk.
        lora: how adapters were trained; empty when all weights were.
        format: how it is asked (see `engines.prompts.FormatSpec`); empty is plain text.
        selection: of a student that was chosen among checkpoints: the rule, the tokens of the chosen one, and
            what every checkpoint scored; empty for the end of a training without a `selection` section.
        thoughts: of a student that thinks before it answers: `opening` and `closing`, the marks around them.
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
    files: dict[str, str] = field(default_factory=dict)
    precision: str = "auto"
    format: dict[str, Any] = field(default_factory=dict)
    base_weights: str = ""
    lora: dict[str, Any] = field(default_factory=dict)
    thoughts: dict[str, str] = field(default_factory=dict)
    selection: dict[str, Any] = field(default_factory=dict)


def write_student(folder: Path, student: Student) -> None:
    """Write `student.json`, with digests of the parts' files; the parts must already be in place."""
    found = {
        f"{part}/{name}": digest
        for part in student.parts.values()
        if (folder / part).is_dir()
        for name, digest in digests(folder / part).items()
    }
    write_sealed(folder / CARD, {"schema": SCHEMA, **asdict(replace(student, files=found))})


def read_student(folder: Path) -> Student:
    """Read a student directory, or take a plain model folder or adapter as a student of the `cot` scheme.

    Every file of the parts is compared with its digest on the card.

    Raises:
        UserError: not a student; a part is missing, outside the folder, pickled, or different from the card.
    """
    card = folder / CARD
    if not card.exists():
        if (folder / "config.json").exists() or (folder / ADAPTER).exists():
            check_weights(folder)
            return Student(folder.name, "cot", {"model": str(folder.resolve())}, base=str(folder))
        raise UserError(
            f"no {CARD}, config.json or {ADAPTER}: neither a student directory nor a model folder",
            where=str(folder),
            fix="give a directory written by 'smallsteps distill' or saved by save_pretrained",
            code=NO_INPUT,
        )
    student = _read_card(card)
    for part in student.parts.values():
        _check_inside(folder, part)
        if (folder / part).is_dir() and not (folder / part / ENDPOINT).is_file():
            check_weights(folder / part)
    check_student(folder, student)
    return student


def _read_card(card: Path) -> Student:
    data = read_sealed(card, SCHEMA, unsealed=EARLIER, fix=REPAIR)
    del data["schema"]
    known = get_type_hints(Student)
    names = {f.name for f in fields(Student)}
    wrong = [f"unknown key '{key[:80]}'" for key in data if key not in names]
    wrong += [f"'{key}' is missing" for key in ("name", "scheme", "parts") if key not in data]
    for key, value in data.items():
        kind = known.get(key)
        allowed = tuple(getattr(one, "__origin__", one) for one in (get_args(kind) or (kind,)))
        origin = getattr(kind, "__origin__", None)
        if key in names and not isinstance(value, (origin,) if origin is dict else allowed):
            wrong.append(f"'{key}' is not of the right kind")
    if not wrong:
        for key in ("parts", "weights", "files", "thoughts"):
            texts = [text for pair in data.get(key, {}).items() for text in pair]
            if not all(isinstance(text, str) for text in texts) or (key == "parts" and not texts):
                wrong.append(f"'{key}' does not map names to texts")
    if wrong:
        raise UserError(f"not a student card: {wrong[0]}", where=str(card), fix=REPAIR, code=DATA)
    return Student(**data)


def _check_inside(folder: Path, part: str) -> None:
    """Refuse parts that would load something else under the student's name."""
    inside = "\0" not in part and (folder / part).resolve().is_relative_to(folder.resolve())
    if inside and (folder / part).is_dir():
        return
    if inside and not os.environ.get(ALLOW_OUTSIDE):
        raise UserError(
            f"the part '{part}' is not there", where=str(folder / CARD), fix=REPAIR, code=NO_INPUT
        )
    if not os.environ.get(ALLOW_OUTSIDE):
        raise UserError(
            f"the part '{part}' is outside the student's folder",
            where=str(folder / CARD),
            fix="add --allow-outside if you trust the author of this card, or name the model itself",
            code=DATA,
        )


def check_student(folder: Path, student: Student) -> None:
    """Compare the files of the parts with the digests on the card.

    Raises:
        UserError: a file is damaged, missing or another one, or one was added that loading would read.
    """
    check_files(folder, student.files, REPAIR)
    for name, digest in student.weights.items():
        place = folder / student.parts.get(name, "")
        if name in student.parts and place.is_dir() and hash_weights(place) != digest:
            raise UserError(
                f"the weights of the part '{name}' are not those of the card: damaged, or of another model",
                where=str(place),
                fix=REPAIR,
                code=DATA,
            )
    if not student.files:
        return
    for part in student.parts.values():
        for path in sorted((folder / part).iterdir()) if (folder / part).is_dir() else ():
            if READ_BY_LOADERS.search(path.name) and f"{part}/{path.name}" not in student.files:
                if path.name in UNSEALED:
                    continue
                raise UserError(
                    f"{path.name} is not on the card, but loading would read it",
                    where=str(folder / part),
                    fix="remove it, or write the card again",
                    code=DATA,
                )


def part_path(folder: Path, student: Student, part: str) -> str:
    """Where a part is loaded from: a folder inside the student's directory, an absolute path or a hub id."""
    place = student.parts[part]
    return str(folder / place) if (folder / place).is_dir() else place


def check_weights(folder: Path) -> None:
    """Refuse weights that could run code when loaded.

    Args:
        folder: of a model, or the path of a GGUF file, which holds numbers and texts alone.

    Raises:
        UserError: the folder has pickled weights and no safetensors; see `check_gguf`.
    """
    if folder.suffix == SUFFIX and not folder.is_dir():
        check_gguf(folder)
        return
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
    files = sorted(path.name for path in folder.glob(f"*{SUFFIX}"))
    named = [f"for the GGUF file, say 'gguf_file: {n}' in a recipe, and its path in a command" for n in files]
    raise UserError("no *.safetensors weights", where=str(folder), fix=next(iter(named), None), code=NO_INPUT)


def hash_weights(folder: Path) -> str:
    """sha256 over the safetensors files of a model folder, in name order; of a GGUF file, its own."""
    if folder.suffix == SUFFIX and folder.is_file():
        return digest_of(folder)
    found = [digest_of(path) for path in sorted(folder.glob("*.safetensors"))]
    return found[0] if len(found) == 1 else "+".join(digest[:16] for digest in found)
