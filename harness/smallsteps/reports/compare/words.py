"""One plain sentence or two per comparison: the claim, the uncertainty, and what it does not say."""

from __future__ import annotations

from smallsteps.reports.compare.model import Across, Board, Report, Row, Side
from smallsteps.reports.study.numbers import (
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
from smallsteps.stats.students_t import DifferenceTest


def places(row: Row) -> int:
    """Decimals, in points, that the standard error supports; 1 where there is no interval."""
    return decimals(row.interval.low, row.interval.high) if row.interval else 1


def in_points(value: float, interval: Interval | None, digits: int = 1) -> str:
    """ "+3.1 points (95 % interval 0.2 to 6.0)"."""
    if interval is None:
        return f"{signed(value, digits)} points (no interval)"
    digits = decimals(interval.low, interval.high)
    return f"{signed(value, digits)} points ({span(interval.low, interval.high, digits)})"


def sentences(row: Row, confidence: float = 0.95) -> list[str]:
    """The comparison in words."""
    a, b, digits = row.a.student, row.b.student, places(row)
    head = (
        f"{row.task} ({plural(row.n, 'item')}): {a} {points(row.a.accuracy, digits)} %, "
        f"{b} {points(row.b.accuracy, digits)} %."
    )
    out = [head, _verdict(row, confidence)]
    out += _details(row)
    out += [_failures(side) for side in (row.a, row.b) if side.failed >= 0.005]
    return [text for text in out if text]


def _verdict(row: Row, confidence: float) -> str:
    a, b, digits = row.a.student, row.b.student, places(row)
    details = row.checkpoint
    if details is not None and details.counts.discordant == 0:
        reach = points(details.tango.high, 1)
        return (
            f"No item tells the two apart (0 discordant). That is no proof that they are equal: "
            f"a difference up to {reach} points is compatible with it."
        )
    if row.p is None or row.interval is None:
        reason = f" ({'; '.join(row.notes)})" if row.notes else ""
        return f"Difference {signed(row.difference, digits)} points; no test is possible{reason}."
    tests = f"p {p_value(row.p)}"
    if row.adjusted is not None and row.adjusted != row.p:
        tests += f", Holm {p_value(row.adjusted)}"
    level = f"{100 * confidence:g} % interval"
    if row.significant:
        best, worst, interval = (
            (a, b, row.interval) if row.difference > 0 else (b, a, row.interval.mirrored())
        )
        found = f"{level} {span(interval.low, interval.high, digits)}; {row.method}, {tests}"
        found += "; the interval alone touches 0" if interval.contains(0) else ""
        size = points(abs(row.difference), digits)
        return f"{best} is better than {worst} by {size} points ({found}). This is about {row.claim}."
    found = f"{level} {span(row.interval.low, row.interval.high, digits)}; {row.method}, {tests}"
    if not row.interval.contains(0):
        found += "; the interval alone, not corrected, leaves out 0"
    text = f"{a} and {b} cannot be told apart: {signed(row.difference, digits)} points ({found})."
    if details is not None and not details.can_reach:
        discordant = plural(details.counts.discordant, "discordant item")
        return f"{text} With {discordant} no result could be significant."
    text += " That does not show that they are equal"
    if details is not None and details.detectable is not None and row.clusters is None:
        return f"{text}: differences under {points(details.detectable, digits)} points are often missed here."
    return f"{text}."


def _details(row: Row) -> list[str]:
    out: list[str] = []
    if row.checkpoint is not None and row.checkpoint.counts.discordant:
        counts = row.checkpoint.counts
        out.append(
            f"Only {row.a.student} has {count(counts.only_a)} items right, only {row.b.student} "
            f"{count(counts.only_b)}; mid-p {p_value(row.checkpoint.midp)}."
        )
    if row.clusters is not None and row.clusters.icc is not None and row.clusters.effective_items is not None:
        flips = f"; sign-flip p {p_value(row.clusters.sign_flip.pvalue)}" if row.clusters.sign_flip else ""
        out.append(
            f"Items come in {plural(row.clusters.clusters, 'cluster')} (ICC {row.clusters.icc:.3f}, "
            f"design effect {row.clusters.design_effect:.2f}): they count like "
            f"{row.clusters.effective_items:.0f} items{flips}."
        )
    if row.suite is not None:
        out.append(_beyond(row))
    if row.seeds is not None and row.seeds.parts is not None:
        shares = row.seeds.parts.shares()
        if shares is not None:
            seeds, items, rest = (f"{100 * share:.0f} %" for share in shares)
            out.append(
                f"Variance: {seeds} seeds, {items} items, {rest} seed by item; "
                f"more {row.seeds.buy} would help most."
            )
    if row.samples is not None:
        for side, split in zip((row.a, row.b), row.samples, strict=True):
            if split.samples > 1 and split.enough_samples is not None:
                out.append(
                    f"{side.student}: {split.samples} samples an item; beyond {split.enough_samples} "
                    "more samples would hardly help, more items would."
                )
    if row.level == "checkpoint" and row.a.seeds == row.b.seeds == 1:
        limit = f"{ONE_SEED}."
        if row.sensitivity is not None and row.significant:
            spread = points(row.sensitivity, 1)
            limit += f" A spread between seeds of {spread} points (sd) would be enough to erase it."
        out.append(limit)
    if row.p is not None:
        out += [f"{note[0].upper()}{note[1:]}." for note in row.notes]
    return out


def _beyond(row: Row) -> str:
    assert row.suite is not None
    test, families = row.suite.beyond.test, row.suite.families
    macro = in_points(row.suite.on_subtasks.estimate, row.suite.on_subtasks.interval)
    text = f"Mean of its {row.suite.subtasks} subtasks: {macro}. "
    if test.interval is None or test.pvalue is None:
        return f"{text}Nothing is claimed about the ability that {row.task} samples: {test.note}."
    reading = "differs" if test.pvalue <= 0.05 else "cannot be said to differ"
    return (
        f"{text}The ability that {row.task} samples, with its {families} families as a sample of tasks, "
        f"{reading}: {in_points(test.estimate, test.interval)}, p {p_value(test.pvalue)}."
    )


def _failures(side: Side) -> str:
    return f"{side.student}: {rate(side.failed)} of responses gave no usable answer and count as wrong."


def across_sentence(across: Across) -> str:
    """On how many tasks, and by how much on average."""
    n, a, b = len(across.tasks), across.a, across.b
    found = [
        f"{first} is better than {second} on at least {count_of} of {n} tasks"
        for first, second, count_of in ((a, b, across.better.count), (b, a, across.worse.count))
        if count_of
    ]
    text = "; ".join(found) or f"Neither {a} nor {b} is shown to be better on any of {n} tasks"
    return f"{text} (partial conjunction, Bonferroni, 5 %). {_mean(across.mean)}"


def _mean(mean: DifferenceTest) -> str:
    found = in_points(mean.estimate, mean.interval)
    p = f", p {p_value(mean.pvalue)}" if mean.pvalue is not None else ""
    return f"Mean difference over these tasks, taken as fixed: {found}{p}."


def board_sentence(board: Board) -> str:
    """What a ranking can and cannot say."""
    first = [s.student for s in board.standings if s.rank.low == 1]
    text = f"{board.task}: Cochran's Q {board.overall.statistic:.1f} ({board.overall.df} df), "
    text += f"p {p_value(board.overall.pvalue)}. "
    if len(first) == 1:
        return f"{text}{first[0]} is first."
    text += f"{listed(first)} may each be first: "
    return f"{text}students that share a letter are not distinguishable, which is not equal."


def reading(report: Report) -> str:
    """How to read the report."""
    return (
        f"Differences are first minus second in accuracy points on the same items; intervals "
        f"({100 * report.confidence:g} %) are each on its own; p-values are two-sided; Holm's are adjusted "
        f"over the {report.family}."
    )
