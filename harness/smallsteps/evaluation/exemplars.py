"""In-context examples: from prompt files, or from a train split by fixed ids; never the query itself."""

from __future__ import annotations

import re
from pathlib import Path

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_text
from smallsteps.problems import AnswerKind, Benchmark, Problem, data_directory, load_problems, normalised
from smallsteps.problems.benchmark import Exemplars
from smallsteps.problems.data import required
from smallsteps.schemes import answer_sentence

_ANSWER = re.compile(r"(?:So |Therefore,? |Thus,? )?[Tt]he answer is:?\s*(.+?)\.?\s*$", re.DOTALL)
_CUE = re.compile(r"^(?:A:)?\s*(?:Let's think step by step\.?)?\s*")
_ASKED = re.compile(r"^(?:Q|Question):\s*", re.MULTILINE)
_LETTERED = re.compile(r"^\(([a-z])\)\s*", re.MULTILINE)


def exemplars_of(
    benchmark: Benchmark,
    named: str,
    data: Path | None,
    tested: list[Problem],
    subtask: str | None = None,
) -> list[Problem]:
    """The exemplars of one entry of `benchmark.yaml`; those that are questions of the test split are left out.

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
    """What a prompt file says before its first example, empty when nothing."""
    entry = benchmark.exemplars[named] if named else None
    if entry is None or entry.prompt is None:
        return ""
    head = _ASKED.split(_prompt_text(benchmark, entry, data, subtask))[0]
    return head.strip()


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
    """The prompt file's text, without the canary line that some carry."""
    assert entry.prompt is not None
    name = entry.prompt.format(subtask=subtask)
    text = read_text(required(benchmark.name, name, data_directory(data)))
    return text.split("\n-----\n", 1)[-1]


def _from_prompt(
    benchmark: Benchmark, entry: Exemplars, data: Path | None, subtask: str | None
) -> list[Problem]:
    blocks = _ASKED.split(_prompt_text(benchmark, entry, data, subtask))[1:]
    return [_parsed(block, place, benchmark, str(entry.prompt)) for place, block in enumerate(blocks)]


def _parsed(block: str, place: int, benchmark: Benchmark, prompt: str) -> Problem:
    """One example of a prompt file: question, reasoning, closing answer sentence."""
    lines = block.strip().split("\n")
    start = next(
        (n for n, line in enumerate(lines) if n and (line.startswith("A:") or "think step by step" in line)),
        max(len(lines) - 1, 1),
    )
    reply = _CUE.sub("", "\n".join(lines[start:]).strip()).strip()
    found = _ANSWER.search(reply[max(reply.lower().rfind("the answer is") - 11, 0) :])
    if found is None:
        raise UserError(f"example {place + 1} has no 'the answer is ...'", where=prompt, code=DATA)
    at = reply.lower().rfind("the answer is")
    rationale = re.sub(r"(?:So|Therefore,?|Thus,?)\s*$", "", reply[:at].rstrip()).rstrip()
    answer = re.sub(r"^\(([A-Za-z])\)$", lambda m: m[1].upper(), found[1].strip())
    question = _LETTERED.sub(lambda m: f"({m[1].upper()}) ", "\n".join(lines[:start]).strip())
    question = question.replace("Answer Choices:", "Options:")
    kind = AnswerKind.CHOICE if re.fullmatch(r"\([A-Za-z]\)", found[1].strip()) else benchmark.kind
    return Problem(f"exemplar-{place}", question, answer, kind, rationale=rationale or None)


def demonstration(problem: Problem, variant: str) -> str:
    """What an in-context example shows as its reply.

    Raises:
        UserError: the example lacks the reasoning or the sub-questions that the variant shows.
    """
    closing = answer_sentence(_shown(problem))
    if variant.endswith("answer_only"):
        return closing
    if variant == "socratic":
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
