"""Each comparison in one or two plain sentences: the claim, its uncertainty, and its limits."""

from __future__ import annotations

from smallsteps.comparing.model import ALPHA, Across, AtLarge, Board, Report, Row, Side
from smallsteps.reports.numbers import (
    count,
    decimals,
    listed,
    p_value,
    plural,
    points,
    rate,
    signed,
    span,
)
from smallsteps.stats.model import Interval
from smallsteps.stats.seeds import ONE_SEED

NAMED = 6  # students named in one sentence


def places(row: Row) -> int:
    """Decimals, in points, that the standard error supports; 1 where there is no interval."""
    return decimals(row.interval.low, row.interval.high) if row.interval else 1


def level(confidence: float) -> str:
    """ "95 % interval"."""
    return f"{100 * confidence:g} % interval"


def in_points(value: float, interval: Interval | None, confidence: float = 0.95) -> str:
    """ "+3.1 points (95 % interval 0.2 to 6.0)"."""
    if interval is None:
        return f"{signed(value, 1)} points (no interval)"
    digits = decimals(interval.low, interval.high)
    found = span(interval.low, interval.high, digits)
    return f"{signed(value, digits)} points ({level(confidence)} {found})"


def sentences(row: Row, confidence: float = 0.95) -> list[str]:
    """The comparison in words."""
    a, b, digits = row.a.student, row.b.student, places(row)
    head = (
        f"{row.task} ({plural(row.n, 'item')}): {a} {points(row.a.accuracy, digits)} %, "
        f"{b} {points(row.b.accuracy, digits)} %."
    )
    out = [head, _verdict(row, confidence)]
    out += _details(row, confidence)
    out += [_failures(side) for side in (row.a, row.b) if side.failed >= 0.005]
    return [text for text in out if text]


def _verdict(row: Row, confidence: float) -> str:
    a, b, digits = row.a.student, row.b.student, places(row)
    details = row.checkpoint
    if details is not None and details.counts.discordant == 0:
        reach = points(details.tango.high, 1)
        return (
            f"No item tells the two apart (0 discordant). That does not show that they are equal: "
            f"a difference of up to {reach} points is compatible with it."
        )
    if row.p is None or row.interval is None:
        reason = f" ({'; '.join(row.notes)})" if row.notes else ""
        return f"Difference {signed(row.difference, digits)} points; no test is possible{reason}."
    tests = f"p {p_value(row.p)}"
    if row.adjusted is not None and row.adjusted != row.p:
        tests += f", adjusted p {p_value(row.adjusted)}"
    named = level(confidence)
    if row.significant:
        best, worst, interval = (
            (a, b, row.interval) if row.difference > 0 else (b, a, row.interval.mirrored())
        )
        found = f"{named} {span(interval.low, interval.high, digits)}; {row.method}, {tests}"
        found += "; the interval, which is not adjusted, contains 0" if interval.contains(0) else ""
        size = points(abs(row.difference), digits)
        return f"{best} is better than {worst} by {size} points ({found}). This is about {row.claim}."
    found = f"{named} {span(row.interval.low, row.interval.high, digits)}; {row.method}, {tests}"
    if not row.interval.contains(0):
        found += "; the interval, which is not adjusted, excludes 0"
    text = f"{a} and {b} cannot be told apart: {signed(row.difference, digits)} points ({found})."
    if details is not None and not details.can_reach:
        discordant = plural(details.counts.discordant, "discordant item")
        return f"{text} With {discordant} no result could be significant."
    text += " That does not show that they are equal"
    if row.detectable is not None:
        return (
            f"{text}: before adjustment, this comparison has 80 % power for a difference of "
            f"{points(row.detectable, digits)} points."
        )
    return f"{text}."


def _details(row: Row, confidence: float) -> list[str]:
    out: list[str] = []
    if row.flips is not None and (row.flips.gained or row.flips.lost):
        gained, lost = (
            _share(row.flips.gained, row.flips.gained_interval, confidence),
            _share(row.flips.lost, row.flips.lost_interval, confidence),
        )
        mid = f"; mid-p {p_value(row.checkpoint.midp)}" if row.checkpoint else ""
        out.append(
            f"Only {row.a.student} is right on {gained} of the items, only {row.b.student} on {lost}{mid}."
        )
    if row.equivalence is not None:
        out.append(_equivalence(row))
    if row.clusters is not None:
        out.append(_clusters(row))
    if row.at_large is not None:
        out.append(_at_large(row, row.at_large, confidence))
    if row.seeds is not None:
        shares = row.seeds.parts.shares()
        if shares is not None:
            seeds, items, rest = (f"{100 * share:.0f} %" for share in shares)
            out.append(
                f"Variance: {seeds} seeds, {items} items, {rest} seed by item; {_advice(row.seeds.buy)}."
            )
    if row.samples is not None:
        for side, split in zip((row.a, row.b), row.samples, strict=True):
            if split.samples > 1 and split.enough_samples is not None:
                out.append(
                    f"{side.student}: {split.samples} samples per item; from {split.enough_samples} on, "
                    "sampling adds at most a tenth to the variance between items."
                )
    if row.level == "checkpoint" and row.a.seeds == row.b.seeds == 1:
        limit = f"{ONE_SEED}."
        if row.sensitivity is not None and row.significant:
            spread = points(row.sensitivity, 1)
            limit += f" With an sd of {spread} points between seeds, it would not be significant at 5 %."
        out.append(limit)
    if row.p is not None:
        out += [f"{note[0].upper()}{note[1:]}." for note in row.notes]
    return out


