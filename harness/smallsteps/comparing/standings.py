"""Ranks and letters of students on one task, from the adjusted p-values of the report's rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smallsteps.comparing.model import Board, Row, Side, Standing
from smallsteps.stats.ranking import compact_letters, rank_intervals


def board_of(task: str, rows: Sequence[Row], students: Sequence[str]) -> Board | None:
    """The ranking on one task; None with fewer than three students, or where a pair could not be tested."""
    mine = [row for row in rows if row.task == task]
    sides: dict[str, Side] = {}
    for row in mine:
        sides.setdefault(row.a.student, row.a)
        sides.setdefault(row.b.student, row.b)
    names = [student for student in students if student in sides]
    if len(names) < 3 or any(row.p is None for row in mine):
        return None
    place = {name: i for i, name in enumerate(names)}
    better = np.zeros((len(names), len(names)), dtype=np.bool_)
    for row in mine:
        if row.significant:
            a, b = place[row.a.student], place[row.b.student]
            better[(a, b) if row.difference > 0 else (b, a)] = True
    scores = np.array([sides[name].accuracy for name in names])
    ranks, letters = rank_intervals(better), compact_letters(better | better.T, scores)
    standings = [
        Standing(name, sides[name].accuracy, sides[name].interval, ranks[i], letters[i])
        for i, name in enumerate(names)
    ]
    standings.sort(key=lambda standing: -standing.accuracy)
    return Board(task, tuple(standings))
