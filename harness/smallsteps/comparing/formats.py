"""How much of a loss is format: responses to lost items that held no answer of the form the task asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smallsteps.comparing.sheet import Sheet


@dataclass(frozen=True, slots=True)
class FormatShare:
    """Items that one student has wrong and the base right, mean over seeds.

    Attributes:
        lost: number of them.
        without_answer: those whose response held no usable answer (unparsed, malformed,
        truncated).
    """

    lost: float
    without_answer: float

    @property
    def share(self) -> float | None:
        """Share of the lost items; None if none was lost."""
        return self.without_answer / self.lost if self.lost else None


def format_share(sheet: Sheet, student: str, base: str, tasks: Sequence[str]) -> FormatShare | None:
    """Lost items on some tasks and how many of them had no answer; None where statuses are not known."""
    lost = without = 0.0
    for task in tasks:
        new, old = sheet.graded[student, task], sheet.graded[base, task]
        if new.ok is None:
            return None
        had = old.by_seed().mean(axis=0)  # share of the base's seeds that have the item right
        gone = had * (1 - new.by_seed())
        lost += float(gone.sum()) / len(new.seeds)
        without += float((gone * ~new.ok).sum()) / len(new.seeds)
    return FormatShare(lost, without)
