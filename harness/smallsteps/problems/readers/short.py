"""Readers of short questions with a yes, a name or a string of letters for an answer."""

from __future__ import annotations

from collections.abc import Iterable

from smallsteps.problems.model import AnswerKind, Problem, Step
from smallsteps.problems.readers.base import Context, Row, problem_error, text, value


def strategyqa(row: Row, context: Context) -> Iterable[Problem]:
    """StrategyQA: human decomposition into sub-questions (`#k` is answer k) and supporting facts.

    The source answers no sub-question: only the last answer, which is the question's own, is known.
    """
    gold = value(row, "answer", context)
    if not isinstance(gold, bool):
        raise problem_error(context, f"expected true or false, found {gold!r}", "answer")
    answer = "yes" if gold else "no"
    asked = [str(question).strip() for question in row.get("decomposition", [])]
    facts = [str(fact).strip() for fact in row.get("facts", [])]
    yield Problem(
        id=text(row, "qid", context),
        question=text(row, "question", context),
        answer=answer,
        kind=AnswerKind.BOOLEAN,
        steps=tuple(
            Step(question, "", answer if place == len(asked) else "")
            for place, question in enumerate(asked, start=1)
        ),
        rationale=" ".join(facts) or None,
        tags={"term": str(row.get("term", "")), "steps": str(len(asked))},
    )


def bamboogle(row: Row, context: Context) -> Iterable[Problem]:
    """Bamboogle: two-hop questions, each with two sub-questions and their accepted answers."""
    answer = text(row, "Answer", context)
    steps = []
    accepted: list[str] = []
    for hop in ("1", "2"):
        answers = row.get(f"A{hop}") or []
        if row.get(f"Q{hop}") and answers:
            accepted = [str(one) for one in answers]
            steps.append(Step(str(row[f"Q{hop}"]).strip(), "", accepted[0]))
    aliases = {alias.lower(): alias for alias in accepted if alias.lower() != answer.lower()}
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=text(row, "Question", context),
        answer=answer,
        kind=AnswerKind.TEXT,
        aliases=tuple(aliases.values()) if len(steps) == 2 else (),
        steps=tuple(steps),
    )


def coin_flip(row: Row, context: Context) -> Iterable[Problem]:
    """Coin flip: is the coin still heads up?"""
    answer = text(row, "answer", context).lower()
    if answer not in ("yes", "no"):
        raise problem_error(context, f"expected yes or no, found {answer!r}", "answer")
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=text(row, "question", context),
        answer=answer,
        kind=AnswerKind.BOOLEAN,
    )


def last_letters(row: Row, context: Context) -> Iterable[Problem]:
    """Last letters of the words of a name, joined."""
    yield Problem(
        id=f"{context.name}-{context.index}",
        question=text(row, "question", context),
        answer=text(row, "answer", context),
        kind=AnswerKind.TEXT,
    )
