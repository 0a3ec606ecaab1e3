"""The trade-off plane: target accuracy against generic accuracy, with joint regions and the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from markupsafe import Markup

from smallsteps.reports.numbers import points, rate
from smallsteps.reports.page import svg

HEIGHT = 330.0
TOP, BELOW = 26.0, 48.0  # room above the plane, and below it for the axis
LEFT, RIGHT = 9.0, 95.0
LINE_HEIGHT = 15.0
LETTER, NARROW = (
    7.2,
    520.0,
)  # widths in pixels: of a letter of a name, and of the narrowest picture with names
NAMED = 8  # students of the front that a caption names
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
        origin: where its arrow starts; None is the place of the base.
        on_front: share of joint bootstrap draws in which it is on the Pareto front; None where not drawn.
        style: place in the table, where it is another than `index`.
    """

    index: int
    title: str
    x: float
    y: float
    x_range: Range | None = None
    y_range: Range | None = None
    region: tuple[tuple[float, float], ...] = ()
    origin: Range | None = None
    on_front: float | None = None
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
    base: Marked | None,
    others: Sequence[Marked],
    x_title: str,
    y_title: str,
    name: str,
    height: float = HEIGHT,
    own: int | None = None,
    trails: Sequence[Trail] = (),
) -> Markup:
    """The picture; of more students than there are shapes, marks alone.

    Args:
        base: where arrows and trails start; None where each student has its own `origin`.
        others: all other students.
        x_title, y_title: of the axes.
        name: unique in the page.
        height: in pixels.
        own: index of a student to stress; the others are shown grey.
        trails: paths through some of the others, instead of their arrows.
    """
    found = [*([] if base is None else [base]), *others]
    places = {p.index: p for p in found}
    on_trail = {index for trail in trails for index in trail.indices}
    chosen = {trail.chosen for trail in trails}
    crowded = len({p.look for p in found}) > len(svg.SHAPES)
    x_axis = _padded([v for p in found for v in (p.x, *(p.x_range or ()), *(x for x, _ in p.region))])
    y_axis = _padded([v for p in found for v in (p.y, *(p.y_range or ()), *(y for _, y in p.region))])
    bottom = height - BELOW

    def at(x: float, y: float) -> tuple[float, float]:
        return svg.scale(x, *x_axis, LEFT, RIGHT), svg.scale(y, *y_axis, bottom, TOP)

    body = [_arrow_head(f"head-{name}"), *_grid(x_axis, y_axis, x_title, y_title, height)]
    body.append(_front_line(found, at, bottom))
    marks: list[str] = []
    labels: list[tuple[float, float, str]] = []
    for p in found:
        style, stressed = p.look % len(svg.SHAPES), p.index == own
        x, y = at(p.x, p.y)
        plain = not stressed and (crowded or own is not None)
        origin = p.origin or (None if base is None or p is base else (base.x, base.y))
        if p.region and not plain:
            body.append(_region(p.region, x_axis, y_axis, bottom, style))
        if origin is not None and not plain and p.index not in on_trail:
            body.append(svg.line(*at(*origin), x, y, "arrow", f'marker-end="url(#head-{escape(name)})"'))
        if p.x_range and not plain:
            marks.append(svg.line(at(p.x_range[0], p.y)[0], y, at(p.x_range[1], p.y)[0], y, f"bar t{style}"))
        if p.y_range and not plain:
            marks.append(svg.line(x, at(p.x, p.y_range[1])[1], x, at(p.x, p.y_range[0])[1], f"bar t{style}"))
        shape, look = svg.shape_of(p.look), f"m s{style}"
        if stressed or plain:
            shape, look = ("diamond", "m self") if stressed else ("circle", _plain_look(p, own))
        marks.append(svg.mark(shape, x, y, look, _tip(p, x_title, y_title)))
        if p.index in chosen:
            marks.append(svg.ring(x, y, "ring", f"{p.title}: chosen"))
        named = p.index not in on_trail or p.index in chosen or p is base
        if named and (not crowded or stressed):
            labels.append((x, y, p.title))
    for trail in trails:
        way = [*([] if base is None else [base]), *(places[index] for index in trail.indices)]
        for one, next_ in pairwise(way):
            head = f'marker-end="url(#head-{escape(name)})"' if next_ is way[-1] else ""
            if one is not next_:
                body.append(svg.line(*at(one.x, one.y), *at(next_.x, next_.y), "arrow trail", head))
    body += placed_labels(labels, bottom, TOP) + marks
    label = f"{x_title} against {y_title}; the numbers are in the tables."
    return svg.picture(height, body, label, "plane")


