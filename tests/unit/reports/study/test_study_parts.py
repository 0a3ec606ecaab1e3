"""What counts as a part of a generic task in a report: named subtasks, not every cluster."""

from __future__ import annotations

from study_inputs import study

from smallsteps.outcomes import Outcome
from smallsteps.reports.study import StudentInfo, TaskInfo, build


def twins(student: str, right: int, seed: int | None) -> list[Outcome]:
    """Forty sentences, two of a kind in each cluster."""
    return [
        Outcome(student, "gaps", f"{k:02d}", float(k < right), seed=seed, cluster=f"pair {k // 2}")
        for k in range(40)
    ]


def test_clusters_of_items_are_no_subtasks() -> None:
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot"))
    outcomes = twins("base", 30, None) + twins("cot", 25, 1)
    tasks = (TaskInfo("gaps", "Gaps", "generic", 0.5),)
    (suite,) = build(study(outcomes, tasks=tasks, claims=(), reference="base", students=students)).generic
    assert [(part.name, part.n, part.chance) for part in suite.subtasks] == [("Gaps", 40, 0.5)]
    named = (TaskInfo("gaps", "Gaps", "generic", {f"pair {k}": 0.5 for k in range(20)}),)
    (suite,) = build(study(outcomes, tasks=named, claims=(), reference="base", students=students)).generic
    assert len(suite.subtasks) == 20
