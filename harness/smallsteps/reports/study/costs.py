"""What endpoints among the parts of students cost, as rows of a table; shared by HTML and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smallsteps.reports.numbers import DASH, count
from smallsteps.reports.study.inputs import PartCost
from smallsteps.reports.study.report import StudyReport

HEADER = ("Student", "Part", "Model", "Requests", "Tokens read", "Tokens written", "Dollars")


def summed(costs: Sequence[PartCost]) -> PartCost:
    """All together; dollars are unknown where one price is."""
    known = [one.dollars for one in costs if one.dollars is not None]
    return replace(
        costs[0],
        requests=sum(one.requests for one in costs),
        prompt_tokens=sum(one.prompt_tokens for one in costs),
        completion_tokens=sum(one.completion_tokens for one in costs),
        dollars=sum(known) if len(known) == len(costs) else None,
    )


def rows(report: StudyReport) -> list[list[str]]:
    """A row for each student and part, and one for all."""
    titles = {student.name: student.title for student in report.students}
    each = [[titles.get(one.student, one.student), one.part, one.model, *_cells(one)] for one in report.costs]
    return [*each, ["All", "", "", *_cells(summed(report.costs))]]


def note(report: StudyReport) -> str:
    """What the table says and whose tokens it counts."""
    dates = sorted({one.prices for one in report.costs if one.prices})
    prices = f"prices of {', '.join(dates)}" if dates else "no price is known"
    return (
        "All seeds and suites together; tokens as the endpoint counted them, those of answers that were paid "
        f"and could not be used included; {prices}. Parts that are models cost nothing here."
    )


def _cells(one: PartCost) -> list[str]:
    dollars = DASH if one.dollars is None else f"{one.dollars:.4f}"
    return [count(one.requests), count(one.prompt_tokens), count(one.completion_tokens), dollars]
