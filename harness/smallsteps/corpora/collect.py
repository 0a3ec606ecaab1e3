"""Collecting: ask a teacher for every sample that the store does not hold yet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smallsteps.answers import equal, extract
from smallsteps.corpora.store import Store
from smallsteps.problems import Problem
from smallsteps.teachers.model import Request, Sample, Sampling, Status, Teacher, sample_key
from smallsteps.teachers.prompting import Template


@dataclass(slots=True)
class Tally:
    """How far a collection has come.

    Attributes:
        total: samples requested; reused: those that the store held already.
        done: rows stored by this run, by status.
        checked, correct: answers compared with a gold one so far, and those equal to it.
        prompt_tokens, completion_tokens: used by this run.
    """

    total: int
    reused: int
    done: Counter[Status] = field(default_factory=Counter)
    checked: int = 0
    correct: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def stored(self) -> int:
        """Samples in the store: reused ones and those of this run."""
        return self.reused + sum(self.done.values())


Progress = Callable[[Tally], None]


def plan(
    teacher: str, problems: Sequence[Problem], template: Template, sampling: Sampling, samples: int
) -> list[Request]:
    """All requests of a collection, problem by problem. Two problems with one prompt share their keys."""
    canonical = sampling.canonical()
    requests = []
    for problem in problems:
        prompt = template.render(problem)
        requests += [
            Request(sample_key(teacher, prompt, canonical, index), problem, prompt, sampling, index)
            for index in range(samples)
        ]
    return requests


def collect(
    teacher: Teacher,
    requests: Sequence[Request],
    store: Store,
    progress: Progress | None = None,
    *,
    check: bool = True,
) -> Tally:
    """Request what is missing. Every row is committed before `progress` is called.

    Args:
        teacher, requests, store: who is asked, for what, and where it is stored.
        progress: called after every stored batch.
        check: compare answers with the gold ones meanwhile; not for texts without an answer.

    Raises:
        UserError: the teacher or the store failed; everything received before is stored.
    """
    held = store.done([request.key for request in requests])
    tally = Tally(total=len(requests), reused=sum(request.key in held for request in requests))
    problems = {request.key: request.problem for request in requests}
    wanted: dict[str, Request] = {}
    for request in requests:
        if request.key not in held:
            wanted.setdefault(request.key, request)
    tally.total -= len(requests) - tally.reused - len(wanted)  # shared keys are asked once
    if progress:
        progress(tally)

    def emit(samples: Sequence[Sample]) -> None:
        if not samples:
            return
        store.add(samples)
        for sample in samples:
            stored = Status.ERROR if sample.key in store.unstorable else sample.status
            tally.done[stored] += 1
            tally.prompt_tokens += sample.prompt_tokens
            tally.completion_tokens += sample.completion_tokens
            problem = problems[sample.key]
            if check and progress and problem.answer and stored is Status.OK:
                value = extract(sample.text, problem.kind, problem.choices).value
                tally.checked += 1
                tally.correct += value is not None and equal(
                    value, problem.answer, problem.kind, problem.choices, problem.aliases
                )
        if progress:
            progress(tally)

    if wanted:
        teacher.answer(list(wanted.values()), emit)
    return tally
