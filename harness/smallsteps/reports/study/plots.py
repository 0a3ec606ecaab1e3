"""The report's pictures: interval strips in cells, the forest of claims, and the trade-off."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from smallsteps.reports.page import svg
from smallsteps.reports.study.cells import Cell
from smallsteps.reports.study.comparisons import Comparison
from smallsteps.reports.study.front import short_title
from smallsteps.reports.study.generic import GenericColumn
from smallsteps.reports.study.numbers import points, signed
from smallsteps.reports.study.report import StudyReport

HEIGHT = 400.0
TOP, BELOW = 26.0, 48.0  # room above the plane, and below it for the axis
LEFT, RIGHT = 9.0, 95.0
LINE_HEIGHT = 15.0
# where a name may go, in pixels from its usual line: the nearest free place counts
_SHIFTS = sorted(range(-60, 61, 3), key=abs)


def strip(cell: Cell, index: int) -> Markup:
    """A cell's accuracy and interval on a line from 0 to 100 %."""
    if cell.accuracy is None or cell.low is None or cell.high is None:
        return Markup("")
    low, high = cell.low * 100, cell.high * 100
    body = [
        svg.line(0, 4, 100, 4, "rail"),
        svg.line(0, 4, cell.accuracy * 100, 4, f"level t{index % len(svg.SHAPES)}"),
        svg.line(low, 4, high, 4, "whisker"),
    ]
    return svg.picture(8, body, "", "strip", hidden=True)


@dataclass(frozen=True, slots=True)
class ForestAxis:
    """The common axis of a forest of differences."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Position in percent."""
        return svg.scale(min(max(value, self.low), self.high), self.low, self.high, 2, 98)


