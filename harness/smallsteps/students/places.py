"""What the name of a student means: a student directory, a model folder, or a hub id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smallsteps.errors import NO_INPUT, UserError, nearest
from smallsteps.students.card import ADAPTER, CARD, Student, check_weights, read_student
from smallsteps.students.gguf import apart
from smallsteps.students.offline import is_hub_id, model_folder, stored_model

# What a model that was never taught to stop writes after its answer: the next question of a list of them.
STOPS = ("\nQ:", "\nQuestion:", "\nB:", "\nProblem:", "\nUser:", "\nHuman:")


def stops_of(place: str | Path, revision: str | None = None) -> tuple[str, ...]:
    """Texts that end a reply of the model at a place: `STOPS` where it was not trained here, else none."""
    folder = model_folder(place, revision)
    trained = folder is not None and (folder / CARD).exists()
    return () if trained else STOPS


def find_student(place: str | Path, revision: str | None = None) -> Student:
    """The card of a student directory or model folder; of a hub id, a student of one part.

    Args:
        revision: of a hub id.

    Raises:
        UserError: no such folder, a file, a folder of students, or one without a student.
    """
    name = str(place)
    folder = Path(name).expanduser()
    if apart(name)[1] is not None and (file := model_folder(name, revision)) is not None:
        check_weights(file)
        return Student(file.stem, "cot", {"model": str(file.resolve())}, base=name)
    if folder.is_dir():
        _refuse_other_folders(folder, name)
        return read_student(folder)
    stored = stored_model(name, revision)
    if stored is not None:
        return replace(read_student(stored.folder), base=name, revision=stored.commit or revision)
    if folder.exists():
        raise UserError("a file, not a student directory, model folder or hub id", where=name, code=NO_INPUT)
    if not is_hub_id(name) or (len(Path(name).parts) > 1 and folder.parent.is_dir()):
        close = (
            nearest(folder.name, [p.name for p in folder.parent.iterdir()])
            if folder.parent.is_dir()
            else None
        )
        raise UserError(
            "no such folder",
            where=name,
            fix=f"did you mean '{folder.parent / close}'?"
            if close
            else "check the path; a hub id is NAME or OWNER/NAME",
            code=NO_INPUT,
        )
    return Student(name.rsplit("/", 1)[-1], "cot", {"model": name}, name)


def _refuse_other_folders(folder: Path, name: str) -> None:
    if any((folder / name).exists() for name in (CARD, "config.json", ADAPTER)):
        return
    if (folder / "outcomes.parquet").exists():
        raise UserError("a run, not a student", where=name, fix="give the student itself", code=NO_INPUT)
    inside = sorted(path.parent.name for path in folder.glob(f"*/{CARD}"))
    if inside:
        shown = ", ".join(inside[:10]) + (f" and {len(inside) - 10} more" if len(inside) > 10 else "")
        raise UserError(
            f"this folder is not a student but holds {len(inside)}: {shown}",
            where=name,
            fix=f"name one of them, for example {name.rstrip('/')}/{inside[0]}",
            code=NO_INPUT,
        )
