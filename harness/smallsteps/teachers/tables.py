"""Layouts of files with one record per answer, recognised by the names of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from smallsteps.teachers.imported import Imported, Records
from smallsteps.teachers.model import Status

Layout = Callable[[Records], Iterator[Imported]]


@dataclass(frozen=True, slots=True)
class Table:
    """Where a layout keeps what.

    Attributes:
        text: field of the completion, a string or a list of samples.
        question: fields that make the question, joined by a space; none when the file does not repeat it.
        gold: field of the gold answer.
        row: fields that name the problem; none: the line number.
        apart: fields that tell several answers to one problem apart (method, model).
        stated: field of the answer that the source extracted.
        partial: whether there may be records of another kind; they are kept as failed samples.
    """

    text: str
    question: tuple[str, ...] = ()
    gold: str | None = None
    row: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    stated: str | None = None
    partial: bool = False

    def marks(self) -> set[str]:
        """Fields that must be there."""
        gold = {self.gold} if self.gold else set()
        return {self.text, *self.question[-1:], *gold, *self.row, *self.apart}

    def read(self, records: Records) -> Iterator[Imported]:
        """All samples of a file.

        Raises:
            UserError: a record lacks a field.
        """
        seen: dict[str, int] = {}
        for number, row in records:
            missing = self.marks() - row.keys()
            if missing and self.partial:
                error = f"the record has no '{min(missing)}'"
                yield Imported(str(number), "", "", 0, status=Status.ERROR, error=error, extra=row)
                continue
            if missing:
                records.need(row, min(missing))  # raises
            parts = [str(row[name]).strip() for name in self.question if row.get(name)]
            question = " ".join(parts)
            name = "/".join(str(row[field]) for field in self.row) or str(number)
            value = row[self.text]
            for text in value if isinstance(value, list) else [value]:
                mark = question or name
                index = seen.get(mark, 0)
                seen[mark] = index + 1
                extra = {key: other for key, other in row.items() if key != self.text}
                if self.stated and row.get(self.stated) is not None:
                    extra["stated_answer"] = str(row[self.stated])
                gold = str(row[self.gold]) if self.gold and row[self.gold] is not None else None
                said = "" if text is None else str(text)
                yield Imported(name, question, said, index, gold, extra=extra)


TABLES: dict[str, Table] = {
    "programs": Table("generated", ("passage", "question"), "answer"),
    "rationale_options": Table("rationale", ("question",), "answer", stated="generated_prediction"),
    "responses": Table("response", gold="gold", row=("id",)),
    "completions": Table("completion", ("question",), "gold", row=("order",), apart=("method",)),
    "predictions": Table("prediction", ("input",), "target", row=("task", "index")),
    "returned": Table(
        "returned", ("question",), "answer", row=("index",), apart=("model", "method"), partial=True
    ),
    "dialogues": Table("answers", ("problem",), "answer"),
    "dialogue_responses": Table("answers", gold="gold", row=("index",), apart=("questioner", "answerer")),
    "sub_questions": Table("answers", ("question",), "true_answer"),
}


def _asked_first(read: Layout) -> Layout:
    """Sub-questions and their answers as one dialogue (`Q1: ...`, `A1: ...` alternately)."""

    def layout(records: Records) -> Iterator[Imported]:
        for item in read(records):
            asked = item.extra.get("questions")
            lines = asked if isinstance(asked, str) else "\n".join(map(str, asked or ()))
            yield Imported(
                item.row, item.question, alternate(lines, item.text), item.sample, item.gold,
                extra={**item.extra, "answers": item.text},
            )  # fmt: skip

    return layout


def alternate(questions: str, answers: str) -> str:
    """Numbered questions and answers in turn; lines without a number come last."""
    asked = _numbered(questions, "Q")
    replied = _numbered(answers, "A")
    lines = []
    for number, question in asked.items():
        lines.append(f"Q{number}: {question}")
        if number in replied:
            lines.append(f"A{number}: {replied[number]}")
    rest = [line for line in answers.split("\n") if line.strip() and not line.startswith("A")]
    return "\n".join([*lines, *rest])


def _numbered(text: str, letter: str) -> dict[str, str]:
    found = {}
    for line in text.split("\n"):
        head, colon, rest = line.partition(":")
        if colon and head.startswith(letter) and head[1:].strip().isdigit():
            found[head[1:].strip()] = rest.strip().removeprefix(f"{head}:").strip()
    return found


def _sub_questions(records: Records) -> Iterator[Imported]:
    """One sample per problem: its sub-questions, one a line."""
    for number, row in records:
        text = "\n".join(f"Q{i}: {q}" for i, q in enumerate(row.get("answers", ()), start=1))
        gold = row.get("true_answer")
        yield Imported(
            str(number), str(row.get("question", "")), text, 0, None if gold is None else str(gold),
            extra=dict(row),
        )  # fmt: skip


def table_layouts() -> dict[str, Layout]:
    """All layouts of this module."""
    found: dict[str, Layout] = {n: t.read for n, t in TABLES.items()}
    for name in ("dialogues", "dialogue_responses"):
        found[name] = _asked_first(found[name])
    found["sub_questions"] = _sub_questions
    return found


def table_of(row: dict[str, Any]) -> str | None:
    """The layout whose fields a record has; of several, the one with the most fields."""
    fitting = [name for name, table in TABLES.items() if table.marks() <= row.keys()]
    return max(fitting, key=lambda name: (len(TABLES[name].marks()), name)) if fitting else None
