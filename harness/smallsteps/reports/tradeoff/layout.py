"""A trade-off as text, Markdown and JSON."""

from __future__ import annotations

from textwrap import fill
from typing import Any

from smallsteps.reports.compare.layout import markdown_table, plain, text_table
from smallsteps.reports.compare.words import in_points
from smallsteps.reports.study.numbers import points, signed, span
from smallsteps.reports.tradeoff.build import Point, TradeoffReport
from smallsteps.stats.scaling import LinearFit
from smallsteps.stats.seeds import ONE_SEED

SCHEMA = "smallsteps.tradeoff/1"
WIDTH = 100
DASH = "–"
HEADER = ("student", "target %", "generic %", "gain", "change", "lost per point", "kept %", "P(front)")


def table(report: TradeoffReport) -> list[tuple[str, ...]]:
    """One line for the base, one per student; points."""
    base = (
        f"{report.base} (base)",
        points(report.base_target, 1),
        points(report.base_generic, 1),
        DASH,
        DASH,
        DASH,
        DASH,
        f"{report.base_on_front:.2f}",
    )
    lines: list[tuple[str, ...]] = [base]
    for p in report.points:
        rate = "undefined" if p.rate.estimate is None else f"{p.rate.estimate:.2f}"
        kept = DASH if p.kept.ratio.estimate is None else f"{100 * p.kept.ratio.estimate:.0f}"
        lines.append(
            (
                p.student,
                points(p.target, 1),
                points(p.generic, 1),
                signed(p.gain.estimate, 1),
                signed(p.loss.estimate, 1),
                rate,
                kept,
                f"{p.on_front:.2f}",
            )
        )
    return lines


def sentence(point: Point, report: TradeoffReport) -> str:
    """What one student gained and lost."""
    text = f"{point.student}: {in_points(point.gain.estimate, point.gain.interval)} on the target"
    text += f", {in_points(point.loss.estimate, point.loss.interval)} in generic ability, "
    text += f"against {report.base}. "
    rate = point.rate
    if rate.estimate is None or rate.interval is None:
        text += f"Exchange rate {rate.note}. "
    else:
        text += f"{rate.estimate:.2f} generic points lost per target point gained "
        text += f"({rate.interval.low:.2f} to {rate.interval.high:.2f}). "
    kept = point.kept.ratio
    if kept.estimate is None:
        text += f"Retention: {kept.note}. "
    elif kept.interval is not None:
        text += f"It kept {100 * kept.estimate:.0f} % of the base's generic ability above chance "
        text += f"({span(kept.interval.low, kept.interval.high, 0)}). "
    if point.within is not None:
        margin = points(point.within.margin, 1)
        text += f"Generic loss within {margin} points: {point.within.verdict.upper()}. "
    if point.seeds == 1:
        text += f"{ONE_SEED}."
    return text.strip()


def sentences(report: TradeoffReport) -> list[str]:
    """All of it in words."""
    out = [sentence(point, report) for point in report.points]
    tasks = ", ".join(name for name, _ in report.target.parts)
    others = ", ".join(name for name, _ in report.generic.parts)
    out.append(f"Target: {tasks}. Generic: {others}. Differences are in accuracy points on the same items.")
    out.append(
        "P(front): share of joint bootstrap draws in which no other student is at least as good on both axes "
        f"and better on one. Hypervolume {report.hypervolume:.4f} above ({report.reference[0]:.2f}, "
        f"{report.reference[1]:.2f})."
    )
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
    body = "\n".join(fill(text, WIDTH) for text in sentences(report))
    return f"{text_table(HEADER, table(report))}\n\n{body}\n"


def as_markdown(report: TradeoffReport) -> str:
    """For a page."""
    body = "\n".join(f"- {text}" for text in sentences(report))
    return f"# Trade-off\n\n{markdown_table(HEADER, table(report))}\n\n{body}\n"


def as_json(report: TradeoffReport) -> dict[str, Any]:
    """For machines."""
    body = plain(report)
    assert isinstance(body, dict)
    for point, source in zip(body["points"], report.points, strict=True):
        point["outline"] = plain(source.region.outline()) if source.region else None
    return {"schema": SCHEMA, **body, "sentences": sentences(report)}
