"""Accuracy against what an answer costs: tokens on a logarithmic axis, one mark a student."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from smallsteps.reports.numbers import large, points
from smallsteps.reports.page import svg
from smallsteps.reports.page.plane import placed_labels

HEIGHT, TOP, BELOW = 300.0, 26.0, 48.0
LEFT, RIGHT = 9.0, 95.0


@dataclass(frozen=True, slots=True)
class Priced:
    """One student.

    Attributes:
        index: place in the table, which gives its mark; title: its name.
        cost: above 0; accuracy, low, high: proportions, without an interval both None.
    """

    index: int
    title: str
    cost: float
    accuracy: float
    low: float | None = None
    high: float | None = None


def cost_picture(found: Sequence[Priced], x_title: str, y_title: str) -> Markup:
    """The picture; empty for fewer than two students. More students than shapes are marks without names."""
    found = [p for p in found if p.cost > 0]
    if len(found) < 2:
        return Markup("")
    logs = [math.log10(p.cost) for p in found]
    pad = max(0.06, (max(logs) - min(logs)) * 0.08)
    x_axis = min(logs) - pad, max(logs) + pad
    ends = [v for p in found for v in (p.accuracy, p.low, p.high) if v is not None]
    pad = max(0.03, (max(ends) - min(ends)) * 0.08)
    y_axis, bottom = (min(ends) - pad, max(ends) + pad), HEIGHT - BELOW

    def y(value: float) -> float:
        return svg.scale(value, *y_axis, bottom, TOP)

    body = _axes(x_axis, y_axis, bottom, x_title, y_title)
    few, marks, labels = len(found) <= len(svg.SHAPES), list[str](), list[tuple[float, float, str]]()
    for p in found:
        x, style = svg.scale(math.log10(p.cost), *x_axis, LEFT, RIGHT), p.index % len(svg.SHAPES)
        if few and p.low is not None and p.high is not None:
            marks.append(svg.line(x, y(p.high), x, y(p.low), f"bar t{style}"))
        shape, look = (svg.shape_of(p.index), f"m s{style}") if few else ("circle", "m off")
        tip = f"{p.title}: {points(p.accuracy, 1)} on {y_title}, {large(round(p.cost))} {x_title}"
        marks.append(svg.mark(shape, x, y(p.accuracy), look, tip))
        if few:
            labels.append((x, y(p.accuracy), p.title))
    body += placed_labels(labels, bottom, TOP) + marks
    return svg.picture(HEIGHT, body, f"{y_title} against {x_title}; the numbers are in the tables.", "plane")


def _axes(
    x_axis: tuple[float, float], y_axis: tuple[float, float], bottom: float, x_title: str, y_title: str
) -> list[str]:
    body = []
    for value in svg.ticks(*y_axis):
        if 0 <= value <= 1:
            at = svg.scale(value, *y_axis, bottom, TOP)
            body.append(svg.line(LEFT, at, 100, at, "grid"))
            body.append(svg.text(LEFT, at + 4, points(value, 0), "label", "end", -8))
    for value in _round_numbers(*x_axis):
        at = svg.scale(math.log10(value), *x_axis, LEFT, RIGHT)
        body.append(svg.line(at, bottom, at, bottom + 5, "axis"))
        body.append(svg.text(at, bottom + 18, large(round(value)), "label", "middle"))
    body.append(svg.line(LEFT, bottom, 100, bottom, "axis"))
    body.append(svg.text(0, 12, f"↑ {y_title}, % right", "title"))
    body.append(svg.text(100, HEIGHT - 8, f"{x_title} →", "title", "end"))
    return body


def _round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """1, 2 and 5 times powers of ten inside 10^low to 10^high, at most `most` of them."""
    found: list[float] = []
    for steps in ((1, 2, 5), (1, 5), (1,)):
        powers = range(math.floor(low), math.ceil(high) + 1)
        found = [m * 10.0**e for e in powers for m in steps if low <= math.log10(m * 10.0**e) <= high]
        if len(found) <= most:
            break
    return [value for value in found if value >= 1]
