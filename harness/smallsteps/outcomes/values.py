"""Values of outcomes as files write them: scores, whole numbers, texts."""

from __future__ import annotations

import math
from typing import Any

from smallsteps.files import escaped

MISSING = {"", "nan", "na", "n/a", "none", "null"}
LARGEST = 2**63 - 1


def score_of(value: Any) -> float | None:
    """A score of 0 to 1, also where it is written as text ("True", "0.5"); None for anything else."""
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "false"):
            return float(word == "true")
        try:
            value = float(word)
        except ValueError:
            return None
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        return None
    return float(value)


def integer_of(value: Any) -> int | None:
    """A whole number of at most 64 bits, also written as text or as 3.0; None for anything else."""
    if isinstance(value, str):
        try:
            value = int(value) if value.strip().lstrip("+-").isdigit() else float(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or not -LARGEST <= value <= LARGEST:
        return None
    return int(value)


def name_of(value: Any) -> str | None:
    """A name or label; None where a file means that there is none ("", "nan", "none", ...)."""
    text = text_of(value)
    return None if text is None or text.lower() in MISSING else text


def text_of(value: Any) -> str | None:
    """A text such as an answer, in which "none" and "nan" are words; None where it is empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return escaped(str(value).strip()) or None


def shown(value: Any, limit: int = 60) -> str:
    """A value for an error message, cut to a length."""
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**20 else "a very large integer"
    return text if len(text) <= limit else text[: limit - 3] + "..."
