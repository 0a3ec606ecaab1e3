"""Mixtures of a teacher's and a student's rationales."""

from __future__ import annotations

from smallsteps.corpora.mixing import Share, mixed
from smallsteps.problems import Rationale


def rationale(problem: str, text: str) -> Rationale:
    return Rationale(problem, text, "4", True)


def strategy(one: Rationale) -> str:
    return one.text[0]  # "a..." and "b..." are two strategies


TEACHER = Share(tuple(rationale(p, t) for p in ("1", "2") for t in ("a teacher", "b teacher")), own=False)
STUDENT = Share((rationale("2", "a student"), rationale("2", "a  student")), own=True)


def test_adaptive_keeps_the_teacher_where_the_student_fails() -> None:
    found = mixed([TEACHER, STUDENT], "adaptive", strategy)
    assert [(r.problem_id, r.text) for r in found.rationales] == [
        ("1", "a teacher"),
        ("1", "b teacher"),
        ("2", "b teacher"),  # the student solves it with the other strategy only
        ("2", "a student"),
    ]
    assert (found.own, found.taught, found.solved, found.repeats) == (1, 3, 1, 1)
    assert found.share == 0.75


def test_all_keeps_both_and_drops_repeats() -> None:
    found = mixed([TEACHER, STUDENT], "all", strategy)
    assert (found.own, found.taught, found.solved, found.repeats) == (1, 4, 0, 1)


def test_a_student_that_solves_nothing_changes_nothing() -> None:
    assert mixed([TEACHER, Share((), own=True)], "adaptive", strategy).rationales == TEACHER.rationales
