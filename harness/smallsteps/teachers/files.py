"""A teacher that has already spoken: rationales in a file, matched to problems by id or question text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from smallsteps.errors import NO_INPUT, UserError, unknown_name
from smallsteps.files import sha256_file
from smallsteps.problems import AnswerKind, Problem
from smallsteps.problems.loading import normalised
from smallsteps.teachers.imported import Imported
from smallsteps.teachers.layouts import LAYOUTS, sniff
from smallsteps.teachers.model import Emit, Request, Sample, Sampling, Status, answered, sample_key

_BATCH = 1000
_POSITIONAL = (
    "codex_logprobs",
    "step_by_step",
)  # their records name a row of the training split, nothing else


def resolve_layout(path: Path, layout: str | None) -> str:
    """The layout to read a file with.

    Raises:
        UserError: no such file, no such layout, or none recognised.
    """
    if not path.exists():
        raise UserError("no such file", where=str(path), code=NO_INPUT)
    if layout is not None and layout not in LAYOUTS:
        raise unknown_name("format", layout, LAYOUTS, where=str(path))
    found = layout or sniff(path)
    if found is None:
        raise UserError(
            "none of the known formats of rationale files fits its first record",
            where=str(path),
            fix=f"name one with 'format': {', '.join(sorted(LAYOUTS))}",
        )
    return found


def read_rationales(path: Path, layout: str | None = None) -> Iterator[Imported]:
    """All samples of a file, in its order."""
    return LAYOUTS[resolve_layout(path, layout)](path)


class FileTeacher:
    """Answers requests from a file; what the file lacks stays unanswered."""

    paid = False

    def __init__(self, path: Path, layout: str | None = None) -> None:
        self.path = path
        self.layout = resolve_layout(path, layout)
        self.name = f"file:{self.layout}:{sha256_file(path)[:16]}"
        self._by_question: dict[str, list[Imported]] = defaultdict(list)
        self._by_row: dict[str, list[Imported]] = defaultdict(list)
        for item in LAYOUTS[self.layout](path):
            if item.question:
                self._by_question[normalised(item.question)].append(item)
            else:
                self._by_row[item.row].append(item)

    def found(self, problem: Problem) -> list[Imported]:
        """The file's samples for a problem.

        By question text where the file has it, else by id; in layouts that go by position, by the number at
        the end of the id.
        """
        number = re.search(r"(\d+)\Z", problem.id) if self.layout in _POSITIONAL else None
        return (
            self._by_question.get(normalised(problem.question))
            or self._by_row.get(problem.id)
            or (self._by_row.get(str(int(number[1]))) if number else None)
            or []
        )

    def answer(self, requests: Sequence[Request], emit: Emit) -> None:
        """Emit the file's i-th sample of a problem for sample index i."""
        batch: list[Sample] = []
        for request in requests:
            items = self.found(request.problem)
            if request.sample >= len(items):
                continue
            batch.append(_sample(request, self.name, items[request.sample]))
            if len(batch) == _BATCH:
                emit(batch)
                batch = []
        emit(batch)


def import_file(path: Path, layout: str | None, emit: Emit) -> int:
    """Store every sample of a file, whether or not it belongs to a known problem; returns their number.

    Keys are made from the file's hash, the question (or row id) and the sample's index.
    """
    layout = resolve_layout(path, layout)
    teacher = f"file:{layout}:{sha256_file(path)[:16]}"
    sampling = Sampling()
    count = 0
    seen: dict[str, int] = defaultdict(int)
    batch: list[Sample] = []
    for item in LAYOUTS[layout](path):
        prompt = item.question or f"row {item.row}"
        # two records with one question are two lots of samples: number them on
        index = seen[prompt]
        seen[prompt] += 1
        key = sample_key(teacher, prompt, sampling.canonical(), index)
        problem = Problem(item.row, prompt, item.gold or "", AnswerKind.TEXT)
        batch.append(_sample(Request(key, problem, prompt, sampling, index), teacher, item))
        count += 1
        if len(batch) == _BATCH:
            emit(batch)
            batch = []
    emit(batch)
    return count


def _sample(request: Request, teacher: str, item: Imported) -> Sample:
    extra = dict(item.extra)
    if item.gold is not None:
        extra.setdefault("gold", item.gold)
    return answered(
        request,
        teacher,
        item.text,
        item.status if item.text or item.status is not Status.OK else Status.ERROR,
        prompt_tokens=item.prompt_tokens,
        completion_tokens=item.completion_tokens,
        tokens=item.tokens,
        error=item.error or ("" if item.text else "the file has an empty text"),
        extra=extra,
    )
