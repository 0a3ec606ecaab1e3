"""The quality report as one small picture (SVG, no dependency, the same bytes every time)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from smallsteps.corpora.quality import Quality

_WIDTH, _ROW, _LABEL, _BAR = 640, 20, 170, 380
_KEPT, _LOST, _PLAIN = "#2b6cb0", "#c05621", "#718096"


def quality_svg(quality: Quality) -> str:
    """Groups of bars: what became of the samples, lengths and steps, rationales per problem."""
    fate = {"kept": quality.kept, **quality.dropped}
    if quality.absent:
        fate["absent"] = quality.absent
    y = 24
    parts: list[str] = []
    for title, values in (
        ("What became of the samples asked for", fate),
        ("Words per kept rationale", quality.lengths),
        ("Steps per kept rationale", quality.steps),
        ("Kept rationales per problem", quality.per_problem),
    ):
        if values:
            drawn, y = _bars(title, values, y)
            parts.append(drawn)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" height="{y}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="Quality of the corpus">'
    )
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>', *parts, "</svg>"]) + "\n"


def _bars(title: str, values: Mapping[str, int], y: int) -> tuple[str, int]:
    most = max(values.values()) or 1
    total = sum(values.values()) or 1
    lines = [f'<text x="12" y="{y}" font-weight="bold">{escape(title)}</text>']
    for name, value in values.items():
        y += _ROW
        colour = _KEPT if name == "kept" else _LOST if "kept" in values else _PLAIN
        width = round(_BAR * value / most, 1)
        lines += [
            f'<text x="{_LABEL - 8}" y="{y}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{_LABEL}" y="{y - 11}" width="{width}" height="13" fill="{colour}"/>',
            f'<text x="{_LABEL + width + 6:.1f}" y="{y}">{value} ({100 * value / total:.1f} %)</text>',
        ]
    return "\n".join(lines), y + 2 * _ROW
