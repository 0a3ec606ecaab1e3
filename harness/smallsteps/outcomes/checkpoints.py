"""Labels of a student's checkpoints in outcomes: `NAME@TOKENS`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object

MARK = "@"
SELECTION, SCHEMA = "selection.json", "smallsteps.selection/1"  # beside the folders of the checkpoints


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


def chosen_checkpoints(places: Iterable[Path]) -> dict[str, int]:
    """Tokens of the chosen checkpoint by student, from the `selection.json` in, below or above some places.

    Args:
        places: folders of runs (`FOLDER/tokens-N/run` beside `FOLDER/selection.json`), or folders of such.

    Raises:
        UserError: such a file does not say which checkpoint was chosen.
    """
    found: dict[str, int] = {}
    for place in places:
        inside = sorted(place.rglob(SELECTION)) if place.is_dir() else []
        for path in [*inside, place.resolve().parent.parent / SELECTION]:
            if not path.is_file():
                continue
            data = read_object(path, SCHEMA)
            student, tokens = data.get("student"), data.get("tokens")
            if not isinstance(student, str) or not isinstance(tokens, int):
                raise UserError("names no chosen checkpoint", where=str(path), code=DATA)
            found[student] = tokens
    return found
