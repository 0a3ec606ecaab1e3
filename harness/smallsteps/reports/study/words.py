"""The results as plain sentences: differences, undecided comparisons, and cost."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    points_of,
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
# Rarer failures hardly change an accuracy.
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
    text = "Differences are in accuracy points on the same items, with 95% intervals that are not adjusted."
    if report.tests:
        tests = plural(report.tests, "test")
        text += f" p-values are adjusted over the {tests} of this report (Holm); verdicts follow from them."
    return text


def sentence_of(report: StudyReport, claim: ClaimResult, test: ClaimTest) -> str:
    """One declared test as a sentence of its own, for the table of claims."""
    a, b = report.student(claim.better).title, report.student(claim.than).title
    found = test.comparison
    if found is None or test.verdict == "at_chance":
        return _no_test(a, b, test)
    if test.verdict in ("both_wrong", "identical"):
        return _nothing_discordant(a, b, test, found)
    if claim.margin is not None:
        return f"{within_margin(report, claim, test)}: {difference_words(found)}, p {p_value(test.holm)}."
    if test.verdict == "undecided":
        return f"{a} and {b} cannot be told apart: {undecided_part(found, test.holm)}."
    better, worse = (a, b) if test.verdict == "confirmed" else (b, a)
    opposite = "" if test.verdict == "confirmed" else " The opposite of what was declared."
    return f"{better} is better than {worse} by {size(found, test.holm)}.{opposite}"


def within_margin(report: StudyReport, claim: ClaimResult, test: ClaimTest) -> str:
    """A claim with a margin, as the test left it: "A and B are equal within 2 points"."""
    a, b = report.student(claim.better).title, report.student(claim.than).title
    assert claim.margin is not None
    within, shown = points_of(claim.margin), test.verdict == "confirmed"
    if claim.kind == "equivalent":
        return f"{a} and {b} are {'' if shown else 'not shown to be '}equal within {within}"
    return f"{a} {'is at most' if shown else 'may be more than'} {within} worse than {b}"


def _with_margin(report: StudyReport, claim: ClaimResult, test: ClaimTest) -> Statement:
    assert test.comparison is not None
    text = f"{within_margin(report, claim, test)} on {test.title}"
    text += f" ({difference_words(test.comparison)}, p {p_value(test.holm)})."
    return Statement("kept" if test.verdict == "confirmed" else "undecided", text, test.id)


def _claim(report: StudyReport, claim: ClaimResult) -> list[Statement]:
    if claim.margin is not None:
        decided_ = [t for t in claim.tests if t.verdict in ("confirmed", "not_shown")]
        rest = replace(claim, tests=tuple(t for t in claim.tests if t not in decided_), margin=None)
        return [*(_with_margin(report, claim, t) for t in decided_), *_claim(report, rest)]
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
    """An undecided comparison: the difference, and the one that it had 80 % power for."""
    if comparison.p is None:
        return "; ".join((difference_words(comparison), *comparison.notes))
    text = f"{difference_words(comparison)}, p {p_value(holm)}"
    if (
        comparison.low is not None
        and comparison.high is not None
        and not comparison.low <= 0 <= comparison.high
    ):
        text += "; the interval, which is not adjusted, excludes 0"
    counts = comparison.counts
    if counts is not None and not comparison.can_reach:
        return f"{text}; with {plural(counts.discordant, 'discordant item')} no result could be significant"
    if comparison.detectable is not None:
        text += f"; 80% power, before adjustment, for a difference of {points(comparison.detectable, 1)}"
    return text


def _nothing_discordant(a: str, b: str, test: ClaimTest, comparison: Comparison) -> str:
    n = count(comparison.n)
    if test.verdict == "both_wrong":
        return f"{a} and {b} both have all {n} items of {test.title} wrong, so they cannot be compared there."
    text = f"{a} and {b} have exactly the same items of {test.title} right and wrong (n = {n}): no difference"
    if comparison.high is None or comparison.low is None:
        return f"{text} was seen."
    places = max(1, decimals(comparison.low, comparison.high))
    most = points(comparison.high, places)
    return f"{text} was seen; the 95% interval excludes one of more than {most} points."


def _no_test(a: str, b: str, test: ClaimTest) -> str:
    if test.comparison is not None:
        return f"{a} and {b} cannot be told apart on {test.title}: neither is shown to be above chance there."
    return f"The declared comparison of {a} with {b} on {test.title} has no test: outcomes are missing."


def _generic(report: StudyReport, column: GenericColumn) -> list[Statement]:
    anchor = f"generic-{column.column}"
    found: list[Statement] = []
    if column.at_chance:
        text = (
            f"On {column.title} the base is not shown to be above chance: no loss of ability can show there."
        )
        found.append(Statement("chance", text, anchor))
    lost = [c for c in column.changes if decided(c) and c.comparison.difference < 0]
    gained = [c for c in column.changes if decided(c) and c.comparison.difference > 0]
    rest = [c for c in column.changes if c not in lost and c not in gained]
    if lost:
        parts = [f"{report.student(c.student).title} {change_size(c)}" for c in lost]
        text = f"Lost on {column.title} ({_base(column, lost[0])}; 95% intervals): {', '.join(parts)} points."
        text = " ".join([text, *_ability_and_format(report, column, lost)])
        found.append(Statement("cost", text, anchor))
    if rest and not column.at_chance:
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
    return f"{text}, {points(accuracy - column.chance, 1)} above chance"


def change_size(change: Change, named: str = "") -> str:
    """A loss with its 95% interval, in points: "25.8 (23.9 to 27.7)"; `named` goes before the interval."""
    found = change.comparison
    if found.low is None or found.high is None:
        return points(-found.difference, 1)
    places = decimals(found.low, found.high)
    return f"{points(-found.difference, places)} ({named}{span(-found.high, -found.low, places)})"


def _ability_and_format(report: StudyReport, column: GenericColumn, lost: list[Change]) -> list[str]:
    """Signs that a loss is one of format: below chance, no usable answer, no loss by likelihood."""
    out = []
    if column.chance is not None and column.measure is Measure.GENERATION:
        below = [c for c in lost if _is_below(report, column, c)]
        if below:
            names = listed([report.student(c.student).title for c in below])
            verb = "falls" if len(below) == 1 else "fall"
            out.append(f"{names} {verb} below chance, which a loss of ability alone does not explain.")
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
            text = f"Of the ability above chance, by likelihood on {where} (95% intervals)"
            out.append(f"{text}: {', '.join(known)}.")
    return out


def _is_below(report: StudyReport, column: GenericColumn, change: Change) -> bool:
    high = report.cell(change.student, column.column).high
    return column.chance is not None and high is not None and high < column.chance


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
    more = (
        f"; and {WORTH_SAYING:.0%} or more in {plural(rest, 'other cell')} of the table" if rest > 0 else ""
    )
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
        return "Training tokens are matched within 5% across all students."
    return (
        f"Training tokens are not matched: from {large(least.training_tokens)} ({least.title}) "
        f"to {large(most.training_tokens)} ({most.title}), {ratio:.1f} times as many."
    )
