"""Reader of DROP: several questions on one passage, which is their cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from smallsteps.problems.model import AnswerKind, Problem
from smallsteps.problems.readers.base import Context, Row, problem_error, text, value


def drop(row: Row, context: Context) -> Iterable[Problem]:
    """DROP and its contrast set: `passage`, `qa_pairs[]` with `answer{number, date, spans}`."""
    passage_id, passage = text(row, "passage_id", context), text(row, "passage", context)
    pairs = value(row, "qa_pairs", context)
    if not isinstance(pairs, list):
        raise problem_error(context, "expected a list", "qa_pairs")
    for place, pair in enumerate(pairs):
        answers = [drop_answer(pair.get("answer") or {})]
        answers += [drop_answer(other) for other in pair.get("validated_answers") or []]
        accepted = [answer for answer in answers if answer[0]]
        if not accepted:
            raise problem_error(context, "no number, date or span", f"qa_pairs.{place}.answer")
        gold, kind = accepted[0]
        aliases = tuple(dict.fromkeys(answer for answer, _ in accepted[1:] if answer != gold))
        question = text(pair, "question", context)
        yield Problem(
            id=str(pair.get("query_id") or f"{passage_id}-{place}"),
            question=f"{passage}\n{question}",
            answer=gold,
            kind=kind,
            aliases=aliases,
            cluster=passage_id,
        )


def drop_answer(answer: dict[str, Any]) -> tuple[str, AnswerKind]:
    """The answer as text, with its kind: a number, or a span, a list of spans or a date."""
    number = str(answer.get("number") or "").strip()
    if number:
        return number, AnswerKind.NUMBER
    spans = list(_texts(answer.get("spans") or []))
    if spans:
        return ", ".join(spans), AnswerKind.SPAN
    date = answer.get("date") or {}
    return " ".join(_texts(date.get(part) for part in ("day", "month", "year"))), AnswerKind.SPAN


def _texts(values: Iterable[Any]) -> Iterator[str]:
    return (str(value).strip() for value in values if value and str(value).strip())
