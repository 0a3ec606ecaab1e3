"""The trade-off plane: target accuracy against generic accuracy, arrows from the base to every student."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from markupsafe import Markup

from smallsteps.reports.numbers import points
from smallsteps.reports.page import svg

HEIGHT = 330.0
TOP, BELOW = 26.0, 48.0  # room above the plane, and below it for the axis
LEFT, RIGHT = 9.0, 95.0
LINE_HEIGHT = 15.0
# where a name may go, in pixels from its usual line: the nearest free place counts
_SHIFTS = sorted(range(-60, 61, 3), key=abs)

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Marked:
    """One student on the plane; proportions.

    Attributes:
        index: place in the table, which gives its mark; title: its name.
        x, y: accuracies.
        x_range, y_range: their intervals, drawn as bars; None draws none.
        region: outline of a joint confidence region; empty draws none.
        style: place in the table, where it is another than `index`.
    """

    index: int
    title: str
    x: float
    y: float
    x_range: Range | None = None
    y_range: Range | None = None
    region: tuple[tuple[float, float], ...] = ()
    style: int | None = None

    @property
    def look(self) -> int:
        """What gives its mark and colour."""
        return self.index if self.style is None else self.style


@dataclass(frozen=True, slots=True)
class Trail:
    """A student's checkpoints on the plane, joined by a path that begins at the base.

    Attributes:
        indices: of its marks, in the order of the training; chosen: the one that became the student.
    """

    indices: tuple[int, ...]
    chosen: int | None = None


def plane(
    base: Marked,
    others: Sequence[Marked],
    x_title: str,
    y_title: str,
    name: str,
    height: float = HEIGHT,
    trails: Sequence[Trail] = (),
) -> Markup:
    """The picture. `name` must be unique in the page."""
    found = [base, *others]
    places = {p.index: p for p in found}
    on_trail = {index for trail in trails for index in trail.indices}
    chosen = {trail.chosen for trail in trails}
    x_axis = _padded([v for p in found for v in (p.x, *(p.x_range or ()), *(x for x, _ in p.region))])
    y_axis = _padded([v for p in found for v in (p.y, *(p.y_range or ()), *(y for _, y in p.region))])
    bottom = height - BELOW

    def at(x: float, y: float) -> tuple[float, float]:
        return svg.scale(x, *x_axis, LEFT, RIGHT), svg.scale(y, *y_axis, bottom, TOP)

    body = [_arrow_head(f"head-{name}"), *_grid(x_axis, y_axis, x_title, y_title, height)]
    bx, by = at(base.x, base.y)
    marks: list[str] = []
    labels: list[tuple[float, float, str]] = []
    for p in found:
        style = p.look % len(svg.SHAPES)
        x, y = at(p.x, p.y)
        if p.region:
            body.append(_region(p.region, x_axis, y_axis, bottom, style))
        if p is not base and p.index not in on_trail:
            body.append(svg.line(bx, by, x, y, "arrow", f'marker-end="url(#head-{escape(name)})"'))
        if p.x_range:
            marks.append(svg.line(at(p.x_range[0], p.y)[0], y, at(p.x_range[1], p.y)[0], y, f"bar t{style}"))
        if p.y_range:
            marks.append(svg.line(x, at(p.x, p.y_range[1])[1], x, at(p.x, p.y_range[0])[1], f"bar t{style}"))
        tip = f"{p.title}: {points(p.x, 1)} on {x_title}, {points(p.y, 1)} on {y_title}"
        marks.append(svg.mark(svg.shape_of(p.look), x, y, f"m s{style}", tip))
        if p.index in chosen:
            marks.append(svg.ring(x, y, "ring", f"{p.title}: chosen"))
        if p.index not in on_trail or p.index in chosen or p is base:
            labels.append((x, y, p.title))
    for trail in trails:
        way = [base, *(places[index] for index in trail.indices if places[index] is not base)]
        for one, next_ in pairwise(way):
            head = f'marker-end="url(#head-{escape(name)})"' if next_ is way[-1] else ""
            body.append(svg.line(*at(one.x, one.y), *at(next_.x, next_.y), "arrow trail", head))
    body += _labels(labels, bottom) + marks
    label = f"{x_title} against {y_title}; the numbers are in the tables."
    return svg.picture(height, body, label, "plane")


def _padded(values: list[float]) -> Range:
    low, high = min(values), max(values)
    pad = max(0.03, (high - low) * 0.08)
    return low - pad, high + pad


def _region(outline: Sequence[Range], x_axis: Range, y_axis: Range, bottom: float, style: int) -> str:
    """A polygon in percent of the plane: the inner picture is stretched with the page."""
    corners = " ".join(
        f"{svg.number(svg.scale(x, *x_axis))},{svg.number(svg.scale(y, *y_axis, 100, 0))}" for x, y in outline
    )
    return (
        f'<svg x="{LEFT}%" y="{TOP}" width="{RIGHT - LEFT}%" height="{svg.number(bottom - TOP)}" '
        f'viewBox="0 0 100 100" preserveAspectRatio="none"><polygon points="{corners}" '
        f'class="region t{style}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _arrow_head(name: str) -> str:
    return (
        f'<defs><marker id="{escape(name)}" viewBox="0 0 8 8" refX="13" refY="4" markerWidth="8" '
        'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 1 7 4 0 7z" class="head"/>'
        "</marker></defs>"
    )


def _grid(x_axis: Range, y_axis: Range, x_title: str, y_title: str, height: float) -> list[str]:
    bottom = height - BELOW
    body = []
    for value in svg.ticks(*y_axis):
        if value < 0:
            continue
        y = svg.scale(value, *y_axis, bottom, TOP)
        body.append(svg.line(LEFT, y, 100, y, "grid"))
        body.append(svg.text(LEFT, y + 4, points(value, 0), "label", "end", -8))
    for value in svg.ticks(*x_axis):
        if value < 0:
            continue
        x = svg.scale(value, *x_axis, LEFT, RIGHT)
        body.append(svg.line(x, bottom, x, bottom + 5, "axis"))
        body.append(svg.text(x, bottom + 18, points(value, 0), "label", "middle"))
    body.append(svg.line(LEFT, bottom, 100, bottom, "axis"))
    body.append(svg.text(0, 12, f"↑ {y_title}, % right", "title"))
    body.append(svg.text(100, height - 8, f"{x_title}, % right →", "title", "end"))
    return body


def _labels(wanted: list[tuple[float, float, str]], bottom: float) -> list[str]:
    """Names beside their marks, each on the nearest free line; one without a line near its mark is left out.

    A mark without its name is still known by its shape and colour, which the tables repeat.
    """
    body, taken = [], list[float]()
    for x, y, title in sorted(wanted, key=lambda item: item[1]):
        free = [
            place
            for shift in _SHIFTS
            if TOP - 8 < (place := y - 9 + shift) < bottom - 4
            and all(abs(place - other) >= LINE_HEIGHT for other in taken)
        ]
        if not free:
            continue
        place = free[0]
        taken.append(place)
        right = x > 55
        body.append(svg.text(x, place, title, "name", "end" if right else "start", -9 if right else 9))
    return body
