"""One graded response."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The fate of a response. All but `ok` score 0, and their rates are shown with the accuracy.

    The first that holds: `error`: there is no response to grade. `ok`: the answer is right. `truncated`: the
    text reached its limit. `malformed`: the answer has a form that the task's answers never have (a number
    where they are words), even if it could be read as right. `unparsed`: there is no answer. `ok`: the answer
    is wrong.
    """

    OK = "ok"
    UNPARSED = "unparsed"
    MALFORMED = "malformed"
    TRUNCATED = "truncated"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of the outcome table.

    Attributes:
        student: label of the student; seed: its training seed, None when unknown.
        task: lm-eval task name; item: pairing key of the problem; sample: index among an item's samples.
        score: 0 to 1 under the flexible rule; strict: 0 or 1 under the strict rule.
        status: see `Status`; a truncated response that still holds the right answer stays `ok`.
        cluster: items that share it are not independent.
        prompt: hash of what the student was shown, so that other prompts never go unnoticed.
        extracted: the answer that was found; gold: the right one; tokens: generated.
        scorer: version of the scoring rules.
    """

    student: str
    task: str
    item: str
    score: float
    strict: float | None = None
    seed: int | None = None
    sample: int = 0
    status: Status = Status.OK
    cluster: str | None = None
    prompt: str | None = None
    extracted: str | None = None
    gold: str | None = None
    tokens: int | None = None
    scorer: str | None = None
