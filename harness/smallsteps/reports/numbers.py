"""Numbers as readers see them: no more decimals than the standard error supports, no p of 0."""

from __future__ import annotations

# An interval of 95 % is 2 x 1.96 standard errors wide.
WIDTH_IN_ERRORS = 3.92
TINY_P = 1e-20
ALPHA = 0.05
MINUS = "\u2212"
DASH = "\u2013"


def decimals(low: float, high: float) -> int:
    """Decimals, in points, that an interval given as proportions supports: SE >= 0.5 points gives 1."""
    error = abs(high - low) * 100 / WIDTH_IN_ERRORS
    if error >= 5:
        return 0
    return 1 if error >= 0.1 else 2


def points(value: float, places: int) -> str:
    """A proportion as percentage points, without a sign for what rounds to 0."""
    text = f"{abs(value) * 100:.{places}f}"
    return f"{MINUS}{text}" if value < 0 and float(text) != 0 else text


def points_of(value: float) -> str:
    """A margin in words: "2 points"."""
    text = f"{value * 100:g}"
    return f"{text} point" if text == "1" else f"{text} points"


def signed(value: float, places: int) -> str:
    """A difference of proportions in points, with its sign."""
    text = points(value, places)
    return text if text.startswith(MINUS) or float(text) == 0 else f"+{text}"


def span(low: float, high: float, places: int) -> str:
    """An interval in words: "80.9 to 85.6"."""
    return f"{points(low, places)} to {points(high, places)}"


def rate(value: float) -> str:
    """A share as a percentage: one decimal under 10 %, and never "0%" for what happened."""
    percent = value * 100
    if percent == 0:
        return "0%"
    if percent < 0.1:
        return "<0.1%"
    return f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%"


def p_value(p: float | None) -> str:
    """A p-value after its sign of relation: "< 1e-20", "= 3.2e-07", "= 0.031"."""
    if p is None:
        return "not available"
    if p < TINY_P:
        return "< 1e-20"
    if p < 1e-3:
        return f"= {p:.1e}"
    if p >= 0.9995:
        return "= 1"
    # a value close to the level keeps the digits that decide on which side it lies
    return f"= {p:.4f}" if abs(p - ALPHA) < 0.0015 else f"= {p:.3f}"


def count(value: int) -> str:
    """A whole number with thousands separated."""
    return f"{value:,}"


def large(value: int | None) -> str:
    """Parameters and tokens: "0.78 M", "12.4 k", or a dash where unknown."""
    if value is None:
        return DASH
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if value >= 0.9995 * size:  # what would round to 1000 of the next smaller unit
            return f"{value / size:.3g} {unit}" if value < 999.5 * size else f"{value / size:,.0f} {unit}"
    return str(value)


def plural(number: int, one: str, many: str | None = None) -> str:
    """ "1 seed", "3 seeds"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(parts: list[str]) -> str:
    """ "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
