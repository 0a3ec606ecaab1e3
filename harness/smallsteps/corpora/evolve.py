"""New problems from old ones: complicated, diversified, specified; judged and checked (2403.14312)."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from smallsteps.answers import extract, majority
from smallsteps.corpora.collect import Progress, collect
from smallsteps.corpora.filters import rng_for
from smallsteps.corpora.store import Store
from smallsteps.problems import AnswerKind, Problem
from smallsteps.problems.loading import normalised
from smallsteps.teachers.model import Request, Sample, Sampling, Status, Teacher, sample_key
from smallsteps.teachers.prompting import load_template

Mode = Literal["complicate", "diversify", "specify"]
MODES: tuple[Mode, ...] = ("complicate", "diversify", "specify")


@dataclass(frozen=True, slots=True)
class Evolution:
    """New problems and what became of the attempts.

    Attributes:
        problems: those that passed judge and check; `answer` is what the teacher's samples agree on,
            `tags` name mode, round and origin.
        dropped: attempts by reason.
    """

    problems: list[Problem]
    dropped: Counter[str]


def evolve(
    teacher: Teacher,
    problems: Sequence[Problem],
    store: Store,
    *,
    rounds: int = 1,
    modes: Sequence[Mode] = MODES,
    sampling: Sampling | None = None,
    judge: Teacher | None = None,
    votes: int = 3,
    agree: float = 0.67,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evolution:
    """Evolve problems round by round; what passes a round is the start of the next.

    Args:
        teacher: writes the new problems and answers them.
        problems: the seeds.
        store: keeps every answer; a second run asks for nothing.
        rounds: how often.
        modes: drawn from at random, per problem and round.
        sampling: of new problems and check answers; judging is greedy.
        judge: says whether an evolution succeeded; the teacher itself unless given.
        votes: samples for the correctness check.
        agree: share of them that must give one answer, which becomes the gold answer.
        seed: of the modes.
        progress: hears of every stored batch.
    """
    drawn = sampling or Sampling(temperature=0.7)
    dropped: Counter[str] = Counter()
    found: list[Problem] = []
    seen = {normalised(problem.question) for problem in problems}
    current = list(problems)
    for number in range(1, rounds + 1):
        fresh: list[tuple[Problem, Problem]] = []
        plan = {p.id: rng_for(seed, f"{number}\x1f{p.id}").choice(list(modes)) for p in current}
        texts = _ask(teacher, store, drawn, progress, [(p, f"evolve_{plan[p.id]}", {}) for p in current])
        for problem, row in zip(current, texts, strict=True):
            text = "" if row is None or row.status is not Status.OK else row.text.strip()
            if not text or normalised(text) in seen:
                dropped["no new problem"] += 1
                continue
            seen.add(normalised(text))
            fresh.append((problem, _child(problem, text, plan[problem.id], number)))
        passed = _judged(judge or teacher, store, fresh, dropped, progress)
        current = _checked(teacher, store, passed, drawn, votes, agree, dropped, progress)
        found += current
    return Evolution(found, dropped)


def _child(problem: Problem, text: str, mode: Mode, number: int) -> Problem:
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    origin = problem.tags.get("origin", problem.id)
    tags = {"mode": mode, "round": str(number), "origin": origin}
    return Problem(f"{origin}-{digest}", text, "", problem.kind, cluster=origin, tags=tags)


def _judged(
    judge: Teacher,
    store: Store,
    pairs: Sequence[tuple[Problem, Problem]],
    dropped: Counter[str],
    progress: Progress | None,
) -> list[Problem]:
    asked = [
        (child, "judge_evolution", {"original": parent.question, "mode": child.tags["mode"]})
        for parent, child in pairs
    ]
    verdicts = _ask(judge, store, Sampling(max_tokens=16), progress, asked)
    passed = []
    for (_, child), row in zip(pairs, verdicts, strict=True):
        if row is not None and extract(row.text, AnswerKind.BOOLEAN).value == "yes":
            passed.append(child)
        else:
            dropped["refused by the judge"] += 1
    return passed


def _checked(
    teacher: Teacher,
    store: Store,
    problems: Sequence[Problem],
    sampling: Sampling,
    votes: int,
    agree: float,
    dropped: Counter[str],
    progress: Progress | None,
) -> list[Problem]:
    """Problems whose samples agree on an answer."""
    rows = _ask(teacher, store, sampling, progress, [(p, "cot", {}) for p in problems], samples=votes)
    passed = []
    for place, problem in enumerate(problems):
        group = rows[place * votes : (place + 1) * votes]
        values = [extract(r.text, problem.kind).value if r is not None else None for r in group]
        vote = majority(values, problem.kind)
        if vote.value is None or vote.count < agree * votes:
            dropped["answers disagree"] += 1
            continue
        passed.append(replace(problem, answer=vote.value))
    return passed


def _ask(
    teacher: Teacher,
    store: Store,
    sampling: Sampling,
    progress: Progress | None,
    asked: Sequence[tuple[Problem, str, dict[str, str]]],
    samples: int = 1,
) -> list[Sample | None]:
    """Rows of prompts, `samples` for each, in order."""
    requests = []
    for problem, name, extra in asked:
        prompt = load_template(name).render(problem, **extra)
        for index in range(samples):
            key = sample_key(teacher.name, prompt, sampling.canonical(), index)
            requests.append(Request(key, problem, prompt, sampling, index))
    collect(teacher, requests, store, progress)
    rows = store.get(list({request.key for request in requests}))
    return [rows.get(request.key) for request in requests]
