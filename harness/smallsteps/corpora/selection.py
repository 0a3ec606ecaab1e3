"""From stored samples to the rationales a student learns from, with a count for everything dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from smallsteps.answers.thoughts import Marks
from smallsteps.corpora.equations import steps_from_equations
from smallsteps.corpora.filters import FILTERS, Encode, diversity_filter, nested_fraction, ordered
from smallsteps.corpora.spec import Decomposition, Filter, Keep, Thoughts
from smallsteps.corpora.taught import answered_by_lines, planned_steps, taught_steps
from smallsteps.corpora.verify import majority_label, verify, wrong_steps
from smallsteps.errors import DATA, UserError
from smallsteps.problems import Problem, Rationale, Step
from smallsteps.teachers.model import Sample, Status


@dataclass(slots=True)
class Selection:
    """What was kept, and why the rest was not.

    Attributes:
        rationales: kept, in the order of the problems and of their samples.
        verified: every sample that could be read as a rationale, by problem.
        dropped: number of samples by reason.
        absent: samples that were asked for and are not in the store.
    """

    rationales: list[Rationale] = field(default_factory=list)
    verified: dict[str, list[Rationale]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    absent: int = 0


def verify_all(
    problems: Sequence[Problem],
    samples: dict[str, list[Sample]],
    wanted: int,
    keep: Keep,
    thoughts: Thoughts = "drop",
    marks: Marks | None = None,
) -> Selection:
    """Read every problem's samples as rationales; those without a usable text are dropped by status."""
    selection = Selection()
    for problem in problems:
        rows = sorted(samples.get(problem.id, ()), key=lambda sample: sample.sample)
        selection.absent += max(0, wanted - len(rows))
        read = []
        for row in rows:
            if row.status is Status.OK:
                read.append(verify(problem, row, thoughts=thoughts, marks=marks))
            else:
                selection.dropped[str(row.status)] += 1
        if keep == "majority":
            read = majority_label(problem, read)
        selection.verified[problem.id] = read
    return selection


def _unanswered(verified: dict[str, list[Rationale]]) -> dict[str, list[Rationale]]:
    """Plans: a number in a question is not an answer."""
    return {name: [replace(r, answer=None, correct=None) for r in read] for name, read in verified.items()}


def select(
    problems: Sequence[Problem],
    samples: dict[str, list[Sample]],
    *,
    keep: Keep = "correct",
    samples_per_problem: int = 1,
    per_problem: int | None = None,
    filtering: Filter = "random",
    decomposition: Decomposition = "none",
    check_steps: bool = False,
    unique: bool = False,
    max_words: int | None = None,
    fraction: float = 1.0,
    seed: int = 0,
    encode: Encode | None = None,
    thoughts: Thoughts = "drop",
    marks: Marks | None = None,
) -> Selection:
    """Verify, reject, filter and decompose.

    Args:
        problems: the problems, in the order of the result.
        samples: stored samples by problem id.
        keep, per_problem, filtering, decomposition, check_steps, unique, max_words, fraction, seed: see
            `CorpusSpec`.
        samples_per_problem: how many were asked for.
        encode: sentence vectors for the filter `diversity`, instead of TF-IDF.
        thoughts, marks: see `CorpusSpec`.

    Raises:
        UserError: two problems have the same id, or the filter lacks what it needs.
    """
    twice = [name for name, count in Counter(p.id for p in problems).items() if count > 1]
    if twice:
        raise UserError(f"{len(twice)} problem ids are used twice (first: '{twice[0]}')", code=DATA)
    chosen = nested_fraction([problem.id for problem in problems], fraction, seed)
    problems = [problem for problem in problems if problem.id in chosen]
    selection = verify_all(problems, samples, samples_per_problem, keep, thoughts, marks)
    if decomposition == "plan":
        selection.verified = _unanswered(selection.verified)
    groups: dict[str, list[Rationale]] = {}
    for problem in problems:
        kept: list[Rationale] = []
        seen: set[str] = set()
        for rationale in selection.verified[problem.id]:
            reason = _reject(rationale, keep, check_steps, max_words)
            if reason is None and thoughts == "learn" and not rationale.thoughts:
                reason = "no thoughts"
            plain = " ".join(rationale.text.lower().split()) if unique else ""
            if reason is None and unique and plain in seen:
                reason = "duplicate"
            if reason is not None:
                selection.dropped[reason] += 1
            else:
                kept.append(rationale)
                seen.add(plain)
        if kept:
            groups[problem.id] = kept
    if per_problem is not None:
        before = sum(len(group) for group in groups.values())
        spend = FILTERS[filtering] if encode is None else partial(diversity_filter, encode=encode)
        groups = spend(groups, per_problem, seed)
        over = before - sum(len(group) for group in groups.values())
        if over:
            selection.dropped["over budget"] += over
    for problem in problems:
        for rationale in ordered(groups.get(problem.id, ())):
            steps = decompose(problem, rationale, decomposition)
            if decomposition == "plan" and not steps:
                selection.dropped["no plan"] += 1
                continue
            if decomposition == "lines" and not steps:
                selection.dropped["lines fit no sub-questions"] += 1
                continue
            selection.rationales.append(replace(rationale, steps=steps) if steps else rationale)
    return selection


def _reject(rationale: Rationale, keep: Keep, check_steps: bool, max_words: int | None) -> str | None:
    """Why a rationale is not kept, or None."""
    if keep != "all" and rationale.answer is None:
        return "unparsed"
    if keep == "wrong" and rationale.correct is not False:
        return "right" if rationale.correct else "no gold answer"
    if keep in ("correct", "majority") and not rationale.correct:
        if rationale.correct is None:
            return "no gold answer" if keep == "correct" else "tied"
        return "wrong" if keep == "correct" else "minority"
    if check_steps and wrong_steps(rationale.text):
        return "wrong step"
    if max_words is not None and len(f"{rationale.thoughts} {rationale.text}".split()) > max_words:
        return "too long"
    return None


def decompose(problem: Problem, rationale: Rationale, mode: Decomposition) -> tuple[Step, ...]:
    """Sub-questions with their solutions; empty when the mode finds none."""
    if mode == "gold":
        return problem.steps
    if mode == "lines":
        return answered_by_lines(problem.steps, rationale.text, rationale.answer)
    if mode == "teacher":
        return taught_steps(rationale.text, rationale.answer)
    if mode == "plan":
        return planned_steps(problem, rationale.text)
    if mode in ("equations", "operators"):
        return steps_from_equations(problem, rationale.text, rationale.answer, show=mode == "equations")
    return ()
