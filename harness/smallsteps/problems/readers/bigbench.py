"""Readers of BIG-bench JSON and of BIG-Bench Hard."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from smallsteps.problems.model import AnswerKind, Problem
from smallsteps.problems.readers.base import LETTERS, Context, Row, options, problem_error, text, value

_OPTION = re.compile(r"^\(([A-Z])\)\s*(.*)$", re.MULTILINE)
_DASHED = re.compile(r"^- (.+?)\s*$", re.MULTILINE)
_GAME = re.compile(r"\s+At the end of the .*$", re.DOTALL)


def bigbench(row: Row, context: Context) -> Iterable[Problem]:
    """BIG-bench multiple choice: `input` and `target_scores` {option: 0 or 1}.

    Many sources list the right option first, so options are ordered by a hash of question and option.
    """
    stem = text(row, "input", context)
    scores = value(row, "target_scores", context)
    right = [choice for choice, score in scores.items() if score == 1] if isinstance(scores, dict) else []
    if len(right) != 1:
        raise problem_error(context, f"expected one right option, found {len(right)}", "target_scores")
    ordered = sorted(scores, key=lambda choice: hashlib.sha256(f"{stem}\x1f{choice}".encode()).digest())
    choices = tuple(choice.strip() for choice in ordered)
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=options(stem, choices),
        answer=LETTERS[ordered.index(right[0])],
        kind=AnswerKind.CHOICE,
        choices=choices,
    )


def tracking(row: Row, context: Context) -> Iterable[Problem]:
    """Tracking shuffled objects: questions about the same game are one cluster."""
    for problem in bigbench(row, context):
        game = hashlib.sha256(_GAME.sub("", text(row, "input", context)).encode()).hexdigest()[:12]
        yield Problem(
            problem.id,
            problem.question,
            problem.answer,
            problem.kind,
            problem.choices,
            cluster=f"game-{game}",
        )


def bbh(row: Row, context: Context) -> Iterable[Problem]:
    """BIG-Bench Hard: the input contains the options; `(B)` is the letter B.

    A few targets are not letters, despite options (the source split an option at its commas): scored
    as text, and the target is one more option.
    """
    question = text(row, "input", context)
    target = text(row, "target", context)
    kind, answer = context.kind, target
    choices = tuple(choice.strip() for _, choice in _OPTION.findall(question))
    allowed: tuple[str, ...] = ()
    if kind is AnswerKind.CHOICE:
        letter = re.fullmatch(r"\(([A-Z])\)", target)
        if letter and LETTERS.index(letter[1]) < len(choices):
            answer = letter[1]
        else:
            kind, choices, allowed = AnswerKind.TEXT, (), (*dict.fromkeys(choices), target)
    elif kind is AnswerKind.TEXT:
        choices = tuple(_DASHED.findall(question))
    else:
        choices = ()
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=question,
        answer=answer,
        kind=kind,
        choices=choices,
        options=allowed,
        tags={"target": target},
    )
