"""Reader of DROP: several questions on one passage, which is their cluster."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from smallsteps.problems.model import AnswerKind, Problem
from smallsteps.problems.readers.base import Context, Row, problem_error, text, value


def drop(row: Row, context: Context) -> Iterable[Problem]:
    """DROP and its contrast set: `qa_pairs[]` on a passage, or the hub's flat rows."""
    if "answers_spans" in row:
        yield _flat(row, context)
        return
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
        spans = [drop_spans(pair.get("answer") or {}), *map(drop_spans, pair.get("validated_answers") or [])]
        yield Problem(
            id=str(pair.get("query_id") or f"{passage_id}-{place}"),
            question=f"{passage}\n{question}",
            answer=gold,
            kind=kind,
            aliases=aliases,
            cluster=passage_id,
            tags={"target": _packed(spans)},
        )


def _flat(row: Row, context: Context) -> Problem:
    """One question a row, as on the hub: `answers_spans{spans, types}` lists the accepted answers.

    That layout does not distinguish a list of spans from alternatives; the publisher's own file does.
    """
    accepted = list(dict.fromkeys(_texts(row["answers_spans"].get("spans") or [])))
    if not accepted:
        raise problem_error(context, "no accepted answer", "answers_spans.spans")
    types = row["answers_spans"].get("types") or [""]
    return Problem(
        id=text(row, "query_id", context),
        question=f"{text(row, 'passage', context)}\n{text(row, 'question', context)}",
        answer=accepted[0],
        kind=AnswerKind.NUMBER if types[0] == "number" else AnswerKind.SPAN,
        aliases=tuple(accepted[1:]),
        cluster=text(row, "section_id", context),
        tags={"target": _packed([answer] for answer in accepted)},
    )


def drop_answer(answer: dict[str, Any]) -> tuple[str, AnswerKind]:
    """The answer as text, with its kind: a number, or a span, a list of spans or a date."""
    number = str(answer.get("number") or "").strip()
    return ", ".join(drop_spans(answer)), AnswerKind.NUMBER if number else AnswerKind.SPAN


def drop_spans(answer: dict[str, Any]) -> list[str]:
    """The answer as the publisher's list: the number, the spans, or the date; empty when it has none."""
    number = str(answer.get("number") or "").strip()
    spans = [number] if number else list(_texts(answer.get("spans") or []))
    date = answer.get("date") or {}
    return spans or list(filter(None, [" ".join(_texts(date.get(p) for p in ("day", "month", "year")))]))


def _packed(accepted: Iterable[list[str]]) -> str:
    """All accepted answers, each a list of spans, as the metric of DROP reads them."""
    return json.dumps([spans for spans in accepted if spans], ensure_ascii=False)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    return (str(value).strip() for value in values if value and str(value).strip())
