"""The results as plain sentences: what differs, what cannot be told apart, what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Literal

from smallsteps.problems import Measure
from smallsteps.reports.numbers import (
    count,
    decimals,
    large,
    listed,
    p_value,
    plural,
    points,
    rate,
    signed,
    span,
)
from smallsteps.reports.study.claims import ClaimResult, ClaimTest
from smallsteps.reports.study.comparisons import Comparison
from smallsteps.reports.study.declaration import late_note
from smallsteps.reports.study.front import decided
from smallsteps.reports.study.generic import Change, GenericColumn
from smallsteps.reports.study.layouts import is_matched, token_ratio

if TYPE_CHECKING:
    from smallsteps.reports.study.report import StudyReport

Kind = Literal["better", "worse", "undecided", "cost", "kept", "gained", "chance", "format", "limits"]
WIDTH = 96
# Failures rarer than this do not change how an accuracy is read.
WORTH_SAYING = 0.05
ONE_SEED = "1 seed: no method-level claim. The sentences above are about these checkpoints on these items; "
ONE_SEED += "another training seed may come out differently."


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence or two of the summary; `anchor` is the part of the report it comes from."""

    kind: Kind
    text: str
    anchor: str


def statements(report: StudyReport) -> list[Statement]:
    """The summary, in reading order."""
    found: list[Statement] = []
    for claim in report.claims:
        found += _claim(report, claim)
    for column in report.generic:
        found += _generic(report, column)
    found += _formats(report)
    found += _limits(report)
    return found


def in_words(report: StudyReport) -> str:
    """The summary for a terminal, wrapped, one bullet a statement."""
    lines = [report.title, "", fill(reading_note(report), WIDTH), ""]
    lines += [fill(s.text, WIDTH, initial_indent="- ", subsequent_indent="  ") for s in statements(report)]
    return "\n".join(lines) + "\n"


def reading_note(report: StudyReport) -> str:
    """How to read the numbers of the summary."""
    text = "Differences are in accuracy points on the same items, with 95% intervals, each on its own."
    if report.tests:
        tests = plural(report.tests, "test")
        text += f" p-values and verdicts are corrected over the {tests} of this report (Holm)."
    return text


def sentence_of(report: StudyReport, claim: ClaimResult, test: ClaimTest) -> str:
    """One declared test as a sentence of its own, for the table of claims."""
    a, b = report.student(claim.better).title, report.student(claim.than).title
    found = test.comparison
    if found is None or test.verdict == "at_chance":
        return _no_test(a, b, test)
    if test.verdict in ("both_wrong", "identical"):
        return _nothing_discordant(a, b, test, found)
    if test.verdict == "undecided":
        return f"{a} and {b} cannot be told apart: {undecided_part(found, test.holm)}."
    better, worse = (a, b) if test.verdict == "confirmed" else (b, a)
    opposite = "" if test.verdict == "confirmed" else " The opposite of what was declared."
    return f"{better} is better than {worse} by {size(found, test.holm)}.{opposite}"


def _claim(report: StudyReport, claim: ClaimResult) -> list[Statement]:
    a, b = report.student(claim.better).title, report.student(claim.than).title
    by_verdict: dict[str, list[ClaimTest]] = {}
    for test in claim.tests:
        by_verdict.setdefault(test.verdict, []).append(test)
    found: list[Statement] = []
    if tests := by_verdict.pop("confirmed", []):
        text = f"{a} is better than {b} {_on_each(tests)}."
        found.append(Statement("better", text, tests[0].id))
    if tests := by_verdict.pop("contradicted", []):
        text = f"{b} is better than {a} {_on_each(tests)}: the opposite of what was declared."
        found.append(Statement("worse", text, tests[0].id))
    if tests := by_verdict.pop("undecided", []):
        parts = [f"on {t.title} ({undecided_part(t.comparison, t.holm)})" for t in tests if t.comparison]
        text = f"{a} and {b} cannot be told apart {listed(parts)}."
        found.append(Statement("undecided", text, tests[0].id))
    for tests in by_verdict.values():
        for test in tests:
            if test.verdict == "at_chance":
                found.append(Statement("chance", _no_test(a, b, test), test.id))
            elif test.comparison is None:
                found.append(Statement("limits", _no_test(a, b, test), test.id))
            else:
                text = _nothing_discordant(a, b, test, test.comparison)
                found.append(Statement("undecided", text, test.id))
    return found


