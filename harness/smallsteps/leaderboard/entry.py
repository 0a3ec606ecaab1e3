"""`entry.yaml`: a student's origin, written by people; its numbers come from the responses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from smallsteps.config import Strict, load
from smallsteps.errors import DATA, UserError
from smallsteps.files import escaped, sha256_of
from smallsteps.integrity import digest_of
from smallsteps.leaderboard.board import NAME, Line, Name, Paragraph, Task

FILE = "entry.yaml"
RUNS = "runs.json"
ANSWERS = "answers.parquet"
FILES = (FILE, RUNS, ANSWERS)
MOST_BYTES = {FILE: 1 << 16, RUNS: 8 << 20, ANSWERS: 512 << 20}
MOST = 10**15  # parameters, tokens, rationales, dollars
Link = Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"'`]+$", max_length=300)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RelativeFile = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$", max_length=200)]


class Base(Strict):
    """The untrained model a student was made from.

    Attributes:
        name: folder or hub id; revision: of the hub.
        entry: the entry of that model on this board, which generic ability is compared with.
    """

    name: Line
    revision: Line | None = None
    entry: Name | None = None


class Corpus(Strict):
    """The corpus of the student."""

    name: Line
    rationales: Annotated[int, Field(ge=0, le=MOST)] | None = None
    tokens: Annotated[int, Field(ge=0, le=MOST)] | None = None
    cost_usd: Annotated[float, Field(ge=0, le=MOST)] | None = None


class Sizes(Strict):
    """Parameters of all parts together, and tokens of the training."""

    parameters: Annotated[int, Field(ge=1, le=MOST)] | None = None
    training_tokens: Annotated[int, Field(ge=0, le=MOST)] | None = None


class Published(Strict):
    """Outputs that somebody published, of which this board keeps scores only.

    Attributes:
        repository, commit, path, licence: where they come from.
        file: their place in the data directory; sha256: of that file.
        task: of this board.
        id: document id of a row, in Python's format syntax over its keys (`test-{id}`); None matches rows by
            the question.
        question, response: keys of a row, dotted where nested.
        where: rows of this student: values of some keys.
    """

    repository: Line
    commit: Line
    path: Line
    licence: Line
    file: RelativeFile
    sha256: Digest
    task: Task
    id: Line | None = None
    question: Line = "question"
    response: Line = "response"
    where: dict[str, str] = {}

    @field_validator("file")
    @classmethod
    def _inside(cls, value: str) -> str:
        if ".." in value.split("/"):
            raise ValueError("the path leaves the data directory")
        return value

    @field_validator("id")
    @classmethod
    def _plain_fields(cls, value: str | None) -> str | None:
        import string

        for _, name, spec, conversion in string.Formatter().parse(value or ""):
            if name is not None and (not name.isidentifier() or spec or conversion):
                raise ValueError("only plain {key} fields are allowed")
        return value


class EntryFile(Strict):
    """The whole file.

    Attributes:
        name: what tables show; kind: `student`, `base` (untrained) or `reference` (somebody else's outputs).
        scheme: of the reasoning; base, teacher, corpus, sizes: what it was made of.
        licence: of the weights; links: paper, code, weights; who: made the entry; date: of the submission.
        note: anything a reader should know; published: sources of a reference.
    """

    entry: Literal[1]
    name: Annotated[str, StringConstraints(min_length=1, max_length=80)]
    kind: Literal["student", "base", "reference"] = "student"
    scheme: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_+-]{1,40}$")] | None = None
    base: Base | None = None
    teacher: Line | None = None
    corpus: Corpus | None = None
    sizes: Sizes = Sizes()
    licence: Line | None = None
    links: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z ]{0,20}$")], Link] = {}
    who: Line
    date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$")]
    note: Paragraph = ""
    published: tuple[Published, ...] = ()

    @model_validator(mode="after")
    def _sources(self) -> EntryFile:
        if (self.kind == "reference") != bool(self.published):
            raise ValueError("'published' goes with kind 'reference', and only with it")
        return self

    @field_validator("date")
    @classmethod
    def _is_date(cls, value: str) -> str:
        import datetime

        datetime.date.fromisoformat(value)
        return value


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry's folder and file.

    Attributes:
        name: of the folder; file: what `entry.yaml` says.
        digest: of all its files.
        answers: sha256 of its responses.
    """

    name: str
    folder: Path
    file: EntryFile
    digest: str
    answers: str

    @property
    def title(self) -> str:
        return self.file.name


def read_entry(folder: Path) -> Entry:
    """An entry whose folder holds what an entry holds and nothing else.

    Raises:
        UserError: a bad name, a link, a file too many or too few or too large, or a wrong `entry.yaml`.
    """
    _check_folder(folder)
    file = load(EntryFile, folder / FILE)
    digests = {name: digest_of(folder / name) for name in FILES}
    return Entry(folder.name, folder, file, sha256_of(digests), digests[ANSWERS])


def _check_folder(folder: Path) -> None:
    if not NAME.fullmatch(folder.name):
        raise UserError(
            f"'{escaped(folder.name)}' is not a valid name of an entry",
            where=str(folder.parent),
            fix="use lower-case letters, digits, '.', '_' and '-', at most 64",
            code=DATA,
        )
    if folder.is_symlink() or not folder.is_dir():
        raise UserError("an entry is a folder, not a link or a file", where=str(folder), code=DATA)
    found = sorted(folder.iterdir())
    for path in found:
        if path.is_symlink():
            raise UserError("a link: entries hold plain files only", where=str(path), code=DATA)
        if path.name not in FILES or not path.is_file():
            raise UserError(
                f"does not belong in an entry, which holds {', '.join(FILES)}",
                where=str(path),
                fix="remove it; 'smallsteps leaderboard add RUN...' packs run directories",
                code=DATA,
            )
        if path.stat().st_size > MOST_BYTES[path.name]:
            raise UserError(f"larger than {MOST_BYTES[path.name]:,} bytes", where=str(path), code=DATA)
        if path.name != ANSWERS and path.read_bytes().startswith(b"\x1f\x8b"):
            raise UserError("a gzip file: entries hold plain files only", where=str(path), code=DATA)
    missing = [name for name in FILES if name not in {path.name for path in found}]
    if missing:
        raise UserError(
            f"{missing[0]} is missing",
            where=str(folder),
            fix="make the entry with 'smallsteps leaderboard add RUN...'",
            code=DATA,
        )
