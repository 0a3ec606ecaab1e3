"""A trade-off as an HTML page."""

from __future__ import annotations

from markupsafe import Markup

from smallsteps.comparing.model import ALPHA
from smallsteps.comparing.tradeoff import TradeoffReport
from smallsteps.outcomes import OutcomeTable
from smallsteps.reports.numbers import listed, points
from smallsteps.reports.page import svg
from smallsteps.reports.page.items import ItemColumn, Items, SampleSource, collect_items
from smallsteps.reports.page.plane import Marked, Trail, front_of, plane
from smallsteps.reports.page.simple import Part, SimplePage, Table, to_html
from smallsteps.reports.tradeoff.layout import STOPS, header, sentences, stops, table

NAMED = 3


def page(report: TradeoffReport, items: Items | None, title: str = "Trade-off") -> str:
    """The report with its picture and table first, and every item below."""
    names = [report.base, *(point.student for point in report.points)]
    rows = tuple(
        (Markup("{}{}").format(svg.key_mark(index), line[0]), *line[1:])
        for index, line in enumerate(table(report))
    )
    front = Table(
        "trade-off", "Accuracies in per cent, changes in points.", tuple(map(_title, header(report))), rows
    )
    paths = tuple(
        Table(
            f"checkpoints-{number}",
            f"Checkpoints of {one.student}: accuracies in per cent against real tokens read.",
            tuple(map(_title, STOPS)),
            tuple(stops(one)),
        )
        for number, one in enumerate(report.trajectories, start=1)
    )
    words = Part("words", "In words", sentences=tuple(sentences(report)))
    ability = _ability(report)
    page_ = SimplePage(
        "trade-off",
        title,
        _headlines(report),
        (front, *paths),
        (words,) if ability is None else (ability, words),
        items,
        _picture(report, names),
        _caption(report),
    )
    return to_html(page_)


def listed_items(report: TradeoffReport, outcomes: OutcomeTable, samples: SampleSource | None) -> Items:
    """All outcomes of the report's students, for the list of items."""
    names = [report.base, *(point.student for point in report.points)]
    axes = [report.target, report.generic, *([report.likelihood] if report.likelihood else [])]
    tasks = list(dict.fromkeys(task for axis in axes for task in axis.tasks))
    columns = [ItemColumn(task, task, (task,)) for task in tasks]
    return collect_items(outcomes, [(name, name) for name in names], columns, samples)


def _title(name: str) -> str:
    return name[0].upper() + name[1:]


def _headlines(report: TradeoffReport) -> tuple[tuple[str, str, str], ...]:
    gained = [p for p in report.points if _below(p.gain_adjusted) and p.gain.estimate > 0]
    lost = [p for p in report.points if _below(p.loss_adjusted) and p.loss.estimate < 0]
    return (
        ("Gained", _named([(p.student, p.gain.estimate) for p in gained], "gain", "on the target"), "words"),
        (
            "Lost",
            _named([(p.student, -p.loss.estimate) for p in lost], "loss", "in generic accuracy"),
            "words",
        ),
        (
            "Certainty",
            "Verdicts follow from p-values adjusted over all tests of this page (Holm). That no gain or loss "
            "is shown does not mean that there is none.",
            "words",
        ),
    )


def _below(p: float | None) -> bool:
    return p is not None and p <= ALPHA


def _named(found: list[tuple[str, float]], change: str, where: str) -> str:
    if not found:
        return f"No {change} {where} is shown for any student."
    parts = [f"{name} {points(value, 1)} points" for name, value in found[:NAMED]]
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return f"{listed(parts)}{more} {where}."


def _caption(report: TradeoffReport) -> str:
    front = front_of(
        [(report.base, report.base_on_front), *((point.student, point.on_front) for point in report.points)]
    )
    return (
        f"Ellipses: {report.confidence:.0%} joint region of both changes. Dashed: the Pareto front, where no "
        f"student is better on both axes. Share of bootstrap draws on the front: {front}."
    )


def _picture(report: TradeoffReport, names: list[str]) -> Markup:
    base = Marked(0, names[0], report.base_target, report.base_generic, on_front=report.base_on_front)
    others = []
    for index, point in enumerate(report.points, start=1):
        outline = point.region.outline() if point.region is not None else ()
        region = tuple((report.base_target + x, report.base_generic + y) for x, y in outline)
        others.append(
            Marked(index, point.student, point.target, point.generic, region=region, on_front=point.on_front)
        )
    trails = tuple(
        Trail(
            tuple(names.index(stop.student) for stop in one.stops),
            next((names.index(stop.student) for stop in one.stops if stop.chosen), None),
        )
        for one in report.trajectories
    )
    return plane(base, others, "target", "generic", "trade-off", trails=trails)


def _ability(report: TradeoffReport) -> Part | None:
    """The same students by likelihood, which no format can hide; None where it was not measured."""
    known = [(index, point) for index, point in enumerate(report.points, start=1) if point.ability]
    if not known or known[0][1].ability is None:
        return None
    base = Marked(0, report.base, report.base_target, known[0][1].ability.base)
    others = [
        Marked(index, point.student, point.target, point.ability.student)
        for index, point in known
        if point.ability is not None
    ]
    picture = plane(base, others, "target", "generic by likelihood", "ability")
    caption = (
        "The same students with generic ability measured by the likelihood of the allowed answers. What is "
        "lost in the first picture and kept in this one is format."
    )
    return Part("ability", "Ability and format", figures=(("ability", picture, caption),))
