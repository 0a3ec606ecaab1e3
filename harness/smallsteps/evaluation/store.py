"""Responses saved as they are generated, so that a killed run loses at most half a minute."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.engines.journal import Journal
from smallsteps.errors import UserError
from smallsteps.files import sha256_of
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.schemes import Solution, Turn

SCHEMA = "smallsteps.responses/2"
Answers = list[list[Solution]]


@dataclass(frozen=True, slots=True)
class ChunkStore:
    """One JSON file for each chunk, named by the hash of everything that shapes its answers.

    While the chunk is in progress, `KEY.partial.json` holds its finished texts.

    Attributes:
        folder: where the files are.
        identity: of the system: hashes of the weights, scheme, numerics, code version.
    """

    folder: Path
    identity: dict[str, Any]

    def journal(self, key: str, report: Callable[[int, int], None] | None = None) -> Journal:
        """The journal of a chunk, with what an earlier process saved of it."""
        name = f"{key}.partial"
        found = self.read(name)
        return Journal(found if isinstance(found, dict) else {}, lambda rows: self.write(name, rows), report)

    def key(self, work: Sequence[Any]) -> str:
        """Name of the chunk with this content."""
        return sha256_of([SCHEMA, self.identity, list(work)])[:32]

    def read(self, key: str) -> Any | None:
        """The stored solutions of the key; None where there are none, or damaged ones."""
        path = self.folder / f"{key}.json"
        if not path.exists():
            return None
        try:
            return read_sealed(path, SCHEMA).get("answers")
        except UserError:  # a damaged file means that one chunk is computed again
            return None

    def write(self, key: str, answers: Any) -> None:
        """Save the answers of a chunk and remove its partial file."""
        write_sealed(self.folder / f"{key}.json", {"schema": SCHEMA, "answers": answers})
        (self.folder / f"{key}.partial.json").unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all chunks, once the run is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)


def solutions_to_json(answers: Answers) -> list[Any]:
    """Solutions as plain data."""
    return [[solution.as_dict() for solution in row] for row in answers]


def solutions_from_json(rows: Sequence[Any]) -> Answers:
    """And back."""
    return [[solution_from_json(solution) for solution in row] for row in rows]


def solution_from_json(fields: dict[str, Any]) -> Solution:
    """One solution."""
    return Solution(**{**fields, "turns": tuple(Turn(**turn) for turn in fields["turns"])})
