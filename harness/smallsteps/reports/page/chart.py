"""Lines over a common axis, each with a band: learning curves, and accuracies over a declared quantity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from smallsteps.reports.page import svg

HEIGHT = 230.0
TOP, BELOW = 26.0, 46.0  # room above the lines, and below them for the axis
LEFT, RIGHT = 12.0, 96.0
LOG_FROM = 6.0  # a ratio of the largest to the smallest value from which a logarithmic axis reads better
APART = 13.0  # least distance of two numbers on the x axis, in percent of the width: a phone's are 45 pixels


@dataclass(frozen=True, slots=True)
class Place:
    """One point of a line: its value, and the ends of its band where it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its band.

    Attributes:
        index: gives its colour and mark; title: what it is.
        places: by increasing x.
        ringed: points (x, y) to put a ring around, and what each is.
    """

    index: int
    title: str
    places: tuple[Place, ...]
    ringed: tuple[tuple[float, float, str], ...] = ()


def chart(
    lines: Sequence[Line],
    x_title: str,
    y_title: str,
    *,
    x_text: Callable[[float], str],
    y_text: Callable[[float], str],
    marks: bool = True,
    bars: bool = False,
    log: bool = False,
) -> Markup:
    """The picture; its lines are named by a legend beside it.

    Args:
        lines: to draw; every one has a place.
        x_title: of the axis below; y_title: of the other one.
        x_text, y_text: numbers as the axes show them.
        marks: draw a mark at each place; bars: draw intervals as bars, not as a band.
        log: logarithmic x axis, with the values themselves as its numbers.
    """
    values = sorted({place.x for line in lines for place in line.places})
    ends = [v for line in lines for p in line.places for v in (p.y, p.low, p.high) if v is not None]
    ends += [y for line in lines for _, y, _ in line.ringed]
    bend: Callable[[float], float] = math.log if log else float
    x_axis = _widened(bend(values[0]), bend(values[-1]), 0.02 if marks else 0.0)
    y_axis = _widened(min(ends), max(ends), 0.06)
    bottom = HEIGHT - BELOW

    def at(x: float, y: float) -> tuple[float, float]:
        return svg.scale(bend(x), *x_axis, LEFT, RIGHT), svg.scale(y, *y_axis, bottom, TOP)

    body = []
    for value in (tick for tick in round_ticks(*y_axis, 5) if tick >= 0):
        y = svg.scale(value, *y_axis, bottom, TOP)
        body += [svg.line(LEFT, y, 100, y, "grid"), svg.text(LEFT, y + 4, y_text(value), "label", "end", -8)]
    shown = _spaced(values, lambda v: at(v, 0)[0]) if log else round_ticks(values[0], values[-1], 5)
    for value in shown:
        x = at(value, 0)[0]
        body += [svg.line(x, bottom, x, bottom + 5, "axis")]
        body += [svg.text(x, bottom + 18, x_text(value), "label", "end" if x > 92 else "middle")]
    body += [svg.line(LEFT, bottom, 100, bottom, "axis"), svg.text(0, 12, f"↑ {y_title}", "title")]
    body.append(svg.text(100, HEIGHT - 6, f"{x_title} →", "title", "end"))
    shapes, dots = [], []
    for line in lines:
        style = line.index % len(svg.SHAPES)
        spots = [at(place.x, place.y) for place in line.places]
        edges = [(p.x, p.low, p.high) for p in line.places if p.low is not None and p.high is not None]
        if bars:
            body += [svg.line(*at(x, low), *at(x, high), f"bar t{style}") for x, low, high in edges]
        elif len(edges) > 1:
            outline = [at(x, high) for x, _, high in edges] + [at(x, low) for x, low, _ in reversed(edges)]
            shapes.append(f'<polygon points="{_corners(outline)}" class="band s{style}"/>')
        shapes.append(
            f'<polyline points="{_corners(spots)}" class="curve t{style}" '
            'vector-effect="non-scaling-stroke"/>'
        )
        if marks:
            for place, (x, y) in zip(line.places, spots, strict=True):
                tip = f"{line.title}: {y_text(place.y)} at {x_text(place.x)}"
                dots.append(svg.mark(svg.shape_of(line.index), x, y, f"m s{style}", tip))
        dots += [svg.ring(*at(x, y), "ring", tip) for x, y, tip in line.ringed]
    body.append(
        f'<svg x="0" y="0" width="100%" height="{svg.number(HEIGHT)}" viewBox="0 0 100 {svg.number(HEIGHT)}" '
        f'preserveAspectRatio="none">{"".join(shapes)}</svg>'
    )
    label = f"{y_title} against {x_title}; the numbers are in the table below."
    return svg.picture(HEIGHT, body + dots, label, "plane")


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers inside [low, high], at most `most` of them."""
    width = high - low
    if width <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(width / most))
    for factor in (1.0, 2.0, 2.5, 5.0, 10.0, 20.0):
        step = factor * power
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [i * step for i in range(first, last + 1)]
    return [low, high]


def _widened(low: float, high: float, share: float) -> tuple[float, float]:
    pad = (high - low) * share
    if high <= low:
        pad = abs(low) * 0.05 or 0.05
    return low - pad, high + pad


def _corners(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{svg.number(x)},{svg.number(y)}" for x, y in points)


def _spaced(values: Sequence[float], at: Callable[[float], float]) -> list[float]:
    """Values whose numbers do not touch; the last one always has its own."""
    shown = [values[-1]]
    for value in reversed(values[:-1]):
        if at(shown[-1]) - at(value) >= APART:
            shown.append(value)
    return shown[::-1]
