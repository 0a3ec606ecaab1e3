"""A gate on finished runs: one non-inferiority test per task or suite."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from smallsteps.errors import DATA, UserError
from smallsteps.gate.model import GateReport, Line
from smallsteps.gate.rules import Rules
from smallsteps.outcomes import OutcomeTable
from smallsteps.reports.compare.pairing import Graded, check_comparable, grade_all, students_of, tasks_of
from smallsteps.reports.compare.suites import families_of, known_suites, named_suites
from smallsteps.reports.compare.testing import compare_on_suite, compare_pair
from smallsteps.stats.families import holm
from smallsteps.stats.noninferiority import Verdict, noninferior_paired, noninferior_t
from smallsteps.stats.students_t import no_test

FIXED = "all items at once"


def only_student(table: OutcomeTable, role: str, wanted: str | None = None) -> str:
    """The one student of a table.

    Raises:
        UserError: several, and none was chosen.
    """
    names = students_of(table)
    if wanted is not None:
        if wanted not in names:
            raise UserError(f"no student '{wanted}' among: {', '.join(names)}", code=DATA)
        return wanted
    if len(names) != 1:
        raise UserError(
            f"the {role} holds {len(names)} students: {', '.join(names)}",
            fix="give the folder of one run: a gate judges one student",
            code=DATA,
        )
    return names[0]


def decide(
    new: OutcomeTable,
    references: list[OutcomeTable],
    rules: Rules,
    *,
    tasks: tuple[str, ...] = (),
    suites: tuple[str, ...] = (),
    allow: Collection[str] = (),
    rerun: OutcomeTable | None = None,
) -> GateReport:
    """Judge a new student against each reference (a frozen one, and perhaps the best so far).

    Args:
        new: outcomes of one student.
        references: outcomes of one student each.
        rules: margins and level.
        tasks: tasks to judge; empty takes all of the first reference.
        suites: `NAME=PATTERN` options; BBH is recognised.
        allow: differences between runs that are allowed.
        rerun: a second run of the first reference, to measure how much answers vary by themselves.

    Raises:
        UserError: runs that are not comparable, or a task without a margin.
    """
    student = only_student(new, "new run")
    names = tasks_of(references[0], tasks)
    lines: list[Line] = []
    mine = grade_all(new, names)
    groups = known_suites(names) | named_suites(suites, names)
    units = [name for name in names if name not in {t for g in groups.values() for t in g}] + list(groups)
    rules.check_names(units)
    for table in references:
        reference = only_student(table, "reference")
        theirs = grade_all(table, names)
        for name in names:
            _both(mine, theirs, (student, reference, name))
        for unit in units:
            members = groups.get(unit)
            if members:
                lines.append(_suite_line(unit, members, mine, theirs, (student, reference), rules, allow))
            else:
                lines.append(_task_line(mine[student, unit], theirs[reference, unit], rules, allow))
    corrected, flakes = _corrected(lines, rules.alpha), None
    if rerun is not None:
        flakes = _flake_rate(references[0], rerun, names)
    return GateReport(student, tuple(corrected), rules.alpha, FIXED, flakes)


def _both(
    mine: dict[tuple[str, str], Graded], theirs: dict[tuple[str, str], Graded], key: tuple[str, str, str]
) -> None:
    student, reference, task = key
    for have, name in ((mine, student), (theirs, reference)):
        if (name, task) not in have:
            raise UserError(
                f"'{name}' has no outcomes of task '{task}'",
                fix="evaluate both on the same tasks, or name the shared ones with --task",
                code=DATA,
            )


def _task_line(new: Graded, old: Graded, rules: Rules, allow: Collection[str]) -> Line:
    notes = check_comparable(new, old, allow)
    margin, role = rules.margin(new.task)
    # a frozen reference with one seed is one given model: the new method is held against it
    row = compare_pair(new, old, fixed=(old.student,))
    counts = row.checkpoint.counts if row.checkpoint else None
    if row.clusters is not None:
        result = noninferior_t(row.clusters.test, row.n, margin, rules.alpha)
    elif row.seeds is not None:
        result = noninferior_t(row.seeds.test, row.n, margin, rules.alpha)
    elif counts is not None:
        result = noninferior_paired(counts, margin, rules.alpha)
    else:
        test = row.partial or no_test(row.difference, row.method, "no standard error")
        result = noninferior_t(test, row.n, margin, rules.alpha)
    return Line(
        new.task,
        role,
        old.student,
        result.verdict,
        result,
        row.a.accuracy,
        row.b.accuracy,
        counts,
        graded=row.n,
        items=row.n,
        failed=row.a.failed,
        notes=tuple(dict.fromkeys([*notes, *row.notes])),
    )


def _suite_line(
    name: str,
    members: list[str],
    mine: dict[tuple[str, str], Graded],
    theirs: dict[tuple[str, str], Graded],
    students: tuple[str, str],
    rules: Rules,
    allow: Collection[str],
) -> Line:
    pairs = [(mine[students[0], task], theirs[students[1], task]) for task in members]
    notes = [note for new, old in pairs for note in check_comparable(new, old, allow)]
    margin, role = rules.margin(name)
    row = compare_on_suite(
        name, pairs, families_of(members, {new.task: new for new, _ in pairs}), 0.95, (students[1],)
    )
    assert row.suite is not None
    test = row.seeds.test if row.seeds is not None else row.suite.on_items
    result = noninferior_t(test, row.n, margin, rules.alpha)
    return Line(
        name,
        role,
        students[1],
        result.verdict,
        result,
        row.a.accuracy,
        row.b.accuracy,
        graded=row.n,
        items=row.n,
        failed=row.a.failed,
        notes=tuple(dict.fromkeys([*notes, *row.notes])),
    )


def _corrected(lines: list[Line], alpha: float) -> list[Line]:
    """A FAIL must survive Holm over all lines: any one of them would fail the gate."""
    against = [1 - line.result.pvalue if line.result.pvalue is not None else 1.0 for line in lines]
    adjusted = holm(against)
    out = []
    for line, p in zip(lines, adjusted, strict=True):
        if line.verdict is Verdict.FAIL and p > alpha:
            note = "worse than the margin taken alone, not after correction over tasks (Holm)"
            out.append(replace(line, verdict=Verdict.INCONCLUSIVE, notes=(*line.notes, note)))
        else:
            out.append(line)
    return out


def _flake_rate(reference: OutcomeTable, rerun: OutcomeTable, tasks: list[str]) -> float:
    """Share of items on which two runs of one checkpoint differ."""
    first, second = grade_all(reference, tasks), grade_all(rerun, tasks)
    a, b = only_student(reference, "reference"), only_student(rerun, "second run of the reference")
    differ = total = 0
    for task in tasks:
        if (b, task) not in second:
            raise UserError(f"the second run of the reference has no task '{task}'", code=DATA)
        check_comparable(first[a, task], second[b, task])
        gap = first[a, task].by_seed()[0] != second[b, task].by_seed()[0]
        differ, total = differ + int(gap.sum()), total + int(gap.size)
    return differ / total
