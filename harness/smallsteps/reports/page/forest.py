"""Differences with their intervals as a column of small pictures on one axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from smallsteps.reports.numbers import signed
from smallsteps.reports.page import svg

SHAPES = {"confirmed": "circle", "contradicted": "diamond"}


@dataclass(frozen=True, slots=True)
class ForestAxis:
    """The common axis of a forest of differences."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Position in percent."""
        return svg.scale(min(max(value, self.low), self.high), self.low, self.high, 2, 98)


def forest_axis(values: Iterable[float | None]) -> ForestAxis:
    """An axis that holds 0 and all differences and ends of intervals."""
    ends = [0.0, *(value for value in values if value is not None)]
    low, high = min(ends), max(ends)
    pad = max(0.02, (high - low) * 0.04)
    return ForestAxis(low - pad, high + pad)


def forest_row(
    difference: float, low: float | None, high: float | None, axis: ForestAxis, verdict: str
) -> Markup:
    """One difference with its interval; `verdict` is a class of the style sheet."""
    zero = axis.at(0)
    body = [svg.line(zero, 0, zero, 24, "zero")]
    if low is not None and high is not None:
        body.append(svg.line(axis.at(low), 12, axis.at(high), 12, f"interval v-{verdict}"))
    shape = SHAPES.get(verdict, "square")
    body.append(svg.mark(shape, axis.at(difference), 12, f"m v-{verdict}"))
    return svg.picture(24, body, "", "forest", hidden=True)


def forest_scale(axis: ForestAxis) -> Markup:
    """The axis' numbers, in points."""
    body = []
    for value in svg.ticks(axis.low, axis.high, 5):
        body.append(svg.line(axis.at(value), 0, axis.at(value), 5, "axis"))
        anchor = "start" if axis.at(value) < 6 else "end" if axis.at(value) > 94 else "middle"
        body.append(svg.text(axis.at(value), 17, signed(value, 0), "label", anchor))
    return svg.picture(20, body, "", "forest", hidden=True)
