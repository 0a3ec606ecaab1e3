"""What a generic task is: a maker of (question, rationale, answer) with its answer kind and options."""

from __future__ import annotations

import re
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
        make: draws one (question, rationale, answer).
        options: the candidates that a question names; None where it names none.
    """

    name: str
    about: str
    kind: AnswerKind
    make: Callable[[Random], Item]
    options: Callable[[str], tuple[str, ...]] | None = None


def listed(words: Sequence[str]) -> str:
    """`a, b and c`."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else words[0]


def named(words: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Finds which of these words a question names, each once, in the order of the question."""
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(words, key=len, reverse=True))})\b")
    return lambda question: tuple(dict.fromkeys(pattern.findall(question)))
