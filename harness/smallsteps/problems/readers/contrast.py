"""Readers of contrast sets: an original and its small changes are one cluster."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from smallsteps.problems.model import AnswerKind, Problem
from smallsteps.problems.readers.base import Context, Row, options, problem_error, text, value

_SENTIMENTS = ("Positive", "Negative")


def imdb_contrast(row: Row, context: Context) -> Iterable[Problem]:
    """IMDb reviews: row i of the original file and row i of the contrast file are a pair."""
    sentiment = text(row, "Sentiment", context)
    if sentiment not in _SENTIMENTS:
        raise problem_error(context, f"expected Positive or Negative, found {sentiment!r}", "Sentiment")
    review = (
        re.sub(r"(\s*<br\s*/?>\s*)+", " ", text(row, "Text", context)).strip().strip('"').replace('""', '"')
    )
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=options(f"{review.strip()}\nIs this review positive or negative?", _SENTIMENTS),
        answer="AB"[_SENTIMENTS.index(sentiment)],
        kind=AnswerKind.CHOICE,
        choices=_SENTIMENTS,
        cluster=f"pair-{context.index}",
        tags={"set": "contrast" if "contrast" in context.name else "original"},
    )


def boolq_contrast(row: Row, context: Context) -> Iterator[Problem]:
    """BoolQ: one paragraph, its original question and the perturbed ones.

    Five perturbed questions of the source have no answer, and a few repeat the original: both are left out.
    """
    paragraph, asked = text(row, "paragraph", context), text(row, "question", context)
    seen: set[str] = set()
    for place, pair in enumerate([row, *value(row, "perturbed_questions", context)]):
        question = asked if place == 0 else str(pair.get("perturbed_q", "")).strip()
        gold = str(value(pair, "answer", context)).strip().upper()
        if place == 0 and gold not in ("TRUE", "FALSE"):
            raise problem_error(context, f"expected TRUE or FALSE, found {gold!r}", "answer")
        if gold not in ("TRUE", "FALSE") or not question or question.lower() in seen:
            continue
        seen.add(question.lower())
        yield Problem(
            id=f"{context.name}-{context.index}-{place}",
            question=f"{paragraph}\n{question.rstrip('?')}?",
            answer="yes" if gold == "TRUE" else "no",
            kind=AnswerKind.BOOLEAN,
            cluster=f"paragraph-{context.index}",
            tags={"set": "contrast" if place else "original"},
        )