def _on_each(tests: list[ClaimTest]) -> str:
    return listed([f"on {t.title} by {size(t.comparison, t.holm)}" for t in tests if t.comparison])


def size(comparison: Comparison, holm: float | None) -> str:
    """The size of a difference: "3.1 points (95% interval 1.0 to 5.2, p = 0.004)"."""
    if comparison.low is None or comparison.high is None:
        return f"{points(abs(comparison.difference), 1)} points (no interval)"
    # an interval that holds 0 keeps its sign: Holm and the interval may fall on different sides of the line
    if comparison.low <= 0 <= comparison.high:
        places = decimals(comparison.low, comparison.high)
        return f"{points(abs(comparison.difference), places)} points (p {p_value(holm)})"
    low, high = sorted((abs(comparison.low), abs(comparison.high)))
    places = decimals(low, high)
    shown = points(abs(comparison.difference), places)
    return f"{shown} points (95% interval {span(low, high, places)}, p {p_value(holm)})"


def difference_words(comparison: Comparison) -> str:
    """ "+3.1 points, 95% interval 1.0 to 5.2"."""
    if comparison.low is None or comparison.high is None:
        return f"{signed(comparison.difference, 1)} points, no interval"
    places = decimals(comparison.low, comparison.high)
    interval = span(comparison.low, comparison.high, places)
    return f"{signed(comparison.difference, places)} points, 95% interval {interval}"


def undecided_part(comparison: Comparison, holm: float | None) -> str:
    """What is known where nothing is decided: the difference, and what would have been found."""
    if comparison.p is None:
        return "; ".join((difference_words(comparison), *comparison.notes))
    text = f"{difference_words(comparison)}, p {p_value(holm)}"
    counts = comparison.counts
    if counts is not None and not comparison.can_reach:
        verb = "tells" if counts.discordant == 1 else "tell"
        items = plural(counts.discordant, "item")
        return f"{text}; only {items} {verb} them apart, too few for any test"
    if comparison.detectable is not None:
        text += f"; 80% power, taken alone, for a difference of {points(comparison.detectable, 1)}"
    return text


def _nothing_discordant(a: str, b: str, test: ClaimTest, comparison: Comparison) -> str:
    n = count(comparison.n)
    if test.verdict == "both_wrong":
        return f"{a} and {b} both have all {n} items of {test.title} wrong, so they cannot be compared there."
    text = f"{a} and {b} have exactly the same items of {test.title} right and wrong (n = {n}): no difference"
    if comparison.high is None or comparison.low is None:
        return f"{text} was seen."
    places = max(1, decimals(comparison.low, comparison.high))
    return f"{text} was seen, and one of more than {points(comparison.high, places)} points is ruled out."


def _no_test(a: str, b: str, test: ClaimTest) -> str:
    if test.comparison is not None:
        return f"{a} and {b} are both at chance on {test.title}, so they are not compared there."
    return f"{a} against {b} on {test.title} was declared and could not be tested: outcomes are missing."


def _generic(report: StudyReport, column: GenericColumn) -> list[Statement]:
    anchor = f"generic-{column.column}"
    if column.at_chance:
        text = f"{column.title}: the base cannot be told from guessing, so there is nothing to lose."
        return [Statement("chance", text, anchor)]
    found = []
    lost = [c for c in column.changes if decided(c) and c.comparison.difference < 0]
    gained = [c for c in column.changes if decided(c) and c.comparison.difference > 0]
    rest = [c for c in column.changes if c not in lost and c not in gained]
    if lost:
        parts = [f"{report.student(c.student).title} {change_size(c)}" for c in lost]
        text = f"Lost on {column.title} ({_base(column, lost[0])}; 95% intervals): {', '.join(parts)} points."
        text = " ".join([text, *_ability_and_format(report, column, lost)])
        found.append(Statement("cost", text, anchor))
    if rest:
        parts = [f"{report.student(c.student).title} ({difference_words(c.comparison)})" for c in rest]
        found.append(Statement("kept", f"No loss shown on {column.title}: {listed(parts)}.", anchor))
    if gained:
        parts = [f"{report.student(c.student).title} ({difference_words(c.comparison)})" for c in gained]
        found.append(Statement("gained", f"Gained on {column.title}: {listed(parts)}.", anchor))
    return found


def _base(column: GenericColumn, change: Change) -> str:
    accuracy = change.comparison.accuracy_b
    text = f"base {points(accuracy, 1)}"
    if column.chance is None:
        return text
    return f"{text}, {points(accuracy - column.chance, 1)} above guessing"