def _advice(buy: str | None) -> str:
    return "more seeds and more items would help equally" if buy is None else f"more {buy} would help most"


def _share(value: float, interval: Interval | None, confidence: float) -> str:
    if interval is None:
        return f"{points(value, 1)} %"
    digits = decimals(interval.low, interval.high)
    return f"{points(value, digits)} % ({level(confidence)} {span(interval.low, interval.high, digits)})"


def _equivalence(row: Row) -> str:
    assert row.equivalence is not None
    margin, p = points(row.equivalence.margin, 1), row.equivalence.adjusted
    if p is None:
        return f"Equivalence within {margin} points: no test is possible."
    verdict = "are equivalent" if row.equivalence.shown else "are not shown to be equivalent"
    return (
        f"{row.a.student} and {row.b.student} {verdict} within {margin} points "
        f"(two one-sided tests, adjusted p {p_value(p)})."
    )


def _clusters(row: Row) -> str:
    found = row.clusters
    assert found is not None
    text = f"Items come in {plural(found.clusters, 'cluster')}, which are the units of the test"
    if found.icc is None or found.design_effect is None or found.effective_items is None:
        return f"{text}."
    if found.design_effect <= 1:
        return f"{text} (ICC {found.icc:.3f}: they do not vary together here)."
    return (
        f"{text} (ICC {found.icc:.3f}, design effect {found.design_effect:.2f}): "
        f"{count(row.n)} items count like {count(round(found.effective_items))}."
    )


def _at_large(row: Row, large: AtLarge, confidence: float) -> str:
    test = large.test
    families = plural(large.families, "family", "families")
    head = f"At large, with the {families} of {row.task} as a sample of tasks"
    if test.interval is None or test.pvalue is None:
        return f"{head}: no test ({test.note})."
    differs = large.adjusted is not None and large.adjusted <= ALPHA
    reading = "a difference is shown" if differs else "no difference is shown"
    return (
        f"{head}, {reading}: {in_points(test.estimate, test.interval, confidence)}, "
        f"adjusted p {p_value(large.adjusted)} "
        f"(mean over {large.parts} parts)."
    )


def _failures(side: Side) -> str:
    return f"{side.student}: {rate(side.failed)} of responses gave no usable answer and count as wrong."


def across_sentence(across: Across, confidence: float = 0.95) -> str:
    """The number of tasks on which one is better, and the mean difference."""
    n, a, b = len(across.tasks), across.a, across.b
    found = [
        f"{first} is better than {second} on {number} of {n} tasks"
        for first, second, number in ((a, b, across.better), (b, a, across.worse))
        if number
    ]
    text = "; ".join(found) or f"Neither {a} nor {b} is shown to be better on any of {n} tasks"
    return f"{text} (adjusted p-values). {_mean(across, confidence)}"


def _mean(across: Across, confidence: float) -> str:
    mean = across.mean
    if mean.interval is None:
        return f"Mean difference over these tasks: {signed(mean.estimate, 1)} points, no test ({mean.note})."
    p = f", adjusted p {p_value(across.adjusted)}" if across.adjusted is not None else ""
    found = in_points(mean.estimate, mean.interval, confidence)
    return f"Mean difference over these tasks, taken as fixed: {found}{p}."


def board_sentence(board: Board) -> str:
    """Who may be first on a task."""
    best = [s for s in board.standings if s.rank.low == 1]
    shared = "Students that share a letter cannot be told apart, which does not mean that they are equal."
    if len(best) == 1 and best[0].rank.high == 1:
        return f"{board.task}: {best[0].student} is first. {shared}"
    if len(best) == len(board.standings):
        return f"{board.task}: any of the {len(best)} students may be first. {shared}"
    names = [s.student for s in best]
    shown = names if len(names) <= NAMED else [*names[:NAMED], f"{len(names) - NAMED} more"]
    return f"{board.task}: {listed(shown)} may be first. {shared}"


def reading(report: Report) -> str:
    """How to read the report."""
    text = (
        f"Differences are first minus second in accuracy points on the same items. Intervals "
        f"({100 * report.confidence:g} %) are not adjusted; p-values are two-sided."
    )
    if not report.tests:
        return text
    return f"{text} Verdicts (at 5 %) follow from p-values adjusted over the {report.family} (Holm)."
