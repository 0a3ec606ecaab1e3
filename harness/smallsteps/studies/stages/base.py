"""Stages: pieces of work named by the hash of their inputs, done once. One file for each kind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object, sha256_of
from smallsteps.integrity import check_files, digests, read_sealed, write_sealed
from smallsteps.students.recorded import Files, unchanged
from smallsteps.terminal import visible_text

SCHEMA = "smallsteps.stage/2"
EARLIER = "smallsteps.stage/1"
MARKER = "stage.json"
Report = Callable[[float, float, str], None]  # done, total, note


@dataclass(frozen=True, slots=True)
class Size:
    """The amount of work of a stage.

    Attributes:
        words: for people, such as `600 steps`.
        tokens: of training, padding included; None where it trains nothing, or where that is not known.
        open: whether it trains on tokens that are not counted, since they follow from the corpus.
    """

    words: str = ""
    tokens: int | None = None
    open: bool = False


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One piece of work. A subclass in a file of its own is a new kind: nothing else lists the kinds.

    Attributes:
        kind, plural, verb: how a kind is called in keys, folders and on the screen.
        name: readable name of the stage.
        after: stages that come first although this one reads nothing of theirs.
        models: folders of the models it loads, by the names that the files give them.
    """

    kind: ClassVar[str]
    plural: ClassVar[str]
    verb: ClassVar[str]

    name: str
    after: tuple[Stage, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)

    @abstractmethod
    def version(self) -> int | str:
        """Version of the code that makes the output; a change makes the stage anew."""

    @abstractmethod
    def content(self) -> dict[str, Any]:
        """Everything that affects the output (settings, keys and hashes of inputs) as plain values."""

    @abstractmethod
    def inputs(self) -> tuple[Stage, ...]:
        """The stages whose outputs it reads."""

    @abstractmethod
    def work(self, out: Path, report: Report) -> None:
        """Make the output in `folder(out)`; called in a worker process."""

    def size(self) -> Size:
        """The amount of work, as far as it is known in advance."""
        return Size()

    @cached_property
    def key(self) -> str:
        """12 hex digits over kind, version and content."""
        return sha256_of([self.kind, self.version(), self.content()])[:12]

    @property
    def needs(self) -> tuple[str, ...]:
        """Keys of the stages that must be done before."""
        return tuple(dict.fromkeys(stage.key for stage in (*self.inputs(), *self.after)))

    @property
    def label(self) -> str:
        """`train cot-s1`, `collect micro_problems`, `evaluate cot-s1 generic`."""
        return visible_text(f"{self.verb} {self.name}")

    def folder(self, out: Path) -> Path:
        """Where the output is: `OUT/<plural>/<name>-<key>`, readable and unique."""
        return out / self.plural / f"{self.name}-{self.key}"

    def is_done(self, out: Path) -> bool:
        """Whether the output is there and whole (the marker is written last).

        Markers of earlier versions list no digests; such a stage is done again and finds its own files.

        Raises:
            UserError: the output was whole, and is damaged or changed now.
        """
        folder = self.folder(out)
        marker = folder / MARKER
        if not marker.exists():
            return False
        repair = f"remove {folder} and run the same command again: this stage alone is done again"
        try:
            if read_object(marker).get("schema") == EARLIER:
                return False
            found = read_sealed(marker, SCHEMA, fix=repair)
        except UserError as error:
            error.fix = repair
            raise
        if found.get("key") != self.key or not isinstance(found.get("files"), dict):
            raise UserError("the marker belongs to another stage", where=str(marker), fix=repair, code=DATA)
        check_files(folder, found["files"], repair)
        return True

    def mark_done(self, out: Path) -> None:
        """Mark the output as complete, with digests of all its files."""
        folder = self.folder(out)
        marker = {
            "schema": SCHEMA,
            "kind": self.kind,
            "name": self.name,
            "key": self.key,
            "content": self.content(),
            "files": digests(folder, leave_out=(MARKER,)),
        }
        write_sealed(folder / MARKER, marker)


@dataclass(frozen=True, slots=True)
class Task:
    """A stage on its way to a worker.

    Attributes:
        out: the study's folder.
        models: digests of the stage's models by folder, as they were recorded.
    """

    stage: Stage
    out: Path
    models: Mapping[str, Files]


def carry_out_one(task: Task, report: Report) -> None:
    """Do the stage; fails when one of its models is not, or no longer, the recorded one."""
    with unchanged(task.models):
        task.stage.work(task.out, report)


def left_out_when_empty(name: str, content: Any) -> dict[str, Any]:
    """Content that is part of a key only where it is not empty, so that other keys stay the same."""
    return {name: content} if content else {}
