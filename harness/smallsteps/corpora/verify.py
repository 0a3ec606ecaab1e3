"""A stored sample, read as a rationale: its answer found, compared, its closing sentence cut off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from smallsteps.answers import calculate, check_annotations, equal, extract, majority
from smallsteps.answers.numbers import canonical
from smallsteps.answers.thoughts import Marks, parted
from smallsteps.corpora.closing import cut_closing, trim_lead
from smallsteps.corpora.equations import find_equations
from smallsteps.corpora.spec import Thoughts
from smallsteps.errors import UserError
from smallsteps.problems import AnswerKind, Problem, Rationale
from smallsteps.schemes.program import looks_like_program, run_program
from smallsteps.teachers.model import Sample


def verify(
    problem: Problem, sample: Sample, *, thoughts: Thoughts = "drop", marks: Marks | None = None
) -> Rationale:
    """Extract and compare the answer of a sample.

    The answer is read from the text after the thoughts, which the text marks (`<think>` and the like, or
    `marks`) or the source gives separately. `thoughts` says what becomes of them, see `CorpusSpec`.
    An answer in a separate field of the source counts; otherwise it is read from the text.
    """
    found = parted(sample.text, marks)
    text = trim_lead(found.said)
    apart = str(sample.extra.get("thoughts") or "").strip()
    thought = "\n".join(part for part in (apart, found.thoughts) if part) if found.ended else ""
    stated = sample.extra.get("stated_answer")
    answer = extract(str(stated), problem.kind, problem.choices).value if stated else None
    if answer is None and problem.kind is AnswerKind.NUMBER and looks_like_program(text):
        answer = program_answer(text)
    elif answer is None:
        answer = extract(text, problem.kind, problem.choices).value
    correct: bool | None = None
    if problem.answer:
        correct = answer is not None and equal(
            answer, problem.answer, problem.kind, problem.choices, problem.aliases
        )
    return Rationale(
        problem_id=problem.id,
        text=f"{thought}\n\n{cut_closing(text)}".strip() if thoughts == "keep" else cut_closing(text),
        answer=answer,
        correct=correct,
        sample=sample.sample,
        teacher=sample.teacher,
        tokens=sample.tokens,
        thoughts=thought if thoughts == "learn" else "",
    )


def program_answer(text: str) -> str | None:
    """The result of a program, None when it does not run."""
    try:
        return canonical(run_program(text))
    except UserError:
        return None


def majority_label(problem: Problem, rationales: Sequence[Rationale]) -> list[Rationale]:
    """`correct` set by agreement with the samples' majority answer, for problems without a gold answer.

    Where two answers tie there is no majority, and `correct` is None: the order of samples must not decide.
    """
    vote = majority([rationale.answer for rationale in rationales], problem.kind)
    if vote.tied:
        return [replace(rationale, correct=None) for rationale in rationales]
    return [
        replace(
            rationale,
            correct=vote.value is not None
            and rationale.answer is not None
            and equal(rationale.answer, vote.value, problem.kind, problem.choices),
        )
        for rationale in rationales
    ]


def wrong_steps(text: str) -> list[str]:
    """Equations and calculator annotations of a text that do not hold, as written."""
    wrong = [f"{a.expression}={a.claimed}" for a in check_annotations(text) if not a.right]
    bare = re.sub(r"<<[^<>]{0,200}>>", "", text)
    return wrong + [
        f"{e.expression} = {e.result}" for e in find_equations(bare) if not holds(e.expression, e.result)
    ]


def holds(expression: str, result: str) -> bool:
    """Whether an expression has that value, rounded to the decimals given."""
    try:
        value, claim = calculate(expression), calculate(result)
    except UserError:
        return False
    decimals = len(result.partition(".")[2])
    return value == claim or (decimals > 0 and abs(value - claim) <= Fraction(1, 2 * 10**decimals))
