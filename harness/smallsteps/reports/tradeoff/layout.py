"""A trade-off as text, Markdown and JSON."""

from __future__ import annotations

from typing import Any

from smallsteps.comparing.model import ALPHA
from smallsteps.comparing.tradeoff import Point, TradeoffReport
from smallsteps.comparing.trajectories import Trajectory
from smallsteps.reports.compare.layout import markdown_table, plain, text_table, wrapped
from smallsteps.reports.compare.words import in_points, level
from smallsteps.reports.numbers import MINUS, p_value, plural, points, signed, span
from smallsteps.reports.numbers import rate as rate_text
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.scaling import LinearFit
from smallsteps.stats.seeds import ONE_SEED
from smallsteps.stats.students_t import DifferenceTest
from smallsteps.stats.tradeoff import Ratio
from smallsteps.terminal import markdown_text

SCHEMA = "smallsteps.tradeoff/2"
DASH = "–"
HEADER = ("student", "target %", "generic %", "gain", "change", "lost per point", "kept %", "P(front)")
ABILITY = ("by likelihood %", "change", "kept %")


def header(report: TradeoffReport) -> tuple[str, ...]:
    """Columns of the table; those of the likelihood only where it was measured."""
    return (*HEADER, *ABILITY) if report.likelihood else HEADER


def table(report: TradeoffReport) -> list[tuple[str, ...]]:
    """One line for the base, one per student; points."""
    base: tuple[str, ...] = (
        f"{report.base} (base)",
        points(report.base_target, 1),
        points(report.base_generic, 1),
        DASH,
        DASH,
        DASH,
        DASH,
        f"{report.base_on_front:.2f}",
    )
    if report.likelihood:
        known = next((p.ability.base for p in report.points if p.ability), None)
        base += (DASH if known is None else points(known, 1), DASH, DASH)
    lines = [base]
    for p in report.points:
        rate = "undefined" if p.rate.estimate is None else f"{p.rate.estimate:.2f}"
        line: tuple[str, ...] = (
            p.student,
            points(p.target, 1),
            points(p.generic, 1),
            signed(p.gain.estimate, 1),
            signed(p.loss.estimate, 1),
            rate,
            _kept_cell(p.kept),
            f"{p.on_front:.2f}",
        )
        if report.likelihood:
            ability = p.ability
            line += (
                (points(ability.student, 1), signed(ability.change.estimate, 1), _kept_cell(ability.kept))
                if ability
                else (DASH, DASH, DASH)
            )
        lines.append(line)
    return lines


STOPS = ("tokens", "target %", "transfer %", "generic %", "by likelihood %", "chosen")


def stops(trajectory: Trajectory) -> list[tuple[str, ...]]:
    """One line a checkpoint."""

    def share(value: float | None) -> str:
        return DASH if value is None else points(value, 1)

    return [
        (
            f"{stop.tokens:,}",
            share(stop.target),
            share(stop.transfer),
            share(stop.generic),
            share(stop.ability),
            "chosen" if stop.chosen else "",
        )
        for stop in trajectory.stops
    ]


def _kept_cell(kept: Ratio) -> str:
    if kept.estimate is None:
        return DASH
    nothing = kept.interval is not None and kept.interval.high <= 0
    return "none" if nothing else points(kept.estimate, 0)


def sentence(point: Point, report: TradeoffReport) -> str:
    """Gain and loss of one student."""
    parts = [
        f"{point.student} against {report.base}: "
        f"{_change(point.gain, point.gain_adjusted, report.confidence)} on the target, "
        f"{_change(point.loss, point.loss_adjusted, report.confidence)} on the generic tasks."
    ]
    rate = point.rate
    if rate.estimate is None or rate.interval is None:
        parts.append(f"Exchange rate {rate.note}.")
    else:
        verb, sign = ("lost", 1) if rate.estimate >= 0 else ("gained", -1)
        low, high = sorted((sign * rate.interval.low, sign * rate.interval.high))
        text = f"{sign * rate.estimate:.2f} generic points {verb} per target point gained "
        parts.append((text + f"({level(report.confidence)} {low:.2f} to {high:.2f}).").replace("-", MINUS))
    parts.append(_kept(point.kept, "generic accuracy above chance", report.confidence))
    if point.form is not None and point.form.share is not None and point.loss.estimate < 0:
        parts.append(f"Of the generic items lost, {rate_text(point.form.share)} had no usable answer.")
    if point.ability is not None:
        change = _change(point.ability.change, point.ability.adjusted, report.confidence)
        parts.append(f"By likelihood, where format plays no part: {change}.")
        what = "ability above chance by likelihood"
        parts.append(_kept(point.ability.kept, what, report.confidence))
    if point.within is not None:
        margin = points(point.within.margin, 1)
        verdict = {
            Verdict.PASS: f"A generic loss of {margin} points or more is excluded.",
            Verdict.FAIL: f"The generic loss is more than {margin} points.",
            Verdict.INCONCLUSIVE: f"Whether the generic loss is within {margin} points is undecided.",
        }
        parts.append(verdict[point.within.verdict])
    if point.seeds == 1:
        parts.append(f"{ONE_SEED}.")
    return " ".join(part for part in parts if part)


