"""Three sentences for the first screen: differences, undecided comparisons, and cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smallsteps.problems import Measure
from smallsteps.reports.numbers import listed, plural, points, span
from smallsteps.reports.study.claims import ClaimResult, ClaimTest
from smallsteps.reports.study.front import decided, short_title
from smallsteps.reports.study.generic import Change, GenericColumn
from smallsteps.reports.study.report import StudyReport
from smallsteps.reports.study.words import change_size, size, within_margin

MOST_GROUPS = 3  # groups of findings that a sentence names; the rest are counted
Tests = Sequence[tuple[ClaimResult, ClaimTest]]


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the three sentences; `anchor` is the part of the report with its numbers."""

    name: str
    text: str
    anchor: str


def headlines(report: StudyReport) -> tuple[Headline, ...]:
    """Differences, undecided comparisons, and cost."""
    tests = [
        (claim, test)
        for claim in report.claims
        for test in claim.tests
        if next((c.role for c in report.columns if c.name == test.column), None) != "generic"
    ]
    return (
        Headline("Differences", _differences(report, tests), "claims" if tests else "accuracy"),
        Headline("Undecided", _undecided(report, tests), "claims" if tests else "method"),
        Headline("Cost", _cost(report), "generic" if report.generic else "accuracy"),
    )


def _differences(report: StudyReport, tests: Tests) -> str:
    groups: dict[tuple[str, str], list[ClaimTest]] = {}
    equal: list[str] = []
    for claim, test in tests:
        if test.verdict == "confirmed" and claim.margin is not None:
            equal.append(f"{within_margin(report, claim, test)} on {short_title(test.title)}")
        elif test.verdict in ("confirmed", "contradicted"):
            better, worse = (claim.better, claim.than)
            if test.verdict == "contradicted":
                better, worse = worse, better
            groups.setdefault((better, worse), []).append(test)
    if not tests:
        return "No comparison was declared, so none was tested."
    if not groups and not equal:
        return "No declared comparison between students shows a difference."
    parts = []
    for (better, worse), found in list(groups.items())[:MOST_GROUPS]:
        compared = [(t.comparison, t.holm) for t in found if t.comparison is not None]
        sizes = [abs(comparison.difference) for comparison, _ in compared]
        by = size(*compared[0]) if len(compared) == 1 else f"{_range(sizes)} points"
        names = listed([short_title(t.title) for t in found])
        parts.append(
            f"{report.student(better).title} is better than {report.student(worse).title} on {names} by {by}"
        )
    parts += equal[: MOST_GROUPS - len(parts)]
    return f"{'; '.join(parts)}{_and_more(len(groups) + len(equal) - len(parts))}."


def _undecided(report: StudyReport, tests: Tests) -> str:
    found = []
    pairs: dict[tuple[str, str], list[ClaimTest]] = {}
    for claim, test in tests:
        if test.verdict == "not_shown":
            found.append(f"{within_margin(report, claim, test)} on {short_title(test.title)}")
        elif test.verdict not in ("confirmed", "contradicted"):
            pairs.setdefault((claim.better, claim.than), []).append(test)
    for (a, b), of_pair in pairs.items():
        names = listed([short_title(test.title) for test in of_pair])
        why = f" ({_why(of_pair[0])})" if len(of_pair) == 1 else ""
        found.append(f"{report.student(a).title} and {report.student(b).title} on {names}{why}")
    most = report.seeds[1]
    seeds = (
        "One training seed: statements are about these checkpoints, and another seed may differ"
        if most == 1
        else ""
    )
    undecided = f"{'; '.join(found[:2])}{_and_more(len(found) - 2)}" if found else ""
    if not tests:
        return f"{seeds}." if seeds else "No comparison was declared."
    if not found:
        equal = any(claim.margin is not None for claim, _ in tests)
        shown = "is decided" if equal else "shows a difference"
        undecided = f"Every declared comparison between students {shown}"
    return ". ".join(part for part in (undecided, seeds) if part) + "."


