"""The versions that a run depends on besides its inputs: of the engines, and of the rules of grading."""

from __future__ import annotations

from smallsteps.evaluation.scoring import RULES
from smallsteps.files import sha256_of

GENERATION_VERSION = 8  # raised when the decoding changes texts


def evaluation_version() -> str:
    """Version of the content of a run, made from the versions of engines and rules, never set by hand."""
    return sha256_of({"generation": GENERATION_VERSION, "rules": RULES})[:12]
