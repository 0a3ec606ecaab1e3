"""Readers of questions with lettered options."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from smallsteps.problems.model import AnswerKind, Problem
from smallsteps.problems.readers.base import LETTERS, Context, Row, options, problem_error, text, value

_INLINE = re.compile(r"\(([A-Z])\)\s*")


def _labelled(row: Row, context: Context) -> tuple[str, tuple[str, ...], str]:
    """Stem, option texts in the order of their labels, and the letter of the right one."""
    asked = value(row, "question_stem" if "question_stem" in row else "question", context)
    if isinstance(asked, str):  # the hub's layout is flat
        asked, listed = {"stem": asked}, value(row, "choices", context)
    else:
        listed = value(asked, "choices", context)
    if isinstance(listed, dict):
        pairs = list(zip(listed["label"], listed["text"], strict=True))
    else:
        pairs = [(value(choice, "label", context), value(choice, "text", context)) for choice in listed]
    pairs.sort(key=lambda pair: str(pair[0]))
    labels = [str(label) for label, _ in pairs]
    gold = text(row, "answerKey", context)
    if gold not in labels:
        raise problem_error(context, f"'{gold}' is none of the labels {', '.join(labels)}", "answerKey")
    choices = tuple(str(choice).strip() for _, choice in pairs)
    return text(asked, "stem", context), choices, LETTERS[labels.index(gold)]


def _concept(row: Row) -> Any:
    asked = row["question"]
    return asked.get("question_concept") if isinstance(asked, dict) else row.get("question_concept")


def commonsenseqa(row: Row, context: Context) -> Iterable[Problem]:
    """CommonsenseQA; CoS-E's open-ended explanation, where joined, is the rationale.

    Questions written for the same concept share wording and options: the concept is the cluster.
    """
    stem, choices, answer = _labelled(row, context)
    explanation = (context.joined.get("explanation") or {}).get("open-ended")
    yield Problem(
        id=text(row, "id", context),
        question=options(stem, choices),
        answer=answer,
        kind=AnswerKind.CHOICE,
        choices=choices,
        rationale=str(explanation).strip() if explanation else None,
        cluster=str(_concept(row) or "") or None,
    )


def openbookqa(row: Row, context: Context) -> Iterable[Problem]:
    """OpenBookQA, without the open book."""
    stem, choices, answer = _labelled(row, context)
    yield Problem(
        id=text(row, "id", context),
        question=options(stem, choices),
        answer=answer,
        kind=AnswerKind.CHOICE,
        choices=choices,
    )


def quarel(row: Row, context: Context) -> Iterable[Problem]:
    """QuaRel: two options inside the question, `... (A) this (B) that`, and the index of the right one."""
    parts = _INLINE.split(text(row, "question", context))
    stem, choices = parts[0], tuple(part.strip() for part in parts[2::2])
    if len(choices) < 2 or not stem.strip():
        raise problem_error(context, "no options '(A) ... (B) ...' in the question", "question")
    index = value(row, "answer_index", context)
    if not isinstance(index, int) or not 0 <= index < len(choices):
        raise problem_error(context, f"{index!r} is none of the {len(choices)} options", "answer_index")
    yield Problem(
        id=text(row, "id", context),
        question=options(stem, choices),
        answer=LETTERS[index],
        kind=AnswerKind.CHOICE,
        choices=choices,
    )