def _why(test: ClaimTest) -> str:
    found = test.comparison
    if test.verdict == "at_chance":
        return "neither shown to be above chance"
    if found is None:
        return "not evaluated"
    if test.verdict == "both_wrong":
        return "both have all items wrong"
    if test.verdict == "identical":
        return "both have the same items right"
    if found.detectable is not None:
        needed = points(found.detectable, 1)
        return f"{points(abs(found.difference), 1)} points seen; 80% power for {needed}"
    return f"{points(abs(found.difference), 1)} points seen"


def _cost(report: StudyReport) -> str:
    if not report.generic:
        return "No generic tasks were evaluated, so the cost in generic ability is not known."
    suite = next((g for g in report.generic if g.measure is not Measure.LIKELIHOOD), report.generic[0])
    twin = next((g for g in report.generic if g.column == suite.twin), None)
    parts = [_cost_on(report, suite)]
    if twin is not None:
        parts.append(_kept_by_likelihood(report, twin))
    rest = [g for g in report.generic if g is not suite and g is not twin and g.measure is not suite.measure]
    parts += [_cost_on(report, g) for g in rest[:1]] if twin is None else []
    return " ".join(part for part in parts if part)


def _cost_on(report: StudyReport, suite: GenericColumn) -> str:
    title = short_title(suite.title)
    if suite.at_chance:
        return f"On {title} the base is not shown to be above chance: no loss of ability can show there."
    if not suite.changes:
        return "No untrained base was evaluated, so there is no before and after."
    lost = sorted((c for c in suite.changes if decided(c) and c.comparison.difference < 0), key=_loss)
    if not lost:
        return f"No loss of generic ability is shown on {title}."
    guess = f" (chance: {points(suite.chance, 0)}%)" if suite.chance is not None else ""
    base = f"The base gets {points(lost[0].comparison.accuracy_b, 0)}% right on “{title}”{guess}"
    least, rest = lost[0], lost[1:]
    size = change_size(least, "95% interval ")
    text = f"{base}; {report.student(least.student).title} lost {size} points"
    if rest:
        others = "the others" if len(rest) == len(suite.changes) - 1 else plural(len(rest), "other")
        text += f", {others} {_range([_loss(c) for c in rest])}"
    return f"{text}."


def _kept_by_likelihood(report: StudyReport, twin: GenericColumn) -> str:
    """Students with a loss by likelihood and what they kept; the others are counted."""
    head, of_what = "By likelihood, where format plays no part,", "of the base's ability above chance"
    known = [c for c in twin.changes if c.kept.estimate is not None]
    lost = [c for c in known if decided(c) and c.comparison.difference < 0]
    if not known:
        return ""
    if not lost:
        return f"{head} no loss is shown."
    kept = [c for c in lost if c.kept.interval is not None and c.kept.interval.low > 0]
    names = [
        f"{report.student(c.student).title} kept {points(c.kept.estimate or 0.0, 0)}%"
        f" (95% interval {span(c.kept.interval.low, c.kept.interval.high, 0)})"
        for c in kept
        if c.kept.interval is not None
    ]
    parts = [f"{listed(names)} {of_what}"] if names else []
    if none := len(lost) - len(kept):
        who = plural(none, "other student" if kept else "student")
        verb = "is" if none == 1 else "are"
        parts.append(f"{who} {verb} not shown to have kept any" + ("" if kept else f" {of_what}"))
    if rest := len(known) - len(lost):
        parts.append(f"no loss is shown for {plural(rest, 'other')}")
    return f"{head} {'; '.join(parts)}."


def _loss(change: Change) -> float:
    return -change.comparison.difference


def _range(sizes: list[float]) -> str:
    least, most = points(min(sizes), 1), points(max(sizes), 1)
    return least if least == most else f"{least} to {most}"


def _and_more(number: int) -> str:
    return f"; and {number} more" if number > 0 else ""
