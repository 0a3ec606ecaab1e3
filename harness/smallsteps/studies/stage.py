"""Stages: pieces of work named by the hash of all that shapes them, done once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object, sha256_of
from smallsteps.integrity import check_files, digests, read_sealed, write_sealed

SCHEMA = "smallsteps.stage/2"
EARLIER = "smallsteps.stage/1"
MARKER = "stage.json"
Kind = Literal["corpus", "overlap", "student", "run"]

# Raised when the code changes what a stage of that kind produces: old outputs must not be taken for new ones.
CODE_VERSIONS: dict[Kind, int] = {"corpus": 1, "overlap": 1, "student": 2, "run": 6}


@dataclass(frozen=True, slots=True)
class Stage:
    """One piece of work.

    Attributes:
        kind: what is made; name: its readable name.
        content: all that shapes the output (settings, hashes of inputs); its hash is the stage's key.
        payload: what the worker needs beyond that (paths).
        needs: keys of the stages that must be done before.
    """

    kind: Kind
    name: str
    content: dict[str, Any]
    payload: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """12 hex digits over kind, content and the code version of the kind."""
        return sha256_of([self.kind, CODE_VERSIONS[self.kind], self.content])[:12]

    def folder(self, out: Path) -> Path:
        """Where the output is: `OUT/<kind>s/<name>-<key>`, readable and unique."""
        plural = {"corpus": "corpora"}.get(self.kind, f"{self.kind}s")
        return out / plural / f"{self.name}-{self.key}"

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
        """Say that the output is whole, with digests of all its files."""
        folder = self.folder(out)
        marker = {
            "schema": SCHEMA,
            "kind": self.kind,
            "name": self.name,
            "key": self.key,
            "content": self.content,
            "files": digests(folder, leave_out=(MARKER,)),
        }
        write_sealed(folder / MARKER, marker)
