"""Stages: pieces of work named by the hash of all that shapes them, done once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from smallsteps.files import read_json, sha256_of, write_json

SCHEMA = "smallsteps.stage/1"
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
        """Whether the output is there and whole (the marker is written last)."""
        marker = self.folder(out) / MARKER
        return marker.exists() and read_json(marker).get("key") == self.key

    def mark_done(self, out: Path) -> None:
        """Say that the output is whole."""
        marker = {
            "schema": SCHEMA,
            "kind": self.kind,
            "name": self.name,
            "key": self.key,
            "content": self.content,
        }
        write_json(self.folder(out) / MARKER, marker)
