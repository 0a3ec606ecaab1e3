"""A comparison report as text for a terminal, as Markdown, and as JSON."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from enum import Enum
from functools import cache
from textwrap import fill
from typing import Any, TypeVar

from smallsteps.comparing.model import Board, Report, Row
from smallsteps.reports.compare.words import (
    across_sentence,
    board_sentence,
    level,
    places,
    reading,
    sentences,
)
from smallsteps.reports.numbers import count, decimals, p_value, points, signed, span
from smallsteps.startup import collector_paused
from smallsteps.terminal import markdown_text, visible_text

T = TypeVar("T")
SCHEMA = "smallsteps.comparison/3"
SHOWN = 40  # rows of a table, and comparisons in words, unless all are asked for
WIDTH = 100
DASH = "–"
FIRST = ("task", "first", "second", "items", "first %", "second %", "difference")
COLUMNS = len(FIRST) + 3


def row_header(report: Report) -> tuple[str, ...]:
    """Columns of the comparisons."""
    return (*FIRST, level(report.confidence), "p", "adjusted p")


def board_header(report: Report) -> tuple[str, ...]:
    """Columns of a ranking."""
    return ("student", "accuracy", level(report.confidence), "rank", "letters")


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
        lines.append((s.student, points(s.accuracy, digits), interval, rank, s.letters))
    return lines


def text_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, for a terminal; a line break or control character in a cell is written out."""
    rows = [tuple(map(visible_text, row)) for row in (header, *lines)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def markdown_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table that shows cells as they are."""
    rows = [tuple(map(markdown_text, row)) for row in (header, *lines)]
    rows.insert(1, ("---",) * len(header))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def wrapped(text: str) -> str:
    """A sentence in lines for a terminal; line breaks and control characters of names are written out."""
    return fill(visible_text(text), WIDTH)


def as_text(report: Report, *, everything: bool = False) -> str:
    """The report for a terminal; the most significant rows of a large one, or everything."""
    rows = shown_rows(report, everything)
    blocks = [text_table(row_header(report), [cells(row) for row in rows])]
    for row in rows:
        first, *rest = sentences(row, report.confidence)
        blocks.append("\n".join([wrapped(first), *(_indented(s) for s in rest)]))
    if len(rows) < len(report.rows):
        blocks.append(wrapped(left_out(report, rows)))
    blocks += [
        wrapped(across_sentence(across, report.confidence)) for across in some(report.across, everything)
    ]
    for board in some(report.boards, everything):
        lines = board_cells(board)
        shown = lines if everything else lines[:SHOWN]
        blocks += [f"{wrapped(board_sentence(board))}\n{text_table(board_header(report), shown)}"]
        if len(shown) < len(lines):
            blocks.append(f"{len(lines) - len(shown):,} more students: --all shows them.")
    notes = some(report.notes, everything)
    blocks.append("\n".join(wrapped(f"Note: {note}") for note in notes))
    if len(notes) < len(report.notes):
        blocks.append(f"{len(report.notes) - len(notes):,} more notes: --all shows them.")
    blocks.append(wrapped(reading(report)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def shown_rows(report: Report, everything: bool) -> list[Row]:
    """All rows of a small report; of a large one those with the smallest p, in the report's order."""
    if everything or len(report.rows) <= SHOWN:
        return list(report.rows)
    order = sorted(range(len(report.rows)), key=lambda i: (_sort_p(report.rows[i]), i))
    return [report.rows[i] for i in sorted(order[:SHOWN])]


def _sort_p(row: Row) -> float:
    return 2.0 if row.p is None else row.p


def left_out(report: Report, rows: Sequence[Row]) -> str:
    """A sentence on the comparisons that a shortened report leaves out."""
    rest = len(report.rows) - len(rows)
    differ = sum(row.significant for row in report.rows)
    return (
        f"{len(rows)} of {len(report.rows):,} comparisons, those with the smallest p; "
        f"{differ:,} of all differ. "
        f"--all shows the other {rest:,}, --json holds everything."
    )


def some(parts: Sequence[T], everything: bool) -> Sequence[T]:
    """The first parts of a long list."""
    return parts if everything else parts[:SHOWN]


def _indented(text: str) -> str:
    return fill(visible_text(text), WIDTH, initial_indent="  ", subsequent_indent="  ")


def as_markdown(report: Report, title: str = "Comparison", *, everything: bool = False) -> str:
    """The report as a Markdown page."""
    rows = shown_rows(report, everything)
    blocks = [f"# {title}", reading(report), markdown_table(row_header(report), [cells(row) for row in rows])]
    if len(rows) < len(report.rows):
        blocks.append(left_out(report, rows))
    blocks += ["\n".join(f"- {markdown_text(' '.join(sentences(row, report.confidence)))}" for row in rows)]
    blocks += [
        markdown_text(across_sentence(across, report.confidence))
        for across in some(report.across, everything)
    ]
    for board in some(report.boards, everything):
        lines = board_cells(board)
        blocks += [
            markdown_text(board_sentence(board)),
            markdown_table(board_header(report), lines if everything else lines[:SHOWN]),
        ]
    blocks.append("\n".join(f"- Note: {markdown_text(note)}" for note in some(report.notes, everything)))
    return "\n\n".join(block for block in blocks if block) + "\n"


@collector_paused()
def as_json(report: Report) -> dict[str, Any]:
    """The report for machines: the same numbers, unrounded, and the sentences."""
    body = plain(report)
    assert isinstance(body, dict)
    for row, source in zip(body["rows"], report.rows, strict=True):
        row["sentences"] = sentences(source, report.confidence)
    return {"schema": SCHEMA, **body}


def plain(value: Any) -> Any:
    """JSON values from nested dataclasses; infinities are null, floats keep 12 significant digits.

    Twelve, because the last bits may differ between machines, and the same input should give the same bytes.
    """
    return _plain(value, {})


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def _plain(value: Any, shared: dict[int, Any]) -> Any:
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value
    if kind is float:
        return float(f"{value:.12g}") if math.isfinite(value) else None
    if kind is tuple or kind is list:
        return [_plain(item, shared) for item in value] if value else []
    names = _field_names(kind)  # type: ignore[arg-type]
    if names is not None:
        # frozen parts that many rows share, such as one student's side, become one object
        found = shared.get(id(value))
        if found is None:
            found = {}
            for name in names:
                item = getattr(value, name)
                kind = type(item)
                if (
                    kind is float
                ):  # most values of a report are floats; one call for each would double the time
                    found[name] = float(f"{item:.12g}") if math.isfinite(item) else None
                elif item is None or kind is str or kind is int:
                    found[name] = item
                else:
                    found[name] = _plain(item, shared)
            shared[id(value)] = found
        return found
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return _plain(float(value), shared)
    if isinstance(value, dict):
        return {str(key): _plain(item, shared) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item, shared) for item in value]
    return value