def front_of(shares: Sequence[tuple[str, float]]) -> str:
    """Students on the Pareto front with their shares of the draws; shares below 1 % are left out."""
    named = sorted((item for item in shares if item[1] >= 0.01), key=lambda item: -item[1])
    shown = ", ".join(f"{title} {rate(share)}" for title, share in named[:NAMED])
    return shown + (f" and {len(named) - NAMED:,} more" if len(named) > NAMED else "")


def _tip(p: Marked, x_title: str, y_title: str) -> str:
    text = f"{p.title}: {points(p.x, 1)} on {x_title}, {points(p.y, 1)} on {y_title}"
    return text if p.on_front is None else f"{text}; on the front in {rate(p.on_front)} of the draws"


def _plain_look(p: Marked, own: int | None) -> str:
    return "m front" if own is None and p.on_front is not None and p.on_front >= 0.5 else "m off"


def _front_line(found: Sequence[Marked], at: Callable[[float, float], Range], bottom: float) -> str:
    """The Pareto front as a line of steps; empty where no student has a share of draws."""
    best: list[Marked] = []
    for p in sorted((p for p in found if p.on_front is not None), key=lambda p: (-p.x, -p.y)):
        if not best or p.y > best[-1].y:
            best.append(p)
    if not best:
        return ""
    x, y = LEFT, at(best[-1].x, best[-1].y)[1]
    steps = []
    for p in reversed(best):
        to_x, to_y = at(p.x, p.y)
        steps += [svg.line(x, y, x, to_y, "front-line"), svg.line(x, to_y, to_x, to_y, "front-line")]
        x, y = to_x, to_y
    return "".join([*steps[1:], svg.line(x, y, x, bottom, "front-line")])


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
        if not 0 <= value <= 1:
            continue
        y = svg.scale(value, *y_axis, bottom, TOP)
        body.append(svg.line(LEFT, y, 100, y, "grid"))
        body.append(svg.text(LEFT, y + 4, points(value, 0), "label", "end", -8))
    for value in svg.ticks(*x_axis):
        if not 0 <= value <= 1:
            continue
        x = svg.scale(value, *x_axis, LEFT, RIGHT)
        body.append(svg.line(x, bottom, x, bottom + 5, "axis"))
        body.append(svg.text(x, bottom + 18, points(value, 0), "label", "middle"))
    body.append(svg.line(LEFT, bottom, 100, bottom, "axis"))
    body.append(svg.text(0, 12, f"↑ {y_title}, % right", "title"))
    body.append(svg.text(100, height - 8, f"{x_title}, % right →", "title", "end"))
    return body


def placed_labels(wanted: list[tuple[float, float, str]], bottom: float, top: float) -> list[str]:
    """Names beside their marks, each on the nearest free line, off other marks where there is room.

    One without a line near its mark is left out.

    A mark without its name is still known by its shape and colour, which the tables repeat.
    """
    body, taken = [], list[float]()
    for x, y, title in sorted(wanted, key=lambda item: item[1]):
        right = x > 55
        width = 100 * LETTER * len(title) / NARROW
        ends = (x - width, x) if right else (x, x + width)
        marks = [at for other, at, _ in wanted if (other, at) != (x, y) and ends[0] <= other <= ends[1]]
        free = [
            place
            for shift in _SHIFTS
            if top - 8 < (place := y - 9 + shift) < bottom - 4
            and all(abs(place - other) >= LINE_HEIGHT for other in taken)
        ]
        if not free:
            continue
        clear = [place for place in free if all(abs(place - 4 - at) >= LINE_HEIGHT - 2 for at in marks)]
        place = (clear or free)[0]
        taken.append(place)
        body.append(svg.text(x, place, title, "name", "end" if right else "start", -9 if right else 9))
    return body
