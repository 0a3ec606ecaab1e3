"""What a generic task is: a maker of (question, rationale, answer) with its answer kind and chance level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from smallsteps.problems import AnswerKind

Item = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class GenericTask:
    """One small task in the spirit of BIG-Bench Hard, made by rule.

    Attributes:
        name: the task's name.
        about: one line for people.
        kind: how its answers are compared.
        chance: accuracy of the best guess that ignores the reasoning (the most frequent answer, or one of the
            candidates that the question names); a student at this level has nothing to lose.
        make: draws one (question, rationale, answer).
    """

    name: str
    about: str
    kind: AnswerKind
    chance: float
    make: Callable[[Random], Item]


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else words[0]
