"""Cost of the endpoints that are parts of students, as rows of a table; shared by HTML and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from smallsteps.reports.numbers import DASH, count
from smallsteps.reports.study.inputs import PartCost
from smallsteps.reports.study.report import StudyReport

HEADER = ("Student", "Part", "Model", "Requests", "Prompt tokens", "Completion tokens", "Dollars")


def summed(costs: Sequence[PartCost]) -> PartCost:
    """The sum; dollars are unknown where any price is."""
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
    """The note above the table: whose tokens, and which prices."""
    dates = sorted({one.prices for one in report.costs if one.prices})
    prices = f"prices of {', '.join(dates)}" if dates else "no price is known"
    return (
        "All seeds and suites together. Tokens are those that the endpoint counted, including paid responses "
        f"that could not be used; {prices}. Parts that are local models are not charged."
    )


def _cells(one: PartCost) -> list[str]:
    dollars = DASH if one.dollars is None else f"{one.dollars:.4f}"
    return [count(one.requests), count(one.prompt_tokens), count(one.completion_tokens), dollars]
