"""Every graded item of a study with all responses, in compressed blocks that the page opens on demand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from smallsteps.reports.study.inputs import ReportInput, Sample
from smallsteps.reports.study.runs import Column, Runs

# Longest text, in characters; where a study's blocks exceed MOST_BYTES, the next limit is tried.
TEXT_LIMITS = (20_000, 2_000, 400, 80)
MOST_BYTES = 24_000_000

_FIELDS = ("student", "seed", "task", "item", "sample", "score", "status", "extracted", "gold")


@dataclass(frozen=True, slots=True)
class Block:
    """The items of one column.

    Attributes:
        column: its name; title: what readers see.
        items: how many items there are.
        responses: how many responses to them.
        data: gzip of the JSON that `items.js` reads: `[task, item, question, gold, plan, answers]` for each
            item, an answer being `[student, seed, sample, score, status, extracted, response, turns]` with
            the student's place in the table and turns of `[sub-question, reply]`.
    """

    column: str
    title: str
    items: int
    responses: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Items:
    """All blocks of a study, and the longest response text that they hold."""

    blocks: tuple[Block, ...]
    text_limit: int

    @property
    def size(self) -> int:
        """Bytes of all blocks."""
        return sum(len(block.data) for block in self.blocks)


def collect_items(runs: Runs, report_input: ReportInput) -> Items:
    """Pack every outcome of the study; only the length of texts gives way to size, never an item."""
    for limit in TEXT_LIMITS:
        items = Items(tuple(_blocks(runs, report_input, limit)), limit)
        if items.size <= MOST_BYTES:
            break
    return items


@dataclass(slots=True)
class _Gathered:
    """One item on its way into a block."""

    gold: str | None
    question: str | None = None
    plan: tuple[str, ...] = ()
    answers: list[list[Any]] = field(default_factory=list)


def _blocks(runs: Runs, report_input: ReportInput, limit: int) -> list[Block]:
    place = {student.name: index for index, student in enumerate(report_input.students)}
    columns = {task.name: column for column in runs.columns for task in column.tasks}
    held = runs.table.columns
    found: dict[str, dict[tuple[str, str], _Gathered]] = {column.name: {} for column in runs.columns}
    # rows of one run follow each other, so its texts are read once
    for student, seed, task, item, sample, score, status, extracted, gold in zip(
        *(held[name] for name in _FIELDS), strict=True
    ):
        if student not in place or task not in columns:
            continue
        one = found[columns[task].name].setdefault((task, item), _Gathered(gold))
        texts = None if report_input.samples is None else report_input.samples(student, seed, task, item)
        if texts is not None:
            one.question, one.plan = one.question or texts.question, one.plan or texts.plan
        response, turns = _response(texts, sample or 0, limit)
        one.answers.append(
            [place[student], seed, sample or 0, score, str(status), extracted, response, turns]
        )
    return [_block(column, found[column.name], limit) for column in runs.columns]


def _block(column: Column, items: dict[tuple[str, str], _Gathered], limit: int) -> Block:
    packed, responses = [], 0
    for (task, item), one in sorted(items.items()):
        one.answers.sort(key=lambda a: (a[0], a[1] is not None, a[1] or 0, a[2]))
        responses += len(one.answers)
        plan = [_cut(asked, limit) for asked in one.plan]
        packed.append([task, item, _cut(one.question, limit), one.gold, plan, one.answers])
    text = json.dumps(packed, ensure_ascii=True, separators=(",", ":"))
    return Block(column.name, column.title, len(packed), responses, gzip.compress(text.encode(), 9, mtime=0))


def _response(texts: Sample | None, sample: int, limit: int) -> tuple[str | None, list[list[str | None]]]:
    if texts is None or sample >= len(texts.responses):
        return None, []
    turns: Sequence[tuple[str, str]] = texts.turns[sample] if sample < len(texts.turns) else ()
    return (
        _cut(texts.responses[sample], limit),
        [[_cut(asked, limit), _cut(reply, limit)] for asked, reply in turns],
    )


def _cut(text: str | None, limit: int) -> str | None:
    if text is None or len(text) <= limit:
        return text
    return f"{text[:limit]} … ({len(text) - limit:,} more characters)"
