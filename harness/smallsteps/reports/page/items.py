"""Every graded item with all its responses, in compressed blocks that a page opens on demand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smallsteps.outcomes import OutcomeTable

# Longest text, in characters; where the blocks of a page exceed MOST_BYTES, the next limit is tried.
TEXT_LIMITS = (20_000, 2_000, 400, 200, 80)
MOST_BYTES = 24_000_000

_FIELDS = ("student", "seed", "task", "item", "sample", "score", "status", "extracted", "gold")


@dataclass(frozen=True, slots=True)
class Sample:
    """The texts of one item, as one student answered it.

    Attributes:
        question: of the item.
        responses: one for each sample.
        plan: gold sub-questions; empty where there are none.
        turns: of each response, sub-questions with their replies; empty without a dialogue.
    """

    question: str
    responses: tuple[str, ...]
    plan: tuple[str, ...] = ()
    turns: tuple[tuple[tuple[str, str], ...], ...] = ()


SampleSource = Callable[[str, int | None, str, str], Sample | None]  # of (student, seed, task, item)


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """Tasks that are listed together; `title` is what readers see."""

    name: str
    title: str
    tasks: tuple[str, ...]


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
    """All blocks of a page, the students in the order of its tables, and the longest text that is held."""

    students: tuple[tuple[str, str], ...]  # name, title
    blocks: tuple[Block, ...]
    text_limit: int

    @property
    def size(self) -> int:
        """Size of all blocks in bytes."""
        return sum(len(block.data) for block in self.blocks)


def collect_items(
    table: OutcomeTable,
    students: Sequence[tuple[str, str]],
    columns: Sequence[ItemColumn],
    samples: SampleSource | None,
) -> Items:
    """Pack every outcome; a page that grows too large gets shorter texts, never fewer items.

    Args:
        table: the outcomes.
        students: names and titles, in the order of the page's tables; others are left out.
        columns: tasks; others are left out.
        samples: texts of an outcome; None packs the extracted answers alone.
    """
    gathered = _gathered(table, students, columns, samples)
    longest = _longest(gathered)
    for limit in (TEXT_LIMITS[0], *(limit for limit in TEXT_LIMITS[1:] if limit < longest)):
        blocks = tuple(_block(column, gathered[column.name], limit) for column in columns)
        items = Items(tuple(students), blocks, limit)
        if items.size <= MOST_BYTES:
            break
    return items


@dataclass(slots=True)
class _Gathered:
    """One item on its way into a block; of each answer its values, cut text, length of that and turns."""

    gold: str | None
    question: str | None = None
    plan: tuple[str, ...] = ()
    answers: list[tuple[list[Any], str | None, int, Sequence[tuple[str, str]]]] = field(default_factory=list)


def _gathered(
    table: OutcomeTable,
    students: Sequence[tuple[str, str]],
    columns: Sequence[ItemColumn],
    samples: SampleSource | None,
) -> dict[str, dict[tuple[str, str], _Gathered]]:
    """Items by column; every text is read once, whatever limit it is cut to later."""
    place = {name: index for index, (name, _) in enumerate(students)}
    column_of = {task: column.name for column in columns for task in column.tasks}
    held, longest = table.columns, TEXT_LIMITS[0]
    found: dict[str, dict[tuple[str, str], _Gathered]] = {column.name: {} for column in columns}
    # rows of one run follow each other, so its texts are read once
    for student, seed, task, item, sample, score, status, extracted, gold in zip(
        *(held[name] for name in _FIELDS), strict=True
    ):
        if student not in place or task not in column_of:
            continue
        one = found[column_of[task]].setdefault((task, item), _Gathered(gold))
        texts = None if samples is None else samples(student, seed, task, item)
        if texts is not None:
            one.question, one.plan = one.question or texts.question, one.plan or texts.plan
        response, turns = _response(texts, sample or 0)
        plain = [place[student], seed, sample or 0, score, str(status), extracted]
        length = 0 if response is None else len(response)
        one.answers.append((plain, None if response is None else response[:longest], length, turns))
    for items in found.values():
        for one in items.values():
            one.answers.sort(key=lambda a: (a[0][0], a[0][1] is not None, a[0][1] or 0, a[0][2]))
    return found


def _longest(gathered: dict[str, dict[tuple[str, str], _Gathered]]) -> int:
    """Characters of the longest text: a limit above it cuts nothing."""
    lengths = [0]
    for one in (one for items in gathered.values() for one in items.values()):
        lengths += [len(one.question or ""), *map(len, one.plan)]
        for _, _, length, turns in one.answers:
            lengths += [length, *(len(text) for turn in turns for text in turn)]
    return max(lengths)


def _block(column: ItemColumn, items: dict[tuple[str, str], _Gathered], limit: int) -> Block:
    packed, responses = [], 0
    for (task, item), one in sorted(items.items()):
        responses += len(one.answers)
        answers = [
            [
                *plain,
                None if response is None else clip(response, limit, length),
                [[clip(asked, limit), clip(reply, limit)] for asked, reply in turns],
            ]
            for plain, response, length, turns in one.answers
        ]
        plan = [clip(asked, limit) for asked in one.plan]
        question = None if one.question is None else clip(one.question, limit)
        packed.append([task, item, question, one.gold, plan, answers])
    text = json.dumps(packed, ensure_ascii=True, separators=(",", ":"))
    return Block(column.name, column.title, len(packed), responses, gzip.compress(text.encode(), 9, mtime=0))


def _response(texts: Sample | None, sample: int) -> tuple[str | None, Sequence[tuple[str, str]]]:
    if texts is None or sample >= len(texts.responses):
        return None, ()
    return texts.responses[sample], texts.turns[sample] if sample < len(texts.turns) else ()


def clip(text: str, limit: int, length: int | None = None) -> str:
    """At most so many characters, saying how many of `length` (of the text unless given) were left out."""
    length = len(text) if length is None else length
    return text if length <= limit else f"{text[:limit]} … ({length - limit:,} more characters)"
