"""One family a report: every p-value that it prints is adjusted together with all the others (Holm 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smallsteps.comparing.model import Across, Row
from smallsteps.stats.families import holm


def adjust(pvalues: Sequence[float | None]) -> list[float | None]:
    """Holm over those that are there; None stays None."""
    there = [index for index, p in enumerate(pvalues) if p is not None]
    found = holm([p for p in pvalues if p is not None])
    out: list[float | None] = [None] * len(pvalues)
    for index, p in zip(there, found, strict=True):
        out[index] = p
    return out


def _pvalues(rows: Sequence[Row], means: Sequence[Across]) -> list[float | None]:
    return [
        *(row.p for row in rows),
        *(row.at_large.test.pvalue if row.at_large else None for row in rows),
        *(row.equivalence.p if row.equivalence else None for row in rows),
        *(across.mean.pvalue for across in means),
    ]


def family_size(rows: Sequence[Row], means: Sequence[Across]) -> int:
    """How many tests a report makes."""
    return sum(p is not None for p in _pvalues(rows, means))


def adjusted_rows(rows: Sequence[Row], means: Sequence[Across]) -> tuple[list[Row], list[Across]]:
    """Rows and means with adjusted p-values, and the rows that each pair wins or loses counted by these."""
    count = len(rows)
    found = adjust(_pvalues(rows, means))
    out: list[Row] = []
    for index, row in enumerate(rows):
        large, equal = row.at_large, row.equivalence
        out.append(
            replace(
                row,
                adjusted=found[index],
                at_large=None if large is None else replace(large, adjusted=found[count + index]),
                equivalence=None if equal is None else replace(equal, adjusted=found[2 * count + index]),
            )
        )
    won: dict[tuple[str, str], list[int]] = {}
    for row in out:
        tally = won.setdefault((row.a.student, row.b.student), [0, 0])
        if row.significant:
            tally[row.difference < 0] += 1
    return out, [
        replace(
            across,
            better=won[across.a, across.b][0],
            worse=won[across.a, across.b][1],
            adjusted=found[3 * count + i],
        )
        for i, across in enumerate(means)
    ]