def change_size(change: Change, named: str = "") -> str:
    """A loss with its 95% interval, in points: "25.8 (23.9 to 27.7)"; `named` goes before the interval."""
    found = change.comparison
    if found.low is None or found.high is None:
        return points(-found.difference, 1)
    places = decimals(found.low, found.high)
    return f"{points(-found.difference, places)} ({named}{span(-found.high, -found.low, places)})"


def _ability_and_format(report: StudyReport, column: GenericColumn, lost: list[Change]) -> list[str]:
    """What of a loss is format: below guessing, without an answer, or not seen by likelihood."""
    out = []
    if column.chance is not None and column.measure is Measure.GENERATION:
        below = [c for c in lost if c.comparison.accuracy_a < column.chance]
        if below:
            names = listed([report.student(c.student).title for c in below])
            verb = "falls" if len(below) == 1 else "fall"
            out.append(f"{names} {verb} below guessing, so part of that loss is format.")
    shares = [(c.form.share, c) for c in lost if c.form is not None and c.form.share is not None]
    if shares and max(share for share, _ in shares) >= WORTH_SAYING:
        each = [f"{report.student(c.student).title} {rate(share)}" for share, c in shares]
        out.append(f"Share of the lost items without a usable answer: {', '.join(each)}.")
    twin = next((g for g in report.generic if g.column == column.twin), None)
    if twin is not None and twin.measure is Measure.LIKELIHOOD:
        known = [part for c in lost if (part := _kept_by_likelihood(report, twin, c))]
        if known:
            closed, parts = len(twin.subtasks), len(column.subtasks)
            where = (
                f"the {closed} of {parts} subtasks with closed answers"
                if closed < parts
                else "the same items"
            )
            text = f"Of the ability above guessing, by likelihood on {where} (95% intervals)"
            out.append(f"{text}: {', '.join(known)}.")
    return out


def _kept_by_likelihood(report: StudyReport, twin: GenericColumn, change: Change) -> str:
    found = twin.change(change.student)
    if found is None:
        return ""
    title, kept = report.student(change.student).title, found.kept
    if kept.estimate is None or kept.interval is None:
        return f"{title} ({difference_words(found.comparison)})"
    if kept.interval.high <= 0:
        return f"{title} kept nothing"
    low, high = kept.interval.low, kept.interval.high
    return f"{title} kept {points(kept.estimate, 0)}% ({span(low, high, 0)})"


def _formats(report: StudyReport) -> list[Statement]:
    parts = []
    for cell in report.cells:
        if cell.seeds and cell.unreadable >= WORTH_SAYING:
            column = next(c for c in report.columns if c.name == cell.column)
            parts.append((cell.unreadable, f"{report.student(cell.student).title} on {column.title}"))
    if not parts:
        return []
    parts.sort(key=lambda part: -part[0])
    shown = [f"{rate(value)} of {name}" for value, name in parts[:3]]
    rest = len(parts) - 3
    more = f"; and {plural(rest, 'other cell')} of the table above {WORTH_SAYING:.0%}" if rest > 0 else ""
    text = f"Responses without a usable answer count as wrong: {'; '.join(shown)}{more}."
    return [Statement("format", text, "detail")]


def _limits(report: StudyReport) -> list[Statement]:
    found = []
    if late := late_note(report):
        found.append(Statement("limits", late, "claims"))
    compute = compute_sentence(report)
    if compute:
        found.append(Statement("limits", compute, "students"))
    least, most = report.seeds
    if most == 1:
        found.append(Statement("limits", ONE_SEED, "method"))
    elif most > 1:
        number = count(most) if least == most else f"{least} to {most}"
        text = f"{number} seeds a student: comparisons take both training seeds and items as random."
        found.append(Statement("limits", text, "method"))
    return found


def compute_sentence(report: StudyReport) -> str:
    """Whether the trained students saw equally many tokens; empty where that is not known."""
    trained = [
        s for s in report.students if s.name != report.reference and not s.diagnostic and s.training_tokens
    ]
    if len(trained) < 2:
        return ""
    least = min(trained, key=lambda s: s.training_tokens or 0)
    most = max(trained, key=lambda s: s.training_tokens or 0)
    ratio = token_ratio(most, least)
    if is_matched(ratio):
        return "Training tokens are matched: all students are within 5% of each other."
    return (
        f"Training tokens are not matched: from {large(least.training_tokens)} ({least.title}) "
        f"to {large(most.training_tokens)} ({most.title}), {ratio:.1f} times as many."
    )
