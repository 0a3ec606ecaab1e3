"""The two rules that are always reported, one entry point for all kinds."""

from __future__ import annotations

from collections.abc import Sequence

from smallsteps.answers.equality import equal
from smallsteps.answers.find_boolean import extract_boolean
from smallsteps.answers.find_choice import extract_choice
from smallsteps.answers.find_number import extract_number
from smallsteps.answers.find_text import extract_text
from smallsteps.answers.model import Extraction, Score, Verdict
from smallsteps.answers.strict import extract_strict
from smallsteps.problems import AnswerKind


def extract(response: str, kind: AnswerKind, choices: Sequence[str] = ()) -> Extraction:
    """The flexible rule: the answer of a response, however it is stated, as canonical text.

    Args:
        response: what the model wrote; untrusted, of any length.
        kind: the benchmark's answer kind.
        choices: option texts in the order of their letters, for `choice`.
    """
    if kind is AnswerKind.NUMBER:
        return extract_number(response)
    if kind is AnswerKind.CHOICE:
        return extract_choice(response, choices)
    if kind is AnswerKind.BOOLEAN:
        return extract_boolean(response)
    return extract_text(response, span=kind is AnswerKind.SPAN)


def score(
    response: str, gold: str, kind: AnswerKind, choices: Sequence[str] = (), aliases: Sequence[str] = ()
) -> Score:
    """Both verdicts on one response.

    Args:
        response: what the model wrote.
        gold: the gold answer (for `choice` a letter or an option's text).
        kind: the benchmark's answer kind.
        choices: option texts in the order of their letters, for `choice`.
        aliases: further accepted answers.
    """
    strict = extract_strict(response, kind, choices).value
    found = extract(response, kind, choices)

    def judge(value: str | None) -> Verdict:
        if value is None:
            return Verdict.UNPARSED
        return Verdict.RIGHT if equal(value, gold, kind, choices, aliases) else Verdict.WRONG

    flexible = judge(found.value)
    formal = flexible if strict == found.value else judge(strict)
    if flexible is Verdict.WRONG and found.whole is not None and judge(found.whole) is Verdict.RIGHT:
        return Score(formal, Verdict.RIGHT, found.whole, strict)
    return Score(formal, flexible, found.value, strict)
