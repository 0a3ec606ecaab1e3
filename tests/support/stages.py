"""A stage of the simplest kind, for tests of what all kinds share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from smallsteps.studies.stages.base import Report, Stage


@dataclass(frozen=True, kw_only=True)
class NoteStage(Stage):
    """Writes a text into a file."""

    kind: ClassVar[str] = "note"
    plural: ClassVar[str] = "notes"
    verb: ClassVar[str] = "write"

    shaped_by: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[Stage, ...] = ()

    def version(self) -> int:
        """The first."""
        return 1

    def content(self) -> dict[str, Any]:
        """What the test gave."""
        return {**self.shaped_by, "reads": [stage.key for stage in self.reads]}

    def inputs(self) -> tuple[Stage, ...]:
        """What it reads."""
        return self.reads

    def work(self, out: Path, report: Report) -> None:
        """Write the text behind those that it reads."""
        read = [(stage.folder(out) / "note.txt").read_text() for stage in self.reads]
        self.folder(out).mkdir(parents=True, exist_ok=True)
        (self.folder(out) / "note.txt").write_text("".join([*read, f"{self.name}."]))
        report(1, 1, "")
