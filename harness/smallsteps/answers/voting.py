"""Self-consistency: the majority of extracted answers."""

from __future__ import annotations

from collections.abc import Sequence

from smallsteps.answers.equality import equal
from smallsteps.answers.model import Vote
from smallsteps.answers.normal import normal_text
from smallsteps.answers.numbers import first_number
from smallsteps.problems import AnswerKind


def majority(values: Sequence[str | None], kind: AnswerKind) -> Vote:
    """Vote on extracted answers (Wang et al. 2022, unweighted).

    Args:
        values: one extracted answer per sample, None where a sample has none. None never votes.
        kind: decides which answers are the same.

    Returns:
        The winner; with ties the tied answers too, and the one seen first as the value.
    """
    groups: dict[str, list[str]] = {}
    for value in values:
        if value is not None:
            groups.setdefault(_key(value, kind), []).append(value)
    votes = sum(len(group) for group in groups.values())
    if not groups:
        return Vote(None, 0, 0, len(values))
    most = max(len(group) for group in groups.values())
    first = [group[0] for group in groups.values() if len(group) == most]
    return Vote(first[0], most, votes, len(values) - votes, tuple(first) if len(first) > 1 else ())


def _key(value: str, kind: AnswerKind) -> str:
    """One text per class of equal answers; exact, since equality up to rounding is not transitive."""
    if kind is AnswerKind.NUMBER and (number := first_number(value)):
        return str(number.value)
    if kind is AnswerKind.BOOLEAN:
        return (
            "yes" if equal(value, "yes", kind) else "no" if equal(value, "no", kind) else normal_text(value)
        )
    return normal_text(value)
