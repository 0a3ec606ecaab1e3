"""A comparison as an HTML page."""

from __future__ import annotations

from smallsteps.comparing.model import Report, Row
from smallsteps.outcomes import OutcomeTable
from smallsteps.reports.compare.layout import (
    COLUMNS,
    board_cells,
    board_header,
    cells,
    left_out,
    row_header,
    shown_rows,
    some,
)
from smallsteps.reports.compare.words import across_sentence, board_sentence, places, reading, sentences
from smallsteps.reports.numbers import plural, points
from smallsteps.reports.page.forest import ForestAxis, forest_axis, forest_row, forest_scale
from smallsteps.reports.page.items import ItemColumn, Items, SampleSource, collect_items
from smallsteps.reports.page.simple import Cell, Part, SimplePage, Table, to_html

NAMED = 3  # comparisons that a headline names; the rest are counted
_FOREST = 6  # column of the picture, after both accuracies


def page(report: Report, items: Items | None, title: str = "Comparison", *, everything: bool = False) -> str:
    """The report: differences first, every item below.

    Args:
        report: from `smallsteps.comparing.compare`.
        items: from `listed_items`; None leaves the list out.
        title: of the page.
        everything: all rows of a large report instead of those with the smallest p.
    """
    rows = shown_rows(report, everything)
    columns = tuple(map(str.capitalize, board_header(report)))
    boards = [
        Table(f"ranking-{number}", board_sentence(board), columns, tuple(board_cells(board)))
        for number, board in enumerate(some(report.boards, everything), start=1)
    ]
    found = Table(
        "differences", _caption(report, rows), _header(report), _lines(rows), frozenset({1, 2, _FOREST})
    )
    words = tuple(" ".join(sentences(row, report.confidence)) for row in rows)
    parts = [
        Part(
            "words",
            "In words",
            reading(report),
            (*words, *(across_sentence(one, report.confidence) for one in some(report.across, everything))),
        ),
    ]
    if boards:
        parts.insert(0, Part("rankings", "Rankings", tables=tuple(boards)))
    if report.notes:
        parts.append(Part("notes", "Notes", sentences=tuple(some(report.notes, everything))))
    return to_html(SimplePage("comparison", title, _headlines(report), (found,), tuple(parts), items))


def listed_items(report: Report, table: OutcomeTable, samples: SampleSource | None) -> Items:
    """All outcomes of the report's students, for the list of items."""
    students = list(dict.fromkeys(side.student for row in report.rows for side in (row.a, row.b)))
    columns = [ItemColumn(task, task, (task,)) for task in table.unique("task")]
    return collect_items(table, [(name, name) for name in students], columns, samples)


def _headlines(report: Report) -> tuple[tuple[str, str, str], ...]:
    differ = sorted((row for row in report.rows if row.significant), key=lambda row: row.p or 0.0)
    rest = [row for row in report.rows if not row.significant]
    return (
        ("Differences", _differences(differ), "words"),
        ("Undecided", _undecided(rest), "words"),
        ("Certainty", reading(report), "words"),
    )


def _differences(rows: list[Row]) -> str:
    if not rows:
        return "No two students are shown to differ."
    parts = []
    for row in rows[:NAMED]:
        a, b = (row.a, row.b) if row.difference > 0 else (row.b, row.a)
        size = points(abs(row.difference), places(row))
        parts.append(f"{a.student} is better than {b.student} on {row.task} by {size} points")
    more = f"; and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return f"{'; '.join(parts)}{more}."


def _undecided(rows: list[Row]) -> str:
    if not rows:
        return "Every comparison shows a difference."
    parts = [f"{row.a.student} and {row.b.student} on {row.task}" for row in rows[:NAMED]]
    more = f"; and {len(rows) - NAMED:,} more" if len(rows) > NAMED else ""
    return f"{'; '.join(parts)}{more}. That does not show that they are equal."


def _caption(report: Report, rows: list[Row]) -> str:
    if len(rows) < len(report.rows):
        return left_out(report, rows)
    return f"{plural(len(rows), 'comparison')}, in accuracy points, first minus second."


def _header(report: Report) -> tuple[str, ...]:
    names = [name.capitalize() for name in row_header(report)]
    return (*names[:_FOREST], "", *names[_FOREST:])


def _lines(rows: list[Row]) -> tuple[tuple[Cell, ...], ...]:
    axis = forest_axis(
        value
        for row in rows
        for value in (
            row.difference,
            row.interval.low if row.interval else None,
            row.interval.high if row.interval else None,
        )
    )
    lines = [_line(row, axis) for row in rows]
    scale: list[Cell] = [""] * (COLUMNS + 1)
    scale[_FOREST] = forest_scale(axis)
    return (*lines, tuple(scale))


def _line(row: Row, axis: ForestAxis) -> tuple[Cell, ...]:
    verdict = "undecided" if not row.significant else "confirmed" if row.difference > 0 else "contradicted"
    low, high = (row.interval.low, row.interval.high) if row.interval else (None, None)
    shown = cells(row)
    return (*shown[:_FOREST], forest_row(row.difference, low, high, axis, verdict), *shown[_FOREST:])
