"""Reference rows: outputs that somebody published, re-scored from their files; the texts are not kept."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError
from smallsteps.files import escaped, read_jsonl
from smallsteps.integrity import digest_of
from smallsteps.leaderboard.answers import Answer
from smallsteps.leaderboard.entry import Entry, EntryFile, Published
from smallsteps.leaderboard.items import Items
from smallsteps.leaderboard.regrading import first_lie, regrade
from smallsteps.problems import data_directory


def score_published(source: Published, docs: Mapping[str, Any], data: Path | None) -> list[Answer]:
    """Scores of published outputs by our scorer, without their texts.

    Raises:
        UserError: the file is not there, is another one, or lacks an item.
    """
    path = _file(source, data)
    answers = list(_matched(source, docs, path))
    answers.sort(key=lambda answer: (answer.item, answer.sample))
    outcomes = regrade(source.task, answers, docs)
    return [
        replace(answer, score=outcome.score, status=str(outcome.status), response=None)
        for answer, outcome in zip(answers, outcomes, strict=True)
    ]


def rescore_published(
    entry: Entry, task: str, rows: Sequence[Answer], docs: Mapping[str, Any], data: Path | None
) -> str:
    """Compare the scores of a reference with those of its published outputs; how they were checked.

    Raises:
        UserError: a score differs, or an output that is not scored.
    """
    sources = [source for source in entry.file.published if source.task == task]
    if not sources:
        raise UserError(f"no published source for '{task}'", where=str(entry.folder), code=DATA)
    found: list[Answer] = []
    for source in sources:
        try:
            found += score_published(source, docs, data)
        except UserError as error:
            if error.code == NO_INPUT:
                return "not recomputed"
            raise
    found.sort(key=lambda answer: (answer.item, answer.sample))
    claimed = sorted(rows, key=lambda row: (row.item, row.sample))
    if [row.item for row in claimed] != [row.item for row in found]:
        extra = sorted({row.item for row in claimed} ^ {row.item for row in found})
        raise UserError(
            f"item '{extra[0] if extra else '?'}' of {task} is not scored as published",
            where=str(entry.folder),
            code=DATA,
        )
    lie = first_lie(claimed, [_as_outcome(row) for row in found])
    if lie is not None:
        raise UserError(lie, where=str(entry.folder), fix="score the published file again", code=DATA)
    return "from published outputs"


def _as_outcome(answer: Answer) -> Any:
    from smallsteps.outcomes import Outcome, Status

    return Outcome("", answer.task, answer.item, answer.score, status=Status(answer.status))


def pack_published(file: EntryFile, items: Items) -> list[Answer]:
    """All scores of a reference.

    Raises:
        UserError: a source or the items of its task are not there.
    """
    answers: list[Answer] = []
    for source in file.published:
        docs = items.documents(source.task)
        if docs is None:
            raise UserError(f"no items of '{source.task}': {items.why_not(source.task)}", code=NO_INPUT)
        answers += score_published(source, docs, items.data)
    return answers


def _file(source: Published, data: Path | None) -> Path:
    directory = data_directory(data)
    path = directory / source.file if directory else None
    if path is None or not path.is_file():
        raise UserError(
            f"the published outputs {source.file} are not in the data directory",
            fix=f"they are {source.path} of {source.repository} at {source.commit}",
            code=NO_INPUT,
        )
    if digest_of(path) != source.sha256:
        raise UserError("not the file that the entry names (other sha256)", where=str(path), code=DATA)
    return path


def _matched(source: Published, docs: Mapping[str, Any], path: Path) -> Iterator[Answer]:
    by_id = {doc["id"]: key for key, doc in docs.items()}
    by_question = {doc["question"].strip(): key for key, doc in docs.items()}
    fields = [name for _, name, _, _ in string.Formatter().parse(source.id or "") if name]
    for number, row in read_jsonl(path):
        if any(str(_value(row, key)) != wanted for key, wanted in source.where.items()):
            continue
        where = f"{path}:{number}"
        response = _value(row, source.response)
        if source.id is not None:
            name = source.id.format(**{field: row.get(field) for field in fields})
            item = by_id.get(name)
        else:
            name = str(_value(row, source.question))
            item = by_question.get(name.strip())
        if item is None:
            raise UserError(f"'{name[:80]}' is not an item of {source.task}", where=where, code=DATA)
        cluster = docs[item]["cluster"]
        yield Answer(
            source.task, item, 0, None, 0.0, "ok", None if cluster == item else cluster,
            response=escaped(str(response or "")),
        )  # fmt: skip


def _value(row: Mapping[str, Any], key: str) -> Any:
    found: Any = row
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
