"""Pictures of the site; every one has a table with the same numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from smallsteps.leaderboard.numbers import LIKELIHOOD, Cell, Column, Row
from smallsteps.reports.page import svg
from smallsteps.reports.page.cost import Priced, cost_picture
from smallsteps.reports.page.plane import Marked, plane
from smallsteps.stats.tradeoff import Ellipse

HEIGHT = 400.0


def strip(cell: Cell) -> Markup:
    """An accuracy and its interval on a line from 0 to 100 %."""
    if cell.interval is None:
        return Markup("")
    body = [
        svg.line(0, 4, 100, 4, "rail"),
        svg.line(cell.interval.low * 100, 4, cell.interval.high * 100, 4, "whisker"),
        svg.line(cell.accuracy * 100, 1, cell.accuracy * 100, 7, "whisker"),
    ]
    return svg.picture(8, body, "", "strip", hidden=True)


def histogram(counts: Sequence[int], labels: Sequence[str]) -> Markup:
    """Bars from 0, one a bin."""
    most, width = max([*counts, 1]), 100 / max(len(counts), 1)
    body = [svg.line(0, 140, 100, 140, "axis")]
    for place, (count, label) in enumerate(zip(counts, labels, strict=True)):
        height = 110 * count / most
        x = place * width
        body.append(
            f'<rect x="{svg.number(x + width * 0.1)}%" y="{svg.number(140 - height)}" '
            f'width="{svg.number(width * 0.8)}%" height="{svg.number(height)}" class="hist"/>'
        )
        body.append(svg.text(x + width / 2, 132 - height, f"{count:,}", "tick", "middle"))
        body.append(svg.text(x + width / 2, 158, label, "tick", "middle"))
    return svg.picture(166, body, f"Histogram of {sum(counts):,} items", "plane")


def tradeoff_plot(rows: Sequence[Row], titles: Sequence[str], own: str | None = None) -> Markup:
    """The trade-off plane of a board.

    Args:
        rows: with points, in the order of their marks.
        titles: of the two axes.
        own: entry to stress.
    """
    marks = []
    for index, row in enumerate(rows):
        if (point := row.point) is None:
            continue
        origin = None
        region: tuple[tuple[float, float], ...] = ()
        if point.gain is not None and point.loss is not None:
            origin = point.target - point.gain, point.generic - point.loss
        if point.ellipse is not None:
            region = tuple(Ellipse(point.target, point.generic, *point.ellipse).outline())
        marks.append(
            Marked(index, row.title, point.target, point.generic, None, None, region, origin, point.on_front)
        )
    return _drawn(rows, marks, titles, "tradeoff", own)


def ability_plot(rows: Sequence[Row], titles: Sequence[str]) -> Markup:
    """The same students by likelihood, which no format can hide; empty where it was not measured."""
    known = {row.entry: row.kept[LIKELIHOOD] for row in rows if LIKELIHOOD in row.kept}
    heights = {entry: one.accuracy for entry, one in known.items() if one.accuracy is not None}
    for one in known.values():
        if one.accuracy is not None:
            heights.setdefault(one.base, one.accuracy - one.change)
    places = {row.entry: row.point.target for row in rows if row.point is not None}
    marks = []
    for index, row in enumerate(rows):
        if row.point is None or row.entry not in heights:
            continue
        base = known[row.entry].base if row.entry in known else None
        origin = (places[base], heights[base]) if base in places and base in heights else None
        marks.append(Marked(index, row.title, row.point.target, heights[row.entry], origin=origin))
    return _drawn(rows, marks, titles, "ability", None)


def cost_plot(rows: Sequence[Row], column: Column) -> Markup:
    """Accuracy on a column against tokens an answer."""
    found = []
    for index, row in enumerate(rows):
        cell = row.cells.get(column.name)
        if cell is not None and row.tokens is not None:
            low, high = (cell.interval.low, cell.interval.high) if cell.interval else (None, None)
            found.append(Priced(index, row.title, row.tokens, cell.accuracy, low, high))
    return cost_picture(found, "tokens an answer", column.title)


def _drawn(
    rows: Sequence[Row], marks: Sequence[Marked], titles: Sequence[str], name: str, own: str | None
) -> Markup:
    if len(marks) < 2:
        return Markup("")
    place = next((index for index, row in enumerate(rows) if row.entry == own), None)
    return plane(None, marks, titles[0], titles[1], name, HEIGHT, place)
