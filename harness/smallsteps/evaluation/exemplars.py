"""In-context examples: from prompt files, or from a train split by fixed ids; never the query itself."""

from __future__ import annotations

import re
from pathlib import Path

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_jsonl, read_text
from smallsteps.problems import AnswerKind, Benchmark, Problem, data_directory, load_problems, normalised
from smallsteps.problems.benchmark import Exemplars
from smallsteps.problems.data import required
from smallsteps.problems.readers.base import options
from smallsteps.problems.variants import asking
from smallsteps.schemes import answer_sentence

_CUE = re.compile(r"^(?:A:)?\s*(?:Let's think step by step\.?)?\s*")
_ASKED = re.compile(r"^(?:Q|Question):\s*", re.MULTILINE)
_CHOICES = re.compile(r"\s*(?:Answer [Cc]hoices|Options):\s*")
_OPTION = re.compile(r"\s*,?\s*\(([A-Za-z])\)\s+")
_CONCLUSION = "the answer is"


def exemplars_of(
    benchmark: Benchmark,
    named: str,
    data: Path | None,
    tested: list[Problem],
    subtask: str | None = None,
) -> list[Problem]:
    """The exemplars of one entry of `benchmark.yaml`; those that are tested themselves are left out.

    Raises:
        UserError: a prompt file or train split is missing, or fewer exemplars remain than are needed.
    """
    entry = benchmark.exemplars[named]
    queries = {normalised(problem.question) for problem in tested}
    pool = _from_prompt(benchmark, entry, data, subtask) if entry.prompt else _from_split(entry, data)
    kept = [problem for problem in pool if normalised(problem.question) not in queries]
    if len(kept) < entry.count:
        raise UserError(
            f"{len(kept)} exemplars of {len(pool)} remain, {entry.count} are needed (the rest is tested)",
            where=f"tasks/{benchmark.name}/benchmark.yaml: exemplars.{named}",
            code=DATA,
        )
    return kept[: entry.count]


def instruction_of(benchmark: Benchmark, named: str | None, data: Path | None, subtask: str | None) -> str:
    """The text of a prompt file before its first example, with the blank line after it; may be empty."""
    entry = benchmark.exemplars[named] if named else None
    if entry is None or entry.prompt is None:
        return ""
    head = _ASKED.split(_prompt_text(benchmark, entry, data, subtask))[0]
    return f"{head.strip()}\n\n" if head.strip() else ""


def _from_split(entry: Exemplars, data: Path | None) -> list[Problem]:
    assert entry.benchmark is not None
    by_id = {p.id: p for p in load_problems(entry.benchmark, entry.split, data)}
    unknown = [name for name in entry.ids if name not in by_id]
    if unknown:
        raise UserError(
            f"no problem '{unknown[0]}' in split '{entry.split}' of '{entry.benchmark}'", code=DATA
        )
    return [by_id[name] for name in entry.ids]


def _prompt_text(benchmark: Benchmark, entry: Exemplars, data: Path | None, subtask: str | None) -> str:
    """The prompt file's text, without the canary line that some carry.

    `file.jsonl#name` is the `prompt` of the row whose `dataset` is that name.
    """
    assert entry.prompt is not None
    name, _, dataset = entry.prompt.format(subtask=subtask).partition("#")
    path = required(benchmark.name, name, data_directory(data))
    if not dataset:
        return read_text(path).split("\n-----\n", 1)[-1]
    for _, row in read_jsonl(path):
        if row.get("dataset") == dataset:
            return str(row["prompt"])
    raise UserError(f"no prompt for '{dataset}'", where=str(path), code=DATA)


def _from_prompt(
    benchmark: Benchmark, entry: Exemplars, data: Path | None, subtask: str | None
) -> list[Problem]:
    blocks = _ASKED.split(_prompt_text(benchmark, entry, data, subtask))[1:]
    return [_parsed(block, place, str(entry.prompt)) for place, block in enumerate(blocks)]


def _parsed(block: str, place: int, prompt: str) -> Problem:
    """One example of a prompt file: question, reasoning, closing answer sentence."""
    lines = block.strip().split("\n")
    start = next(
        (n for n, line in enumerate(lines) if n and (line.startswith("A:") or "think step by step" in line)),
        max(len(lines) - 1, 1),
    )
    reply = _CUE.sub("", "\n".join(lines[start:]).strip()).strip()
    at = reply.lower().rfind(_CONCLUSION)
    if at < 0:
        raise UserError(f"example {place + 1} does not say '{_CONCLUSION} ...'", where=prompt, code=DATA)
    answer = reply[at + len(_CONCLUSION) :].strip(" :").removesuffix(".")
    rationale = re.sub(r"(?:So|Therefore,?|Thus,?)\s*$", "", reply[:at].rstrip()).rstrip()
    question = "\n".join(lines[:start]).strip()
    question = re.sub(r"^Yes or no:\s*", "", question)  # the benchmark's own questions do not say it
    kind = AnswerKind.TEXT
    if letter := re.fullmatch(r"\(?([A-Ha-h])\)?", answer):
        kind, answer = AnswerKind.CHOICE, letter[1].upper()
        question = _with_options(question)
    return Problem(f"exemplar-{place}", question, answer, kind, rationale=rationale or None)


def _with_options(question: str) -> str:
    """The question with its options in the layout of our benchmarks."""
    parts = _CHOICES.split(question, maxsplit=1)
    if len(parts) < 2:
        return question
    choices = [text.strip().rstrip(".") for text in _OPTION.split(parts[1])[2::2]]
    return options(parts[0], choices)


def demonstration(problem: Problem, variant: str) -> str:
    """The reply that an in-context example shows.

    Raises:
        UserError: the example lacks the reasoning or the sub-questions that the variant shows.
    """
    way = asking(variant)
    closing = answer_sentence(_shown(problem)).removesuffix(".") + way.stop
    if way.shows == "answer":
        return closing
    if way.shows == "sub_questions":
        steps = [step for step in problem.steps if step.question]
        if not steps:
            raise UserError(
                f"exemplar '{problem.id}' has no sub-questions",
                fix="the socratic file of the train split is needed ('smallsteps tasks data fetch')",
                code=DATA,
            )
        lines = [f"Sub-question: {step.question}\nA: {step.solution or step.answer}" for step in steps]
        return "\n".join([*lines, closing])
    if not problem.rationale:
        raise UserError(f"exemplar '{problem.id}' has no reasoning to show", code=DATA)
    joint = "\n" if "\n" in problem.rationale else " "
    return f"{problem.rationale}{joint}{closing}"


def _shown(problem: Problem) -> str:
    return f"({problem.answer})" if problem.kind is AnswerKind.CHOICE else problem.answer