def _change(test: DifferenceTest, adjusted: float | None, confidence: float) -> str:
    text = in_points(test.estimate, test.interval, confidence)
    if adjusted is None:
        return f"{text}, no test ({test.note})" if test.note else text
    verdict = "" if adjusted <= ALPHA else " (no difference shown)"
    return f"{text}, adjusted p {p_value(adjusted)}{verdict}"


def _kept(kept: Ratio, what: str, confidence: float) -> str:
    if kept.estimate is None:
        return f"Retention of {what}: {kept.note}."
    if kept.interval is None:
        return ""
    low, high = kept.interval.low, kept.interval.high
    if high <= 0:
        return f"Nothing is left of the base's {what}."
    share = f"{100 * kept.estimate:.0f} % of the base's {what}"
    return f"It kept {share} ({level(confidence)} {span(low, high, 0)})."


def sentences(report: TradeoffReport) -> list[str]:
    """All of it in words."""
    out = [sentence(point, report) for point in report.points]
    tasks = ", ".join(part.name for part in report.target.parts)
    others = ", ".join(part.name for part in report.generic.parts)
    text = f"Target: {tasks}. Generic: {others}."
    if report.likelihood:
        text += f" By likelihood: {', '.join(part.name for part in report.likelihood.parts)}."
    out.append(f"{text} Differences are in accuracy points on the same items.")
    out.append(
        f"Intervals ({100 * report.confidence:g} %) are not adjusted. Verdicts (at 5 %) follow from p-values "
        f"adjusted over the {plural(report.tests, 'test')} of this report (Holm)."
    )
    corner = ", ".join("unknown" if level is None else f"{level:.2f}" for level in report.reference)
    out.append(
        "P(front): share of joint bootstrap draws in which no other student is at least as good on both axes "
        "and better on one; a description, not a test."
    )
    if report.hypervolume is None:
        out.append(f"No hypervolume, as a chance level is not known ({corner}).")
    else:
        out.append(f"Hypervolume {report.hypervolume:.4f} above chance ({corner}).")
    if report.scaling is not None:
        for name, fit in zip(("Target", "Generic"), report.scaling, strict=True):
            out.append(_fit(name, fit))
    return out + [f"Note: {note}." for note in report.notes]


def _fit(name: str, fit: LinearFit) -> str:
    text = f"{name} accuracy against log10 of size: {100 * fit.slope:+.1f} points per tenfold"
    if fit.slope_error is None:
        return f"{text}; two sizes, so no uncertainty can be given."
    return f"{text} (standard error {100 * fit.slope_error:.1f}, {fit.df} degrees of freedom)."


def as_text(report: TradeoffReport) -> str:
    """For a terminal."""
    body = "\n".join(wrapped(text) for text in sentences(report))
    paths = "".join(
        f"Checkpoints of {one.student}\n{text_table(STOPS, stops(one))}\n\n" for one in report.trajectories
    )
    return f"{text_table(header(report), table(report))}\n\n{paths}{body}\n"


def as_markdown(report: TradeoffReport) -> str:
    """For a page."""
    body = "\n".join(f"- {markdown_text(text)}" for text in sentences(report))
    paths = "".join(
        f"## Checkpoints of {markdown_text(one.student)}\n\n{markdown_table(STOPS, stops(one))}\n\n"
        for one in report.trajectories
    )
    return f"# Trade-off\n\n{markdown_table(header(report), table(report))}\n\n{paths}{body}\n"


def as_json(report: TradeoffReport) -> dict[str, Any]:
    """For machines."""
    body = plain(report)
    assert isinstance(body, dict)
    if not report.trajectories:
        del body["trajectories"]
    for point, source in zip(body["points"], report.points, strict=True):
        point["outline"] = plain(source.region.outline()) if source.region else None
    return {"schema": SCHEMA, **body, "sentences": sentences(report)}
