"""A gate's verdict as an HTML page."""

from __future__ import annotations

from collections.abc import Sequence

from smallsteps.gate.layout import cells, header, headline, sentences
from smallsteps.gate.model import GateReport
from smallsteps.outcomes import OutcomeTable
from smallsteps.outcomes.readers import Loaded
from smallsteps.reports.numbers import listed
from smallsteps.reports.page.items import ItemColumn, Items, collect_items
from smallsteps.reports.page.simple import Part, SimplePage, Table, to_html
from smallsteps.reports.page.texts import logged_samples, places_of
from smallsteps.stats.noninferiority import Verdict

VERDICTS = {Verdict.PASS: "Passes", Verdict.FAIL: "Fails", Verdict.INCONCLUSIVE: "Undecided"}


def page(report: GateReport, items: Items | None = None) -> str:
    """The verdict with its table first, and every item below."""
    title = f"Gate: {report.student}"
    names = tuple(name.capitalize() for name in header(report))
    rows = tuple(cells(line) for line in report.lines)
    table = Table("gate", "Changes and limits in accuracy points.", names, rows, frozenset({1, 2}))
    lines = [("Verdict", headline(report), "words")]
    for verdict, name in VERDICTS.items():
        tasks = list(dict.fromkeys(line.task for line in report.lines if line.verdict is verdict))
        if tasks:
            lines.append((name, listed(tasks), "words"))
    words = Part("words", "In words", sentences=tuple(sentences(report)))
    return to_html(SimplePage("gate", title, tuple(lines), (table,), (words,), items))


def listed_items(report: GateReport, loaded: Sequence[Loaded]) -> Items:
    """All outcomes of the runs judged, for the list of items."""
    table = OutcomeTable.concatenate([one.table for one in loaded])
    students = list(dict.fromkeys([report.student, *(line.reference for line in report.lines)]))
    columns = [ItemColumn(task, task, (task,)) for task in table.unique("task")]
    places = places_of([source for one in loaded for source in one.runs])
    return collect_items(table, [(name, name) for name in students], columns, logged_samples(places))
