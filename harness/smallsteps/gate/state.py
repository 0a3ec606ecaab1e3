"""The memory of a live gate: what was graded and which looks were taken. It makes a second alpha impossible.

A look is taken once, at a number of items and over items in an order both fixed beforehand; a restart finds
graded items and looks here, and takes no look again. A gate with another margin, level, reference or
student has another key, and refuses this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, UserError
from smallsteps.files import sha256_of
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.locks import exclusive
from smallsteps.stats.noninferiority import Verdict

SCHEMA = "smallsteps.gate-state/2"
EARLIER = ("smallsteps.gate-state/1",)  # without a digest
VERDICTS = (None, *(str(verdict.value) for verdict in Verdict))
_RESTORE = "restore it from a copy, or begin a new gate with another --state and say so in its report"


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
        write_sealed(
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
    data = read_sealed(path, SCHEMA, unsealed=EARLIER, fix=_RESTORE)
    if data.get("key") != key:
        before = data.get("design")
        changed = sorted(k for k in design if not isinstance(before, dict) or before.get(k) != design[k])
        raise UserError(
            f"the gate that began here differs in: {', '.join(changed) or 'its design'}",
            where=str(path),
            fix="going on would test twice: begin a new gate with another --state, and say so in its report",
            code=CANNOT_CREATE,
        )
    entries = data.get("tasks")
    if not isinstance(entries, dict) or set(entries) != set(names):
        raise _damaged(path, "its tasks are not those of its design")
    return GateState(path, key, design, {name: _task(path, name, entries[name]) for name in names})


def _task(path: Path, name: str, entry: Any) -> TaskState:
    """The state of one task, with every value in its range."""
    try:
        scores = {str(item): float(score) for item, score in entry["scores"]}
        looks = [(int(k), int(n), float(z), str(v)) for k, n, z, v in entry["looks"]]
        verdict, graded = entry["verdict"], len(entry["scores"])
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise _damaged(path, f"the entry of task '{name}' has not its form") from error
    if len(scores) != graded or not all(0 <= score <= 1 for score in scores.values()):
        raise _damaged(path, f"task '{name}': an item is given twice, or a score is not from 0 to 1")
    numbers, sizes = [k for k, *_ in looks], [n for _, n, *_ in looks]
    if (
        numbers != list(range(1, len(looks) + 1))
        or sizes != sorted(set(sizes))
        or max(sizes, default=0) > graded
    ):
        raise _damaged(path, f"task '{name}': its looks cannot have been taken in this order")
    if verdict not in VERDICTS or any(v not in VERDICTS or z != z for _, _, z, v in looks):
        raise _damaged(path, f"task '{name}': an unknown verdict")
    return TaskState(scores, looks, verdict)


def _damaged(path: Path, reason: str) -> UserError:
    return UserError(f"damaged or changed: {reason}", where=str(path), fix=_RESTORE, code=DATA)


def only_gate(path: Path) -> AbstractContextManager[None]:
    """Keep a second gate from working with the same state.

    Raises:
        UserError: another one does.
    """
    busy = UserError(
        "another gate is working with this state",
        where=str(path),
        fix="wait for it, or give this one another --state",
        code=CANNOT_CREATE,
    )
    return exclusive(path.with_name(f".{path.name}.lock"), busy)
