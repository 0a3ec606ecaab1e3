"""Integrity of a folder: digests, schemas and completeness of runs, students, corpora and studies."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.corpora import read_corpus
from smallsteps.corpora.corpus import CARD as CORPUS_CARD
from smallsteps.corpora.store import Store
from smallsteps.engines.adapters import check_adapter, is_adapter
from smallsteps.engines.headers import check_configuration
from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import read_object
from smallsteps.integrity import damage, read_sealed
from smallsteps.outcomes import read_outcomes
from smallsteps.outcomes.run_folder import MANIFEST, is_run, read_manifest
from smallsteps.schemes import get_scheme
from smallsteps.students import CARD, part_path, read_student
from smallsteps.students.recorded import RECORD as MODELS
from smallsteps.students.recorded import SCHEMA as MODELS_SCHEMA
from smallsteps.studies.declaring import read_declared
from smallsteps.studies.folder import IDENTITY
from smallsteps.studies.folder import MANIFEST_SCHEMA as STUDY_SCHEMA
from smallsteps.studies.folder import SCHEMA as FOLDER_SCHEMA
from smallsteps.studies.stages.base import EARLIER, MARKER
from smallsteps.studies.stages.base import SCHEMA as STAGE_SCHEMA

SCHEMA = "smallsteps.check/1"
OUTCOMES = "outcomes.parquet"
_STAGE = re.compile(r".+-[0-9a-f]{12}")  # a stage's folder: its name and key


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem: the file or folder, and what is wrong with it."""

    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Check:
    """The result of a check.

    Attributes:
        kind: `run`, `student`, `corpus` or `study`.
        files: files whose digests were compared.
        problems: empty when the folder is whole.
    """

    folder: str
    kind: str
    files: int
    problems: tuple[Problem, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"schema": SCHEMA, **asdict(self)}


def check_folder(folder: Path) -> Check:
    """Verify a folder whole.

    Raises:
        UserError: there is no such folder, or it is of no known kind.
    """
    if not folder.is_dir():
        raise UserError("no such folder", where=str(folder), code=NO_INPUT)
    kind, check = _kind(folder)
    counted, problems = 0, []
    for found in check(folder):
        if isinstance(found, Problem):
            problems.append(found)
        else:
            counted += found
    return Check(str(folder), kind, counted, tuple(dict.fromkeys(problems)))


Findings = Iterator[Problem | int]  # problems, and numbers of files compared


def _kind(folder: Path) -> tuple[str, Callable[[Path], Findings]]:
    if (folder / IDENTITY).exists():
        return "study", _study
    if (folder / CARD).exists():
        return "student", _student
    if (folder / CORPUS_CARD).exists():
        return "corpus", _corpus
    if (folder / MANIFEST).exists() or (folder / OUTCOMES).exists():
        return "run", _run
    raise UserError(
        "neither a run, a student, a corpus nor a study",
        where=str(folder),
        fix=f"expected {MANIFEST}, {CARD}, {CORPUS_CARD} or {IDENTITY} in it",
        code=NO_INPUT,
    )


def _found(folder: Path, action: Callable[[], Any]) -> Findings:
    """The error of an action, as a finding."""
    try:
        action()
    except UserError as error:
        yield Problem(str(error.where or folder), error.message)


def _compared(folder: Path, files: Any) -> Findings:
    if not isinstance(files, dict) or not files:
        yield Problem(str(folder), "no digests of its files were recorded")
        return
    yield len(files)
    yield from (Problem(str(folder), text) for text in damage(folder, files))


def _run(folder: Path) -> Findings:
    if not (folder / MANIFEST).exists():
        yield Problem(str(folder), f"unfinished, or without its {MANIFEST}")
        return
    try:
        if not is_run(folder):
            yield Problem(str(folder / MANIFEST), "not the manifest of a run")
            return
        manifest = read_manifest(folder)
    except UserError as error:
        yield Problem(str(error.where), error.message)
        return
    files = manifest.get("files")
    yield from _compared(folder, files)
    names = list(files) if isinstance(files, dict) else []
    for prefix in ("results_", *(f"samples_{task}_" for task in manifest.get("outcomes", {}))):
        if not any(name.startswith(prefix) for name in names):
            yield Problem(str(folder), f"no {prefix}* file")
    try:
        tasks = read_outcomes(folder / OUTCOMES).columns["task"]
    except UserError as error:
        yield Problem(str(error.where or folder), error.message)
        return
    counts = {task: list(tasks).count(task) for task in dict.fromkeys(tasks)}
    if counts != manifest.get("outcomes"):
        yield Problem(str(folder / OUTCOMES), "its numbers of outcomes are not those of the manifest")


