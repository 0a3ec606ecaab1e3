"""The report's pictures: interval strips in cells, and the trade-off."""

from __future__ import annotations

from markupsafe import Markup

from smallsteps.reports.page import svg
from smallsteps.reports.page.plane import Marked, plane
from smallsteps.reports.study.cells import Cell
from smallsteps.reports.study.front import short_title
from smallsteps.reports.study.generic import GenericColumn
from smallsteps.reports.study.report import StudyReport

HEIGHT = 400.0


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


def trade_off(report: StudyReport, generic: GenericColumn, height: float = HEIGHT) -> Markup:
    """Target accuracy against generic accuracy, with intervals and an arrow from the base to each student.

    Empty where the base or the target is missing.
    """
    target = next((c for c in report.columns if c.role == "target"), None)
    if target is None or report.reference is None:
        return Markup("")
    found = _marked(report, target.name, generic)
    base = next((p for p in found if report.students[p.index].name == report.reference), None)
    if base is None or len(found) < 2:
        return Markup("")
    name = f"{report.generic.index(generic)}-{height:.0f}"
    others = [p for p in found if p is not base]
    return plane(base, others, short_title(target.title), short_title(generic.title), name, height)


def _marked(report: StudyReport, target: str, generic: GenericColumn) -> list[Marked]:
    found = []
    for index, student in enumerate(report.students):
        x, y = report.cell(student.name, target), report.cell(student.name, generic.column)
        if x.accuracy is not None and y.accuracy is not None and not student.diagnostic:
            found.append(Marked(index, student.title, x.accuracy, y.accuracy, _range(x), _range(y)))
    return found


def _range(cell: Cell) -> tuple[float, float] | None:
    return None if cell.low is None or cell.high is None else (cell.low, cell.high)
