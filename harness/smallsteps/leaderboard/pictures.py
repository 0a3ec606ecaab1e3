"""Pictures of the site; every one has a table with the same numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from smallsteps.leaderboard.numbers import Cell, Row
from smallsteps.reports.page import svg
from smallsteps.stats.tradeoff import Ellipse

HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 400.0, 20.0, 350.0, 8.0, 97.0
SHAPED = 8  # students that have a shape and a colour of their own


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
    """Accuracy on the target (right) and on generic tasks (up).

    Args:
        rows: with points, in the order of their marks.
        titles: of the two axes.
        own: entry to stress.
    """
    points = [row.point for row in rows if row.point is not None]
    if not points:
        return Markup("")
    xs, ys = _bounds([p.target for p in points]), _bounds([p.generic for p in points])
    body: list[str] = []

    def x(value: float) -> float:
        return svg.scale(value, *xs, LEFT, RIGHT)

    def y(value: float) -> float:
        return svg.scale(value, *ys, BOTTOM, TOP)

    for tick in svg.ticks(*ys):
        body += [svg.line(LEFT, y(tick), RIGHT, y(tick), "grid")]
        body += [svg.text(LEFT, y(tick) + 4, f"{tick * 100:.0f}", "tick", "end", -8)]
    for tick in svg.ticks(*xs, most=5):
        body += [svg.text(x(tick), BOTTOM + 18, f"{tick * 100:.0f}", "tick", "middle")]
    body += [svg.line(LEFT, BOTTOM, RIGHT, BOTTOM, "axis")]
    body += [svg.text(RIGHT, BOTTOM + 38, f"{titles[0]}, per cent", "title", "end")]
    body += [svg.text(0, 10, f"{titles[1]}, per cent", "title")]
    few = len(rows) <= SHAPED
    for row in rows:
        if few and row.point and row.point.ellipse and (own is None or row.entry == own):
            body.append(_region(row, x, y))
    for place, row in enumerate(rows):
        if row.point is None:
            continue
        shape = svg.shape_of(place) if few else "circle"
        style = (
            f"m s{place % len(svg.SHAPES)}" if few else "m front" if row.point.on_front >= 0.5 else "m off"
        )
        if own is not None:
            shape, style = ("diamond", "m self") if row.entry == own else ("circle", "m off")
        body.append(svg.mark(shape, x(row.point.target), y(row.point.generic), style, row.title))
    return svg.picture(HEIGHT, body, f"{titles[0]} against {titles[1]}, {len(points)} students", "plane")


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max(0.02, (high - low) * 0.12)
    return max(0.0, low - pad), min(1.0, high + pad)


def _region(row: Row, x: object, y: object) -> str:
    assert row.point is not None
    assert row.point.ellipse is not None
    outline = Ellipse(row.point.target, row.point.generic, *row.point.ellipse).outline(48)
    at_x, at_y = x, y
    corners = " ".join(f"{svg.number(at_x(a) * 10)},{svg.number(at_y(b))}" for a, b in outline)  # type: ignore[operator]
    return (
        f'<svg width="100%" height="{svg.number(HEIGHT)}" viewBox="0 0 1000 {svg.number(HEIGHT)}" '
        f'preserveAspectRatio="none"><polygon points="{corners}" class="region"/></svg>'
    )
