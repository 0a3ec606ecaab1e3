"""Small studies for the tests of the report."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.study import Claim, ReportInput, Sample, StudentInfo, TaskInfo

TARGET = TaskInfo("word_problems", "Word problems", "target")
HOSTILE = "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>\x00\u202e"
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
        samples=None if response is None else lambda *_: Sample("How many?", (response,)),
        provenance={"code": {"commit": "abc"}, "seeds": [1]},
    )


def counted(both: int, only_a: int, only_b: int, neither: int) -> list[Outcome]:
    """Outcomes of CoT (A) and answer only (B) with these paired counts."""
    a, b = pair(both, only_a, only_b, neither)
    return rows("cot", a) + rows("answer_only", b)


def generic_rows(student: str, rate: float, seed: int | None) -> list[Outcome]:
    draw = random.Random(student)
    return [
        Outcome(student, "suite", f"{name}{k}", float(draw.random() < rate), seed=seed, cluster=name)
        for name in ("a", "b", "c", "d", "e", "f", "g")
        for k in range(40)
    ]


def whole_study(response: str | None = "The answer is 7.") -> ReportInput:
    students = (
        StudentInfo("base", "Base", "answer_only", 1000),
        StudentInfo("answer_only", "Answer only", "answer_only", 1000, 2000, 10),
        StudentInfo("cot", "CoT", "cot", 1000, 4000, 10),
        StudentInfo(
            "socratic", "Socratic", "socratic", 2000, 4100, 20, {"solver": {"steps": 12, "passes": 0.157}}
        ),
        StudentInfo("socratic+gold_plans", "Socratic, gold plans", "socratic", 2000, 4100, 20),
    )
    first, second = pair(60, 50, 10, 80)
    outcomes = rows("cot", first) + rows("answer_only", second) + rows("base", [0] * 200, seed=None)
    outcomes += rows("socratic", second[::-1]) + rows("socratic+gold_plans", [1] * 200)
    outcomes += generic_rows("base", 0.8, None) + generic_rows("cot", 0.2, 1)
    tasks = (TARGET, TaskInfo("suite", "Generic", "generic", 0.25))
    claims = (
        Claim("cot", "answer_only", ("word_problems",), "Steps help"),
        Claim("base", "cot", ("suite",), "It costs"),
    )
    return study(outcomes, tasks=tasks, claims=claims, reference="base", students=students, response=response)
