"""The report's pictures: interval strips in cells, the trade-off, and what an answer costs."""

from __future__ import annotations

from markupsafe import Markup

from smallsteps.reports.page import svg
from smallsteps.reports.page.cost import Priced, cost_picture
from smallsteps.reports.page.plane import front_of, plane
from smallsteps.reports.page.positions import marked
from smallsteps.reports.study.cells import Cell
from smallsteps.reports.study.front import short_title
from smallsteps.reports.study.generic import GenericColumn
from smallsteps.reports.study.report import StudyReport
from smallsteps.reports.study.views import answer_column

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


def target_title(report: StudyReport) -> str:
    """The target axis of the trade-off: the target, or how many there are."""
    targets = [column for column in report.columns if column.role == "target"]
    return short_title(targets[0].title) if len(targets) == 1 else f"mean of {len(targets)} target tasks"


def trade_off(report: StudyReport, generic: GenericColumn, height: float = HEIGHT) -> Markup:
    """Target against generic accuracy: joint regions, the front, arrows from the base to each student.

    Empty where there are not two students with both.
    """
    if len(generic.places) < 2:
        return Markup("")
    index = {student.name: i for i, student in enumerate(report.students)}
    titles = {student.name: student.title for student in report.students}
    name = f"{report.generic.index(generic)}-{height:.0f}"
    return plane(
        None, marked(generic.places, index, titles), target_title(report), short_title(generic.title), name,
        height,
    )  # fmt: skip


def front_sentence(report: StudyReport, generic: GenericColumn) -> str:
    """Who is on the Pareto front how surely."""
    return front_of([(report.student(place.student).title, place.on_front) for place in generic.places])


def cost(report: StudyReport) -> Markup:
    """Accuracy against tokens per answer on the column that costs are taken from."""
    column = answer_column(report)
    found = []
    for index, student in enumerate(report.students):
        cell = report.cell(student.name, column.name)
        if cell.accuracy is not None and cell.tokens is not None and not student.diagnostic:
            found.append(Priced(index, student.title, cell.tokens, cell.accuracy, cell.low, cell.high))
    return cost_picture(found, "tokens per answer", short_title(column.title))
