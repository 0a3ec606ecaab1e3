"""Plain data: a problem, its gold steps, and the kinds of answers there are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum


class AnswerKind(StrEnum):
    """How an answer is extracted and compared."""

    NUMBER = "number"
    CHOICE = "choice"
    BOOLEAN = "boolean"
    TEXT = "text"
    SPAN = "span"


class Role(StrEnum):
    """What a benchmark is for in a study."""

    TARGET = "target"
    TRANSFER = "transfer"
    GENERIC = "generic"


@dataclass(frozen=True, slots=True)
class Step:
    """One gold or taught step of a solution.

    Attributes:
        question: the sub-question, ending with a question mark; empty when only the solution is known.
        solution: the sentence or equation that answers it.
        answer: the bare answer of the step; empty when the source gives none.
        equation: the step's arithmetic without its result, for example `48 / 2`.
    """

    question: str
    solution: str
    answer: str
    equation: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One question with its gold answer.

    Attributes:
        id: stable name inside its benchmark (the source's own id where it has one).
        question: all that a student is shown: passage, question and rendered options.
        answer: the gold answer; for `choice` the option's letter, for `span` the first accepted span.
        kind: how answers are extracted and compared.
        choices: option texts in the order of their letters, for `choice`.
        aliases: further accepted answers.
        steps: gold decomposition, in order, where the source has one.
        rationale: gold reasoning as text, where the source has one.
        cluster: items that share it are not independent (passage, template, family).
        options: the answers that this item allows, where they are a closed set and are neither `choices` nor
            the same for all items; in no fixed order, and no part of the pairing key.
        tags: the source's own labels (difficulty, template, number of steps).
    """

    id: str
    question: str
    answer: str
    kind: AnswerKind
    choices: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    rationale: str | None = None
    cluster: str | None = None
    options: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def item(self) -> str:
        """Pairing key: 16 hex digits of sha256 over question, options and gold answer."""
        parts = "\x1f".join((self.question, *self.choices, self.answer))
        return hashlib.sha256(parts.encode()).hexdigest()[:16]
