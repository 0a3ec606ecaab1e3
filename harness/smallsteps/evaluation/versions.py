"""The versions that a run depends on besides its inputs: of the engines, and of the rules of grading."""

from __future__ import annotations

from smallsteps.evaluation.scoring import RULES
from smallsteps.files import sha256_of

GENERATION_VERSION = 8  # raised when the decoding changes texts

# What was in force when runs still had a number of their own, raised by hand: those runs keep their keys.
_NUMBERED = 6
_WHEN_NUMBERED = {"generation": 7, "rules": "flexible-3 strict-1 forms-1 likelihood-1"}


def evaluation_version() -> int | str:
    """Version of what a run contains. It follows from the engines' and the rules' versions, never by hand."""
    current = {"generation": GENERATION_VERSION, "rules": RULES}
    return _NUMBERED if current == _WHEN_NUMBERED else sha256_of(current)[:12]
