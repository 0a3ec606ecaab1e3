"""Rationales from a file: imported as they are, or matched to problems by question text or id."""

from __future__ import annotations

import difflib
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError, unknown_name
from smallsteps.files import escaped, sha256_file
from smallsteps.problems import AnswerKind, Problem
from smallsteps.problems.loading import normalised
from smallsteps.teachers.imported import Imported
from smallsteps.teachers.layouts import LAYOUTS, read_layout, sniff
from smallsteps.teachers.model import Emit, Request, Sample, Sampling, Status, answered, sample_key

_BATCH = 1000
_TRIED, _COMPARED, _LONGEST = 20, 2000, 300  # bounds of the search for the nearest question
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
    return read_layout(resolve_layout(path, layout), path)


class FileTeacher:
    """Answers requests from a file; what the file lacks stays unanswered.

    Attributes:
        notices: what to tell the user about the file.
    """

    paid = False

    def __init__(self, path: Path, layout: str | None = None) -> None:
        self.path = path
        self.layout = resolve_layout(path, layout)
        self.name = f"file:{self.layout}:{sha256_file(path)[:16]}"
        self.notices: list[str] = []
        self._by_question: dict[str, list[Imported]] = defaultdict(list)
        self._by_row: dict[str, list[Imported]] = defaultdict(list)
        for item in read_layout(self.layout, path):
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

    def check_matches(self, problems: Sequence[Problem], source: str) -> None:
        """Look for the file's samples of these problems before any is stored.

        Args:
            problems: the problems of a corpus.
            source: where they come from, such as "svamp train".

        Raises:
            UserError: the file has no sample for any of them; the error shows the nearest question.
        """
        matched = sum(bool(self.found(problem)) for problem in problems)
        if not problems or matched == len(problems):
            return
        if matched:
            share = f"{matched} of {len(problems)} problems of {source}"
            self.notices.append(f"{self.path}: has rationales for {share}")
            return
        kind = "questions" if self._by_question else "ids"
        held = {
            name: items[0].question or name for name, items in (self._by_question or self._by_row).items()
        }
        message = f"none of {len(held)} {kind} matches {source}"
        raise UserError(message, where=str(self.path), fix=_nearest(held, problems), code=DATA)

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


def _nearest(questions: Mapping[str, str], problems: Sequence[Problem]) -> str:
    """The most similar pair of a file's first questions (normalised -> as written) and the first problems."""
    known = {normalised(problem.question): problem for problem in problems[:_COMPARED]}
    best, pair = 0.0, None
    for question in list(questions)[:_TRIED]:
        matcher = difflib.SequenceMatcher(None, "", question[:_LONGEST], autojunk=False)
        for other, problem in known.items():
            matcher.set_seq1(other[:_LONGEST])
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
                best, pair = matcher.ratio(), (question, problem)
    if pair is None:
        return "the file needs the same questions, or the ids of the problems"
    return f"nearest: '{_cut(questions[pair[0]])}' in the file, '{_cut(pair[1].question)}' ({pair[1].id})"


def _cut(text: str) -> str:
    line = " ".join(escaped(text).split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def import_file(path: Path, layout: str | None, emit: Emit) -> int:
    """Store every sample of a file, whether or not it belongs to a known problem; returns their number.

    Keys are made from the file's hash, the question (or row id) and the sample's index. Nothing is stored
    before a sample with a text was found.

    Raises:
        UserError: no sample of the file has a text, or a record does not have the layout.
    """
    layout = resolve_layout(path, layout)
    teacher = f"file:{layout}:{sha256_file(path)[:16]}"
    sampling = Sampling()
    count = 0
    any_text = False
    reason = ""
    seen: dict[str, int] = defaultdict(int)
    batch: list[Sample] = []
    for item in read_layout(layout, path):
        prompt = escaped(item.question or f"row {item.row}")
        # records that repeat a question hold further samples of it
        index = seen[prompt]
        seen[prompt] += 1
        key = sample_key(teacher, prompt, sampling.canonical(), index)
        problem = Problem(escaped(item.row), prompt, item.gold or "", AnswerKind.TEXT)
        sample = _sample(Request(key, problem, prompt, sampling, index), teacher, item)
        batch.append(sample)
        any_text = any_text or bool(sample.text.strip())
        reason = reason or sample.error
        count += 1
        if any_text and len(batch) >= _BATCH:
            emit(batch)
            batch = []
    if not any_text:
        what = f"none of {count} samples has a text ({reason[:200]})" if count else "no samples in the file"
        fix = f"it was read as '{layout}'; name another format with --format: {', '.join(sorted(LAYOUTS))}"
        raise UserError(what, where=str(path), fix=fix, code=DATA)
    emit(batch)
    return count


def _sample(request: Request, teacher: str, item: Imported) -> Sample:
    try:
        extra = _storable(item.extra)
    except RecursionError as error:
        raise UserError("nested too deeply", where=f"record of problem '{item.row}'", code=DATA) from error
    if item.gold is not None:
        extra.setdefault("gold", escaped(item.gold))
    if item.thoughts:
        extra["thoughts"] = escaped(item.thoughts)
    return answered(
        request,
        teacher,
        escaped(item.text),
        item.status if item.text or item.status is not Status.OK else Status.ERROR,
        prompt_tokens=item.prompt_tokens,
        completion_tokens=item.completion_tokens,
        tokens=item.tokens,
        error=escaped(item.error) or ("" if item.text else "the file has an empty text"),
        extra=extra,
    )


def _storable(value: Any) -> Any:
    """JSON that can be written: NaN and infinities as text, unpaired surrogates escaped."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {escaped(str(name)): _storable(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(part) for part in value]
    return value