def _student(folder: Path) -> Findings:
    try:
        student = read_student(folder)
    except UserError as error:
        yield Problem(str(error.where or folder), error.message)
        return
    yield len(student.files) or len(student.weights)
    if not student.files:
        yield Problem(str(folder / CARD), "only the weights have digests: written by an earlier version")
    yield from _found(folder, lambda: get_scheme(student.scheme))
    for part in student.parts:
        place = Path(part_path(folder, student, part))
        check = check_adapter if is_adapter(place) else check_configuration
        yield from _found(place, lambda place=place, check=check: check(place))  # type: ignore[misc]


def _corpus(folder: Path) -> Findings:
    yield 2
    yield from _found(folder, lambda: read_corpus(folder))
    for store in sorted(folder.glob("*.sqlite")):
        yield from _store(store)


def _store(path: Path) -> Findings:
    def read() -> None:
        try:
            with Store(path, readonly=True) as store:
                for _ in store:
                    pass
        except Exception as error:  # a damaged page can raise anything
            raise UserError(f"damaged store ({error})", where=str(path), code=DATA) from error

    yield 1
    yield from _found(path, read)


def _study(folder: Path) -> Findings:
    yield from _found(folder, lambda: read_object(folder / IDENTITY, FOLDER_SCHEMA))
    yield from _found(folder, lambda: read_declared(folder))
    if (folder / MODELS).exists():
        yield from _found(folder, lambda: read_sealed(folder / MODELS, MODELS_SCHEMA))
    for stage in sorted(path for path in folder.glob("*/*") if path.is_dir() and _STAGE.fullmatch(path.name)):
        done = yield from _stage(stage)
        check = _CHECKED_WITHIN.get(stage.parent.name)
        if done and check is not None:
            yield from (found for found in check(stage) if isinstance(found, Problem))
    for store in sorted((folder / "corpora").glob("*.sqlite")):
        yield from _store(store)
    yield from _complete(folder)


# What is looked at beyond the digests, by the folder of the kind; further kinds have digests alone.
_CHECKED_WITHIN: dict[str, Callable[[Path], Findings]] = {
    "students": _student,
    "runs": _run,
    "corpora": _corpus,
}


def _stage(stage: Path) -> Generator[Problem | int, None, bool]:
    """Findings of one stage; returns whether it is finished."""
    if not (stage / MARKER).exists():
        yield Problem(str(stage), "unfinished: 'smallsteps run' resumes it")
        return False
    try:
        if read_object(stage / MARKER).get("schema") == EARLIER:
            yield Problem(str(stage / MARKER), "no digests: written by an earlier version")
            return True
        marker = read_sealed(stage / MARKER, STAGE_SCHEMA)
    except UserError as error:
        yield Problem(str(error.where), error.message)
        return True
    yield from _compared(stage, marker.get("files"))
    return True


def _complete(folder: Path) -> Findings:
    """Whether every stage of the report is there."""
    if not (folder / MANIFEST).exists():
        if any((folder / "runs").glob("*")):
            yield Problem(str(folder), f"no {MANIFEST}: the study has no report yet")
        return
    try:
        manifest = read_sealed(folder / MANIFEST, STUDY_SCHEMA)
    except UserError as error:
        yield Problem(str(error.where), error.message)
        return
    stages = manifest.get("stages")
    if not isinstance(stages, dict):
        yield Problem(str(folder / MANIFEST), "it lists no stages")
        return
    for name, key in stages.items():
        if not any(folder.glob(f"*/*-{key}")):
            yield Problem(str(folder), f"the stage '{name}' ({key}) is missing")
    yield from _compared(folder, manifest.get("files"))