def forest_axis(comparisons: list[Comparison]) -> ForestAxis:
    """An axis that holds 0 and every interval."""
    ends = [v for c in comparisons for v in (c.low, c.high, c.difference) if v is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    pad = max(0.02, (high - low) * 0.04)
    return ForestAxis(low - pad, high + pad)


def forest_row(comparison: Comparison, axis: ForestAxis, verdict: str) -> Markup:
    """One difference with its interval."""
    zero = axis.at(0)
    body = [svg.line(zero, 0, zero, 24, "zero")]
    if comparison.low is not None and comparison.high is not None:
        body.append(
            svg.line(axis.at(comparison.low), 12, axis.at(comparison.high), 12, f"interval v-{verdict}")
        )
    shape = {"confirmed": "circle", "contradicted": "diamond"}.get(verdict, "square")
    body.append(svg.mark(shape, axis.at(comparison.difference), 12, f"m v-{verdict}"))
    return svg.picture(24, body, "", "forest", hidden=True)


def forest_scale(axis: ForestAxis) -> Markup:
    """The axis' numbers, in points."""
    body = []
    for value in svg.ticks(axis.low, axis.high, 5):
        body.append(svg.line(axis.at(value), 0, axis.at(value), 5, "axis"))
        anchor = "start" if axis.at(value) < 6 else "end" if axis.at(value) > 94 else "middle"
        body.append(svg.text(axis.at(value), 17, signed(value, 0), "label", anchor))
    return svg.picture(20, body, "", "forest", hidden=True)


@dataclass(frozen=True, slots=True)
class _Point:
    index: int
    title: str
    x: Cell
    y: Cell


def trade_off(report: StudyReport, generic: GenericColumn, height: float = HEIGHT) -> Markup:
    """Target accuracy against generic accuracy, with intervals and an arrow from the base to each student.

    Empty where the base or the target is missing.
    """
    target = next((c for c in report.columns if c.role == "target"), None)
    if target is None or report.reference is None:
        return Markup("")
    found = _points(report, target.name, generic)
    base = next((p for p in found if report.students[p.index].name == report.reference), None)
    if base is None or len(found) < 2:
        return Markup("")
    x_axis = _padded([v for p in found for v in (p.x.low or 0.0, p.x.high or 0.0)])
    y_axis = _padded([v for p in found for v in (p.y.low or 0.0, p.y.high or 0.0)])

    bottom = height - BELOW

    def at(x: float, y: float) -> tuple[float, float]:
        return svg.scale(x, *x_axis, LEFT, RIGHT), svg.scale(y, *y_axis, bottom, TOP)

    head = f"head-{report.generic.index(generic)}-{height:.0f}"
    body = [_arrow_head(head), *_grid(x_axis, y_axis, target.title, generic.title, height)]
    bx, by = at(base.x.accuracy or 0.0, base.y.accuracy or 0.0)
    marks: list[str] = []
    labels: list[tuple[float, float, str]] = []
    for p in found:
        style = p.index % len(svg.SHAPES)
        accuracy = p.x.accuracy or 0.0
        x, y = at(accuracy, p.y.accuracy or 0.0)
        if p is not base:
            body.append(svg.line(bx, by, x, y, "arrow", f'marker-end="url(#{head})"'))
        (left, lower), (right, upper) = (
            at(p.x.low or 0.0, p.y.low or 0.0),
            at(p.x.high or 0.0, p.y.high or 0.0),
        )
        marks.append(svg.line(left, y, right, y, f"bar t{style}"))
        marks.append(svg.line(x, upper, x, lower, f"bar t{style}"))
        tip = f"{p.title}: {points(accuracy, 1)} on {target.title}, "
        tip += f"{points(p.y.accuracy or 0.0, 1)} on {generic.title}"
        marks.append(svg.mark(svg.shape_of(p.index), x, y, f"m s{style}", tip))
        labels.append((x, y, p.title))
    body += _labels(labels, bottom) + marks
    label = (
        f"{target.title} against {generic.title}; the numbers are in the tables of accuracy and of change."
    )
    return svg.picture(height, body, label, "plane")


def _points(report: StudyReport, target: str, generic: GenericColumn) -> list[_Point]:
    found = []
    for index, student in enumerate(report.students):
        x, y = report.cell(student.name, target), report.cell(student.name, generic.column)
        if x.accuracy is not None and y.accuracy is not None and not student.diagnostic:
            found.append(_Point(index, student.title, x, y))
    return found


def _padded(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max(0.03, (high - low) * 0.08)
    return low - pad, high + pad


def _arrow_head(name: str) -> str:
    return (
        f'<defs><marker id="{name}" viewBox="0 0 8 8" refX="13" refY="4" markerWidth="8" markerHeight="8"'
        ' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1 7 4 0 7z" class="head"/></marker></defs>'
    )


def _grid(
    x_axis: tuple[float, float], y_axis: tuple[float, float], x_title: str, y_title: str, height: float
) -> list[str]:
    bottom = height - BELOW
    body = []
    for value in svg.ticks(*y_axis):
        if value < 0:
            continue
        y = svg.scale(value, *y_axis, bottom, TOP)
        body.append(svg.line(LEFT, y, 100, y, "grid"))
        body.append(svg.text(LEFT, y + 4, points(value, 0), "label", "end", -8))
    for value in svg.ticks(*x_axis):
        if value < 0:
            continue
        x = svg.scale(value, *x_axis, LEFT, RIGHT)
        body.append(svg.line(x, bottom, x, bottom + 5, "axis"))
        body.append(svg.text(x, bottom + 18, points(value, 0), "label", "middle"))
    body.append(svg.line(LEFT, bottom, 100, bottom, "axis"))
    body.append(svg.text(0, 12, f"↑ {short_title(y_title)}, % right", "title"))
    body.append(svg.text(100, height - 8, f"{short_title(x_title)}, % right →", "title", "end"))
    return body


def _labels(wanted: list[tuple[float, float, str]], bottom: float) -> list[str]:
    """Names beside their marks, each on the nearest free line; one without a line near its mark is left out.

    A mark without its name is still known by its shape and colour, which the tables repeat.
    """
    body, taken = [], list[float]()
    for x, y, title in sorted(wanted, key=lambda item: item[1]):
        free = [
            place
            for shift in _SHIFTS
            if TOP - 8 < (place := y - 9 + shift) < bottom - 4
            and all(abs(place - other) >= LINE_HEIGHT for other in taken)
        ]
        if not free:
            continue
        place = free[0]
        taken.append(place)
        right = x > 55
        body.append(svg.text(x, place, title, "name", "end" if right else "start", -9 if right else 9))
    return body
