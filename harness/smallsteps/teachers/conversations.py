"""Layouts of chat and reasoning corpora: messages, ShareGPT, s1, OpenThoughts, worked answers, seq2seq pairs.

Thoughts that a file keeps apart from the answer, or marks inside it, stay apart: the text of a sample is the
answer, `Imported.thoughts` is what came before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smallsteps.answers.thoughts import parted
from smallsteps.teachers.imported import Imported, Records, rest
from smallsteps.teachers.model import Status
from smallsteps.teachers.tables import Layout

_USERS = {"user", "human"}
_MODELS = {"assistant", "gpt", "model", "chatgpt", "bot"}
# thoughts and answers of the s1 corpora, by model
_S1 = (
    ("thinking_trajectories", "attempt"),
    ("deepseek_thinking_trajectory", "deepseek_attempt"),
    ("gemini_thinking_trajectory", "gemini_attempt"),
)


def _answer(row: str, question: str, text: str, sample: int, gold: str | None, **more: Any) -> Imported:
    thoughts, said, ends = parted(text)
    stated = str(more.pop("thoughts", "") or "")
    joined = "\n".join(part for part in (stated.strip(), thoughts) if part)
    status = Status.OK if ends else Status.LENGTH
    error = "" if ends else "the thoughts never end: there is no answer"
    return Imported(row, question, said, sample, gold, status=status, error=error, thoughts=joined, **more)


def _turns(
    records: Records, row: dict[str, Any], field: str, role: str, content: str
) -> list[dict[str, Any]]:
    turns = records.need(row, field)
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise records.error(f"field '{field}' is not a list of turns", "is the format right?")
    for turn in turns:
        if role not in turn or content not in turn:
            raise records.error(f"a turn of '{field}' has no '{role}' or no '{content}'")
    return turns


def _plain_text(content: Any) -> str:
    """The text of a turn; OpenAI's content may be a list of parts."""
    if isinstance(content, list):
        parts = [part.get("text") if isinstance(part, dict) else part for part in content]
        return "\n".join(str(part) for part in parts if part is not None)
    return "" if content is None else str(content)


def _conversation(field: str, role: str, content: str) -> Layout:
    """Every turn of the model is a sample for the user's turn before it."""

    def layout(records: Records) -> Iterator[Imported]:
        seen: dict[str, int] = {}
        for number, row in records:
            asked = ""
            name = str(row.get("id", number))
            gold = row.get("answer", row.get("ground_truth"))
            for place, turn in enumerate(_turns(records, row, field, role, content)):
                who = str(turn[role]).lower()
                if who in _USERS:
                    asked = _plain_text(turn[content])
                elif who in _MODELS and asked:
                    sample = seen.get(asked, 0)
                    seen[asked] = sample + 1
                    yield _answer(
                        name,
                        asked,
                        _plain_text(turn[content]),
                        sample,
                        None if gold is None else str(gold),
                        thoughts=turn.get("reasoning_content") or turn.get("reasoning"),
                        extra={**rest(row, field), "turn": place, **_system(row[field], role, content)},
                    )

    return layout


def _system(turns: list[dict[str, Any]], role: str, content: str) -> dict[str, str]:
    found = [
        _plain_text(turn[content]) for turn in turns if str(turn[role]).lower() in ("system", "developer")
    ]
    return {"system": "\n".join(found)} if found else {}


def _s1(records: Records) -> Iterator[Imported]:
    """s1K: {question, solution, thinking_trajectories, attempt}; s1K-1.1 has one pair a model."""
    for number, row in records:
        question = records.text(row, "question")
        gold = str(row["solution"]) if row.get("solution") is not None else None
        pairs = [(thoughts, attempt) for thoughts, attempt in _S1 if row.get(attempt) is not None]
        if not pairs:
            records.need(row, _S1[0][1])
        for sample, (thoughts, attempt) in enumerate(pairs):
            extra = {**rest(row, "question", *(name for pair in _S1 for name in pair)), "field": attempt}
            thought = _joined(row.get(thoughts))
            yield _answer(
                str(number), question, _joined(row[attempt]), sample, gold, thoughts=thought, extra=extra
            )


def _joined(value: Any) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _open_thoughts(records: Records) -> Iterator[Imported]:
    """OpenThoughts (metadata): {problem, deepseek_reasoning, deepseek_solution, ground_truth_solution}."""
    for number, row in records:
        gold = row.get("ground_truth_solution")
        yield _answer(
            str(number),
            records.text(row, "problem"),
            records.text(row, "deepseek_solution"),
            0,
            None if gold is None else str(gold),
            thoughts=records.need(row, "deepseek_reasoning"),
            extra=rest(row, "problem", "deepseek_solution", "deepseek_reasoning"),
        )


def _source_target(records: Records) -> Iterator[Imported]:
    """{source, target}: what a sequence-to-sequence student reads and writes."""
    seen: dict[str, int] = {}
    for number, row in records:
        source = records.text(row, "source")
        sample = seen.get(source, 0)
        seen[source] = sample + 1
        extra = rest(row, "source", "target")
        yield _answer(
            str(row.get("id", number)), source, records.text(row, "target"), sample, None, extra=extra
        )


def _worked_answers(records: Records) -> Iterator[Imported]:
    """{question, answer} with the final answer behind `####`, as in GSM8K."""
    seen: dict[str, int] = {}
    for number, row in records:
        question, text = records.text(row, "question"), records.text(row, "answer")
        sample = seen.get(question, 0)
        seen[question] = sample + 1
        _, mark, gold = text.rpartition("####")
        extra = rest(row, "question", "answer")
        name = str(row.get("id", number))
        yield _answer(name, question, text, sample, gold.strip() if mark else None, extra=extra)


CONVERSATIONS: dict[str, Layout] = {
    "messages": _conversation("messages", "role", "content"),
    "conversations": _conversation("conversations", "role", "content"),
    "sharegpt": _conversation("conversations", "from", "value"),
    "s1": _s1,
    "open_thoughts": _open_thoughts,
    "source_target": _source_target,
    "worked_answers": _worked_answers,
}


def conversation_layout(row: dict[str, Any]) -> str | None:
    """The layout of this module that a record has; None when it is none of them."""
    if isinstance(row.get("messages"), list):
        return "messages"
    if isinstance(row.get("conversations"), list):
        turns = row["conversations"]
        roles = bool(turns) and isinstance(turns[0], dict) and "role" in turns[0]
        return "conversations" if roles else "sharegpt"
    if "question" in row and any(attempt in row for _, attempt in _S1):
        return "s1"
    if {"problem", "deepseek_reasoning", "deepseek_solution"} <= row.keys():
        return "open_thoughts"
    if {"source", "target"} <= row.keys():
        return "source_target"
    if "question" in row and isinstance(row.get("answer"), str) and "####" in row["answer"]:
        return "worked_answers"
    return None
