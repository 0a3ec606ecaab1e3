"""Small SVG pieces with positions in percent of the width, so that text and marks keep their size on a phone.

Colours come from the page's style sheet by class; nothing here uses style attributes, which the page's
content security policy would refuse. Every text goes through `escape`.
"""

from __future__ import annotations

from html import escape

from markupsafe import Markup

SHAPES = ("circle", "square", "triangle", "diamond", "plus", "down", "cross", "bar")
_PATHS = {
    "square": "M-4.6-4.6h9.2v9.2h-9.2z",
    "triangle": "M0-6 5.6 4.4H-5.6z",
    "diamond": "M0-6.2 6.2 0 0 6.2-6.2 0z",
    "plus": "M-1.9-6h3.8v4.1H6v3.8H1.9V6h-3.8V1.9H-6v-3.8h4.1z",
    "down": "M0 6 5.6-4.4H-5.6z",
    "cross": "M0-2.6 3-5.6 5.6-3 2.6 0l3 3L3 5.6l-3-3-3 3L-5.6 3l3-3-3-3L-3-5.6z",
    "bar": "M-2.2-6.2h4.4V6.2h-4.4z",
}


def number(value: float) -> str:
    """A coordinate with at most two decimals: the same bytes for the same value."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def mark(shape: str, x: float, y: float, style: str, title: str = "") -> str:
    """A mark at x percent and y pixels."""
    tip = f"<title>{escape(title)}</title>" if title else ""
    body = (
        f'<circle r="5" class="{style}">{tip}</circle>'
        if shape == "circle"
        else f'<path d="{_PATHS[shape]}" class="{style}">{tip}</path>'
    )
    return f'<svg x="{number(x)}%" y="{number(y)}" class="at">{body}</svg>'


def ring(x: float, y: float, style: str, title: str) -> str:
    """A circle around a mark at x percent and y pixels."""
    body = f'<circle r="9" class="{style}"><title>{escape(title)}</title></circle>'
    return f'<svg x="{number(x)}%" y="{number(y)}" class="at">{body}</svg>'


def line(x1: float, y1: float, x2: float, y2: float, style: str, extra: str = "") -> str:
    """A line; x in percent, y in pixels. `extra` holds further attributes."""
    return (
        f'<line x1="{number(x1)}%" y1="{number(y1)}" x2="{number(x2)}%" y2="{number(y2)}" '
        f'class="{style}"{" " + extra if extra else ""}/>'
    )


def text(x: float, y: float, content: str, style: str, anchor: str = "start", dx: float = 0) -> str:
    """Text at x percent (shifted by dx pixels) and y pixels."""
    shift = f' dx="{number(dx)}"' if dx else ""
    return (
        f'<text x="{number(x)}%" y="{number(y)}"{shift} class="{style}" '
        f'text-anchor="{anchor}">{escape(content)}</text>'
    )


def picture(height: float, body: list[str], label: str, style: str = "", hidden: bool = False) -> Markup:
    """The svg element. `hidden` ones repeat what the text beside them says."""
    access = 'aria-hidden="true"' if hidden else f'role="img" aria-label="{escape(label)}"'
    return Markup(
        f'<svg class="{style}" width="100%" height="{number(height)}" {access}>{"".join(body)}</svg>'
    )


def shape_of(index: int) -> str:
    """The mark of the student at this place of the table."""
    return SHAPES[index % len(SHAPES)]


def key_mark(index: int) -> Markup:
    """The student's mark as a small picture for tables and legends."""
    body = mark(shape_of(index), 50, 7, f"m s{index % len(SHAPES)}")
    return Markup(f'<svg class="key" width="14" height="14" aria-hidden="true">{body}</svg>')


def scale(value: float, low: float, high: float, start: float = 0, end: float = 100) -> float:
    """Where a value of [low, high] falls between `start` and `end`."""
    return start + (value - low) / (high - low) * (end - start)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers inside [low, high], at most `most` of them."""
    for step in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0):
        first, last = int(-(-low // step)), int(high // step)
        if last - first + 1 <= most:
            return [i * step for i in range(first, last + 1)]
    return [low, high]
