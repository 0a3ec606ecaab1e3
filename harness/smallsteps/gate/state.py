"""The memory of a live gate: what was graded and which looks were taken. It makes a second alpha impossible.

A look is taken once, at a number of items and over items in an order both fixed beforehand; a restart finds
graded items and looks here, and takes no look again. A gate with another margin, level, reference or
student has another key, and refuses this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, UserError
from smallsteps.files import read_json, sha256_of, write_json

SCHEMA = "smallsteps.gate-state/1"


@dataclass(slots=True)
class TaskState:
    """Progress on one task.

    Attributes:
        scores: score of each graded item of the new student, in the order graded.
        looks: planned looks taken, as (number, items, z, verdict).
        verdict: once reached, it stays.
    """

    scores: dict[str, float] = field(default_factory=dict)
    looks: list[tuple[int, int, float, str]] = field(default_factory=list)
    verdict: str | None = None


@dataclass(slots=True)
class GateState:
    """Progress of one live gate, kept in one file."""

    path: Path
    key: str
    design: Mapping[str, Any]
    tasks: dict[str, TaskState]

    def save(self) -> None:
        """Write the file, whole or not at all."""
        write_json(
            self.path,
            {
                "schema": SCHEMA,
                "key": self.key,
                "design": dict(self.design),
                "tasks": {
                    name: {
                        # a list of pairs, because the order in which items were graded is part of the record
                        "scores": [[item, score] for item, score in task.scores.items()],
                        "looks": [list(look) for look in task.looks],
                        "verdict": task.verdict,
                    }
                    for name, task in self.tasks.items()
                },
            },
        )


def open_state(path: Path, design: Mapping[str, Any]) -> GateState:
    """The state at a path, or a fresh one.

    Raises:
        UserError: the file belongs to a gate of another design, or is damaged.
    """
    key = sha256_of(dict(design))
    names = list(design["tasks"])
    if not path.exists():
        return GateState(path, key, design, {name: TaskState() for name in names})
    data = read_json(path)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise UserError(f"not a gate state of schema {SCHEMA}", where=str(path), code=DATA)
    if data.get("key") != key:
        changed = sorted(k for k in design if data.get("design", {}).get(k) != design[k])
        raise UserError(
            f"the gate that began here differs in: {', '.join(changed) or 'its design'}",
            where=str(path),
            fix="going on would test twice: begin a new gate with another --state, and say so in its report",
            code=CANNOT_CREATE,
        )
    tasks = {
        name: TaskState(
            {str(item): float(score) for item, score in entry["scores"]},
            [(int(k), int(n), float(z), str(v)) for k, n, z, v in entry["looks"]],
            entry["verdict"],
        )
        for name, entry in data["tasks"].items()
    }
    return GateState(path, key, design, tasks)
