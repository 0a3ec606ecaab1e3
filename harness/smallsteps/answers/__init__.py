"""Answers: found in a response, compared with the gold one, voted on. Plain text in, plain data out."""

from smallsteps.answers.arithmetic import Annotation, calculate, check_annotations
from smallsteps.answers.equality import equal
from smallsteps.answers.extract import extract, score
from smallsteps.answers.model import (
    FLEXIBLE_VERSION,
    RULES_VERSION,
    STRICT_VERSION,
    Extraction,
    Score,
    Verdict,
    Vote,
)
from smallsteps.answers.strict import extract_strict
from smallsteps.answers.voting import majority

__all__ = [
    "FLEXIBLE_VERSION",
    "RULES_VERSION",
    "STRICT_VERSION",
    "Annotation",
    "Extraction",
    "Score",
    "Verdict",
    "Vote",
    "calculate",
    "check_annotations",
    "equal",
    "extract",
    "extract_strict",
    "majority",
    "score",
]
