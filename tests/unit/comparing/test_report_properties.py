"""Random outcome tables: a report never contradicts itself, and every verb gives the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contrasts import split_letters
from smallsteps.comparing import tradeoff
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.model import ALPHA, Report
from smallsteps.errors import UserError
from smallsteps.gate.decide import decide
from smallsteps.gate.rules import Rules
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.compare import words
from smallsteps.reports.study.comparisons import compare as study_compare
from smallsteps.reports.study.inputs import ReportInput, StudentInfo, TaskInfo
from smallsteps.reports.study.runs import Runs

EXAMPLES = settings(max_examples=40, deadline=None)


@st.composite
def tables(draw: st.DrawFn, whole: bool = False) -> OutcomeTable:
    """2 to 4 students, 1 to 3 tasks, seeds, clusters, partial credit; some lack a task unless `whole`."""
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    students = [f"s{k}" for k in range(draw(st.integers(2, 4)))]
    tasks = draw(st.sampled_from([["t0"], ["t0", "t1"], ["t0", "t1", "t2"], ["bbh_navigate", "bbh_snarks"]]))
    n = draw(st.sampled_from([1, 2, 7, 40, 120]))
    cluster = draw(st.sampled_from([None, 1, 2, 5, 1000]))
    credit = draw(st.booleans())
    same_ids = draw(st.booleans())
    gap = draw(st.sampled_from([0.0, 0.1, 0.4]))
    rows = []
    for k, student in enumerate(students):
        seeds = [None] if draw(st.booleans()) else list(range(draw(st.integers(1, 3))))
        for task in tasks:
            if not whole and k and draw(st.integers(0, 9)) == 0:
                continue
            for seed in seeds:
                y = (rng.random(n) < 0.4 + gap * (k == 0)).astype(float)
                if credit:
                    y = np.round(y * rng.random(n), 2)
                rows += [
                    Outcome(
                        student,
                        task,
                        f"i{i:03d}" if same_ids else f"{task}-i{i:03d}",
                        float(y[i]),
                        seed=seed,
                        cluster=None if cluster is None else f"c{i // cluster}",
                    )
                    for i in range(n)
                ]
    return OutcomeTable.of(rows)


def _report(table: OutcomeTable, **question: Any) -> Report | None:
    try:
        return build(table, Question(**question))
    except UserError:
        return None


@EXAMPLES
@given(tables())
def test_no_two_statements_of_a_report_disagree(table: OutcomeTable) -> None:
    report = _report(table)
    if report is None:
        return
    for row in report.rows:
        assert (row.adjusted is None) == (row.p is None)
        assert row.p is None or row.adjusted is None or row.adjusted >= row.p
        assert row.significant == (row.adjusted is not None and row.adjusted <= ALPHA)
        assert (" is better than " in words.sentences(row)[1]) == row.significant
    by_pair = {(r.a.student, r.b.student, r.task): r for r in report.rows}
    for across in report.across:
        mine = [by_pair[across.a, across.b, task] for task in across.tasks]
        assert across.better == sum(r.significant and r.difference > 0 for r in mine)
        assert across.worse == sum(r.significant and r.difference < 0 for r in mine)
    for board in report.boards:
        standings = {s.student: s for s in board.standings}
        k = len(standings)
        for name, standing in standings.items():
            rows = [r for r in report.rows if r.task == board.task and name in (r.a.student, r.b.student)]
            won = sum(r.significant and (r.difference > 0) == (r.a.student == name) for r in rows)
            lost = sum(r.significant and (r.difference > 0) != (r.a.student == name) for r in rows)
            assert (standing.rank.low, standing.rank.high) == (1 + lost, k - won)
        for row in report.rows:
            if row.task == board.task:
                a, b = (set(split_letters(standings[s.student].letters)) for s in (row.a, row.b))
                assert bool(a & b) != row.significant


@EXAMPLES
@given(tables())
def test_swapping_two_students_mirrors_every_number(table: OutcomeTable) -> None:
    ab = _report(table, students=("s0", "s1"))
    ba = _report(table, students=("s1", "s0"))
    assert (ab is None) == (ba is None)
    if ab is None or ba is None:
        return
    for x, y in zip(ab.rows, ba.rows, strict=True):
        assert x.difference == -y.difference
        assert x.p == y.p or x.p == pytest.approx(y.p, rel=1e-9)
        assert (x.interval is None) == (y.interval is None)
        if x.interval and y.interval:
            mirrored = y.interval.mirrored()
            assert (x.interval.low, x.interval.high) == pytest.approx((mirrored.low, mirrored.high), abs=1e-9)


@EXAMPLES
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant(table: OutcomeTable, random: Any) -> None:
    index = list(range(len(table)))
    random.shuffle(index)
    question = {"students": ("s0", "s1")}
    one, two = _report(table, **question), _report(table.take(index), **question)
    assert (one is None) == (two is None)
    if one is not None and two is not None:
        assert [(r.difference, r.p, r.interval, r.adjusted) for r in one.rows] == [
            (r.difference, r.p, r.interval, r.adjusted) for r in two.rows
        ]


@EXAMPLES
@given(tables(whole=True))
def test_compare_tradeoff_gate_and_study_give_the_same_numbers(table: OutcomeTable) -> None:
    tasks = table.unique("task")
    task = str(sorted(tasks)[0])
    if task.startswith("bbh") or len(tasks) < 2:
        return
    other = str(sorted(tasks)[1])
    base = ("s1",) if len(set(table.where(student="s1").columns["seed"])) == 1 else ()
    report = build(table, Question(students=("s0", "s1"), tasks=(task, other), fixed=base))
    row = next(r for r in report.rows if r.task == task)
    question = tradeoff.TradeoffQuestion("s1", (other,), (task,), students=("s0",))
    point = tradeoff.build(table, question).points[0]
    expected = (row.difference, row.test.standard_error, row.p, row.interval)
    assert (
        point.loss.estimate,
        point.loss.standard_error,
        point.loss.pvalue,
        point.loss.interval,
    ) == expected
    gate = decide(table.where(student="s0"), [table.where(student="s1")], Rules(0.05), tasks=(task,)).lines[0]
    assert gate.result.difference == row.difference
    seeds = {s: set(table.where(student=s, task=task).columns["seed"]) for s in ("s0", "s1")}
    fixed = tuple(student for student, found in seeds.items() if len(found) == 1)
    same = build(table, Question(students=("s0", "s1"), tasks=(task,), fixed=fixed)).rows[0]
    if gate.result.limits is not None and same.interval is not None and same.checkpoint is None:
        level = build(
            table, Question(students=("s0", "s1"), tasks=(task,), fixed=fixed, confidence=0.9)
        ).rows[0]
        assert gate.result.limits == level.interval
    students = [StudentInfo(name, name, "cot") for name in ("s0", "s1")]
    infos = [TaskInfo(name, name, "target") for name in (task, other)]
    runs = Runs(ReportInput("", "", students, "s1", infos, (), table))
    column = runs.column(task)
    assert column is not None
    study = study_compare(runs, "s0", "s1", column)
    assert study is not None
    limits = None if study.low is None or study.high is None else (study.low, study.high)
    assert (study.difference, study.p, limits) == (
        row.difference,
        row.p,
        None if row.interval is None else (row.interval.low, row.interval.high),
    )
