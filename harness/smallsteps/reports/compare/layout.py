"""A comparison report as text for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from enum import Enum
from textwrap import fill
from typing import Any

from smallsteps.reports.compare.model import Board, Report, Row
from smallsteps.reports.compare.words import (
    across_sentence,
    board_sentence,
    places,
    reading,
    sentences,
)
from smallsteps.reports.study.numbers import count, decimals, p_value, points, signed, span

SCHEMA = "smallsteps.comparison/1"
WIDTH = 100
DASH = "–"
ROW_HEADER = (
    "task",
    "first",
    "second",
    "items",
    "first %",
    "second %",
    "difference",
    "interval",
    "p",
    "Holm",
)
BOARD_HEADER = ("student", "accuracy", "interval", "rank", "letters", "P(best)")


def cells(row: Row) -> tuple[str, ...]:
    """One line of the table."""
    digits = places(row)
    interval = span(row.interval.low, row.interval.high, digits) if row.interval else DASH
    return (
        row.task,
        row.a.student,
        row.b.student,
        count(row.n),
        points(row.a.accuracy, digits),
        points(row.b.accuracy, digits),
        signed(row.difference, digits),
        interval,
        _p(row.p),
        _p(row.adjusted),
    )


def _p(p: float | None) -> str:
    return DASH if p is None else p_value(p).removeprefix("= ")


def board_cells(board: Board) -> list[tuple[str, ...]]:
    """Lines of a ranking."""
    lines: list[tuple[str, ...]] = []
    for s in board.standings:
        digits = decimals(s.interval.low, s.interval.high) if s.interval else 1
        interval = span(s.interval.low, s.interval.high, digits) if s.interval else DASH
        rank = str(s.rank.low) if s.rank.low == s.rank.high else f"{s.rank.low}{DASH}{s.rank.high}"
        lines.append((s.student, points(s.accuracy, digits), interval, rank, s.letters, f"{s.best:.2f}"))
    return lines


def text_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, for a terminal."""
    rows = [tuple(header), *map(tuple, lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table; bars in names are escaped."""
    rows = [tuple(header), ("---",) * len(header), *map(tuple, lines)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def as_text(report: Report) -> str:
    """The report for a terminal."""
    blocks = [text_table(ROW_HEADER, [cells(row) for row in report.rows])]
    for row in report.rows:
        first, *rest = sentences(row, report.confidence)
        blocks.append("\n".join([fill(first, WIDTH), *(_indented(s) for s in rest)]))
    blocks += [fill(across_sentence(across), WIDTH) for across in report.across]
    for board in report.boards:
        blocks += [f"{fill(board_sentence(board), WIDTH)}\n{text_table(BOARD_HEADER, board_cells(board))}"]
    blocks.append("\n".join(fill(f"Note: {note}", WIDTH) for note in report.notes))
    blocks.append(fill(reading(report), WIDTH))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _indented(text: str) -> str:
    return fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ")


def as_markdown(report: Report, title: str = "Comparison") -> str:
    """The report as a Markdown page."""
    blocks = [f"# {title}", reading(report), markdown_table(ROW_HEADER, [cells(row) for row in report.rows])]
    blocks += ["\n".join(f"- {' '.join(sentences(row, report.confidence))}" for row in report.rows)]
    blocks += [across_sentence(across) for across in report.across]
    for board in report.boards:
        blocks += [board_sentence(board), markdown_table(BOARD_HEADER, board_cells(board))]
    blocks.append("\n".join(f"- Note: {note}" for note in report.notes))
    return "\n\n".join(block for block in blocks if block) + "\n"


def as_json(report: Report) -> dict[str, Any]:
    """The report for machines: the same numbers, unrounded, and the sentences."""
    body = plain(report)
    assert isinstance(body, dict)
    for row, source in zip(body["rows"], report.rows, strict=True):
        row["sentences"] = sentences(source, report.confidence)
    return {"schema": SCHEMA, **body}


def plain(value: Any) -> Any:
    """JSON values from nested dataclasses; infinities are null, floats keep 12 significant digits.

    Twelve, because the last bits may differ between machines, and the same input is to give the same bytes.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
