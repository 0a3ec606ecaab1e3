"""Responses kept as they come, so that a killed run loses one chunk at most."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import UserError
from smallsteps.files import sha256_of
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.schemes import Solution, Turn

SCHEMA = "smallsteps.responses/2"
Answers = list[list[Solution]]


@dataclass(frozen=True, slots=True)
class ChunkStore:
    """One JSON file a chunk, named by the hash of everything that shapes its answers.

    Attributes:
        folder: where the files are.
        identity: what answers: hashes of the weights, scheme, arithmetic, code version.
    """

    folder: Path
    identity: dict[str, Any]

    def key(self, work: Sequence[Any]) -> str:
        """Name of the chunk with this content."""
        return sha256_of([SCHEMA, self.identity, list(work)])[:32]

    def read(self, key: str) -> Any | None:
        """What was stored under the key; None when nothing (or something damaged) was."""
        path = self.folder / f"{key}.json"
        if not path.exists():
            return None
        try:
            return read_sealed(path, SCHEMA).get("answers")
        except UserError:  # a damaged file is one chunk to compute again, not the end of the run
            return None

    def write(self, key: str, answers: Any) -> None:
        """Keep the answers of a chunk."""
        write_sealed(self.folder / f"{key}.json", {"schema": SCHEMA, "answers": answers})

    def clear(self) -> None:
        """Remove all chunks, once the run is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)


def solutions_to_json(answers: Answers) -> list[Any]:
    """Solutions as plain data."""
    return [[asdict(solution) for solution in row] for row in answers]


def solutions_from_json(rows: Sequence[Any]) -> Answers:
    """And back."""
    return [[solution_from_json(solution) for solution in row] for row in rows]


def solution_from_json(fields: dict[str, Any]) -> Solution:
    """One solution."""
    return Solution(**{**fields, "turns": tuple(Turn(**turn) for turn in fields["turns"])})
