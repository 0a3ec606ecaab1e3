"""Plain data of scoring: verdicts, extractions, scores, votes and the versions of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

STRICT_VERSION = "strict-1"
FLEXIBLE_VERSION = "flexible-3"
RULES_VERSION = {"strict": STRICT_VERSION, "flexible": FLEXIBLE_VERSION}


class Verdict(StrEnum):
    """What a rule says of one response. Unparsed counts as wrong in every accuracy, and is shown apart."""

    RIGHT = "right"
    WRONG = "wrong"
    UNPARSED = "unparsed"


@dataclass(frozen=True, slots=True)
class Extraction:
    """What an extractor found.

    Attributes:
        value: canonical text of the answer, or None when the response gives none.
        how: name of the rule that found it, or why nothing was found.
        whole: for spans, the whole statement that `value` is the news of, where the two differ: "The fort was
            built" may say when, and may be the answer itself.
    """

    value: str | None
    how: str
    whole: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Both verdicts on one response.

    Attributes:
        strict: verdict when only the format that the prompt asked for counts.
        flexible: verdict when any unambiguous statement of the answer counts.
        extracted: the flexible rule's canonical answer, None when unparsed.
        strict_extracted: the strict rule's canonical answer, None when unparsed.
    """

    strict: Verdict
    flexible: Verdict
    extracted: str | None
    strict_extracted: str | None


@dataclass(frozen=True, slots=True)
class Vote:
    """A self-consistency vote over extracted answers.

    Attributes:
        value: the winning answer; None when there were no votes. The first seen of tied answers.
        count: votes of the winner.
        votes: valid votes.
        invalid: samples without an answer; they never vote.
        tied: all the answers with the most votes when there is more than one, in order of first appearance.
    """

    value: str | None
    count: int
    votes: int
    invalid: int
    tied: tuple[str, ...] = ()
