"""Labels of a student's checkpoints in outcomes: `NAME@TOKENS`."""

from __future__ import annotations

from collections.abc import Iterable

MARK = "@"


def checkpoint_label(student: str, tokens: int) -> str:
    """The label of the checkpoint of a student after so many tokens."""
    return f"{student}{MARK}{tokens}"


def tokens_of(label: str) -> tuple[str, int] | None:
    """(student, tokens) of a checkpoint's label; None for any other label.

    >>> tokens_of("cot@120000")
    ('cot', 120000)
    """
    student, mark, tokens = label.rpartition(MARK)
    return (student, int(tokens)) if mark and student and tokens.isascii() and tokens.isdigit() else None


def trajectories(labels: Iterable[str]) -> dict[str, list[tuple[int, str]]]:
    """(tokens, label) of every student with at least two checkpoints among some labels, by tokens."""
    found: dict[str, list[tuple[int, str]]] = {}
    for label in labels:
        if (parts := tokens_of(label)) is not None:
            found.setdefault(parts[0], []).append((parts[1], label))
    return {student: sorted(points) for student, points in found.items() if len(points) > 1}
