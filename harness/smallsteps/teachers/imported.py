"""One sample of a file of rationales."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smallsteps.problems import TokenLogprob
from smallsteps.teachers.model import Status


@dataclass(frozen=True, slots=True)
class Imported:
    """One sample of a file.

    Attributes:
        row: the source's own id of the problem (its id, else its row number from 0).
        question: what was asked, as in the file.
        text: what the teacher said, as in the file.
        sample: index among the samples of this question.
        gold: gold answer as the file states it.
        status: `ok`, or what the file says of its end.
        tokens: token log-probabilities.
        prompt_tokens, completion_tokens: usage, where the file states it.
        extra: every other field of the record.
        error: why there is no text.
    """

    row: str
    question: str
    text: str
    sample: int
    gold: str | None = None
    status: Status = Status.OK
    tokens: tuple[TokenLogprob, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    error: str = ""
