"""Small studies for the tests of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.study import Claim, ReportInput, Sample, StudentInfo, TaskInfo

TARGET = TaskInfo("word_problems", "Word problems", "target")
CLAIM = Claim("cot", "answer_only", ("word_problems",), "Steps help")


def rows(
    student: str, scores: Sequence[float], task: str = "word_problems", seed: int | None = 1, **fields: Any
) -> list[Outcome]:
    """One outcome per score, items numbered so that runs pair by position."""
    return [
        Outcome(
            student, task, f"i{k:04d}", float(s), seed=seed, gold="7", extracted="7" if s else "8", **fields
        )
        for k, s in enumerate(scores)
    ]


def pair(both: int, only_a: int, only_b: int, neither: int) -> tuple[list[int], list[int]]:
    """Two score lists with these paired counts."""
    a = [1] * both + [1] * only_a + [0] * only_b + [0] * neither
    b = [1] * both + [0] * only_a + [1] * only_b + [0] * neither
    return a, b


def study(
    outcomes: Iterable[Outcome],
    *,
    tasks: Sequence[TaskInfo] = (TARGET,),
    claims: Sequence[Claim] = (CLAIM,),
    reference: str | None = None,
    students: Sequence[StudentInfo] | None = None,
    response: str | None = None,
) -> ReportInput:
    """A study of CoT and answer only, or of the students given."""
    default = (
        StudentInfo("answer_only", "Answer only", "answer_only", 1000, 2000, 10),
        StudentInfo("cot", "CoT", "cot", 1000, 2000, 10),
    )
    return ReportInput(
        title="A study",
        description="",
        students=students or default,
        reference=reference,
        tasks=tasks,
        claims=claims,
        outcomes=OutcomeTable.of(outcomes),
        samples=None if response is None else lambda *_: Sample("How many?", response),
        provenance={"code": {"commit": "abc"}, "seeds": [1]},
    )


def counted(both: int, only_a: int, only_b: int, neither: int) -> list[Outcome]:
    """Outcomes of CoT (A) and answer only (B) with these paired counts."""
    a, b = pair(both, only_a, only_b, neither)
    return rows("cot", a) + rows("answer_only", b)
