"""Readers of questions with lettered options."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from smallsteps.problems.model import AnswerKind, Problem
from smallsteps.problems.readers.base import LETTERS, Context, Row, options, problem_error, text, value

_ASKED = re.compile(r"\s+(?=(?:What|How|Why|Which|Who|Where|When)\b[^?]*\?$)")
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
        raise problem_error(context, f"'{gold}' is not one of the labels {', '.join(labels)}", "answerKey")
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
        raise problem_error(context, f"{index!r} is not one of the {len(choices)} options", "answer_index")
    yield Problem(
        id=text(row, "id", context),
        question=options(stem, choices),
        answer=LETTERS[index],
        kind=AnswerKind.CHOICE,
        choices=choices,
    )


def multiple_choice(row: Row, context: Context) -> Iterable[Problem]:
    """`{id, question, choices, answer}` with the letter of the right option (ARC, PIQA).

    Items that ask the very same question are one cluster.
    """
    stem = text(row, "question", context)
    yield _listed(row, context, stem, _short_hash(stem.lower()))


def social_iqa(row: Row, context: Context) -> Iterable[Problem]:
    """Social IQa in the same layout: a situation and a question about it. The situation is the cluster."""
    stem = text(row, "question", context)
    yield _listed(row, context, stem, _short_hash(_ASKED.split(stem)[0].lower()))


def gap(row: Row, context: Context) -> Iterable[Problem]:
    """WinoGrande in the same layout: a sentence with the gap `_`, which one of two options fills.

    Twin sentences, which differ in a word, have the same two options and begin alike: they are one cluster.
    """
    stem = text(row, "question", context)
    if stem.count("_") != 1:
        raise problem_error(context, f"expected one gap '_', found {stem.count('_')}", "question")
    twins = [*sorted(map(str, value(row, "choices", context))), *stem.split()[:2]]
    yield _listed(row, context, stem, _short_hash("\x1f".join(twins)))


def _listed(row: Row, context: Context, stem: str, cluster: str) -> Problem:
    listed = value(row, "choices", context)
    if not isinstance(listed, list) or not 2 <= len(listed) <= len(LETTERS):
        raise problem_error(context, f"expected a list of options, found {listed!r}", "choices")
    choices = tuple(str(choice).strip() for choice in listed)
    answer = text(row, "answer", context)
    if answer not in LETTERS[: len(choices)]:
        raise problem_error(context, f"'{answer}' is not one of the {len(choices)} letters", "answer")
    return Problem(
        id=text(row, "id", context),
        question=options(stem, choices),
        answer=answer,
        kind=AnswerKind.CHOICE,
        choices=choices,
        cluster=cluster,
    )


def _short_hash(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:12]
