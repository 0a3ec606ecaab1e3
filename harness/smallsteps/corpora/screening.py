"""Decomposer screening: a plan is kept when the teacher, given its questions, answers right (2402.15000)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smallsteps.answers import equal, extract
from smallsteps.corpora.closing import cut_closing
from smallsteps.corpora.collect import Progress, collect
from smallsteps.corpora.store import Store
from smallsteps.corpora.taught import with_replies
from smallsteps.problems import Problem, Rationale
from smallsteps.teachers.model import Request, Sampling, Status, Teacher, sample_key
from smallsteps.teachers.prompting import Template


@dataclass(frozen=True, slots=True)
class Screened:
    """Rationales whose sub-questions led the teacher to the right answer, and why the others fell.

    Attributes:
        rationales, dropped: kept ones, and the number of the others by reason.
        prompt_tokens, completion_tokens: what the answers took, in all runs.
    """

    rationales: list[Rationale]
    dropped: Counter[str]
    prompt_tokens: int = 0
    completion_tokens: int = 0


def screen(
    teacher: Teacher,
    problems: dict[str, Problem],
    rationales: Sequence[Rationale],
    template: Template,
    sampling: Sampling,
    store: Store,
    progress: Progress | None = None,
) -> Screened:
    """Ask the teacher every problem again with the sub-questions of each rationale.

    A plan without sub-answers becomes a whole rationale: the text that answered it, and its replies.

    Args:
        teacher: answers.
        problems: by id.
        rationales: with sub-questions; those without are dropped.
        template: renders a problem with `questions`.
        sampling: how the answers are drawn.
        store: keeps them; a second screening asks for nothing.
        progress: hears of every stored batch.
    """
    dropped: Counter[str] = Counter()
    pairs: list[tuple[Rationale, Request]] = []
    for rationale in rationales:
        questions = [step.question for step in rationale.steps if step.question]
        if not questions:
            dropped["no sub-questions"] += 1
            continue
        problem = problems[rationale.problem_id]
        prompt = template.render(problem, questions=questions)
        key = sample_key(teacher.name, prompt, sampling.canonical(), 0)
        pairs.append((rationale, Request(key, problem, prompt, sampling, 0)))
    collect(teacher, [request for _, request in pairs], store, progress)
    rows = store.get(list({request.key for _, request in pairs}))
    kept = []
    for rationale, request in pairs:
        row = rows.get(request.key)
        if row is None or row.status is not Status.OK:
            dropped["unanswered"] += 1
        elif (answer := _right(request.problem, row.text)) is not None:
            kept.append(_whole(rationale, row.text, answer))
        else:
            dropped["plan does not help"] += 1
    asked = sum(row.prompt_tokens for row in rows.values())
    return Screened(kept, dropped, asked, sum(row.completion_tokens for row in rows.values()))


def _right(problem: Problem, text: str) -> str | None:
    """The answer of a text if it is the right one."""
    value = extract(text, problem.kind, problem.choices).value
    if value is None or not equal(value, problem.answer, problem.kind, problem.choices, problem.aliases):
        return None
    return value


def _whole(rationale: Rationale, text: str, answer: str) -> Rationale:
    """A rationale as it is, or a plan with what answered it."""
    if any(step.solution or step.answer for step in rationale.steps):
        return rationale
    steps = with_replies(rationale.steps, text, answer)
    return replace(rationale, text=cut_closing(text), answer=answer, correct=True, steps=steps, tokens=())
