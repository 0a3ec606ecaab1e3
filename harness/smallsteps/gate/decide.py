"""A gate on finished runs: one non-inferiority test per task or suite, on the rows of a comparison."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from smallsteps.comparing.compare import check_unit, units_of
from smallsteps.comparing.graded import Graded, check_comparable, grade_all, students_of, tasks_of
from smallsteps.comparing.rows import compare_unit
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.errors import DATA, UserError
from smallsteps.gate.model import GateReport, Line
from smallsteps.gate.rules import Rules
from smallsteps.outcomes import OutcomeTable
from smallsteps.stats.families import holm
from smallsteps.stats.noninferiority import (
    NonInferiority,
    Verdict,
    judge,
    noninferior_paired,
    noninferior_t,
)
from smallsteps.stats.partial import unvarying_interval

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
    units = units_of(names, suites)
    rules.check_names([unit.name for unit in units])
    mine = grade_all(new, names)
    lines: list[Line] = []
    for table in references:
        reference = only_student(table, "reference")
        theirs = grade_all(table, names)
        for name in names:
            _both(mine, theirs, (student, reference, name))
        # the two may carry the same name: they are told apart by their side
        graded = {("new", name): mine[student, name] for name in names}
        graded |= {("reference", name): theirs[reference, name] for name in names}
        # a gate asks about given models: a side with one seed is that checkpoint, not a draw from its method
        sheet = Sheet(graded, units, ("new", "reference"))
        lines += [_line(sheet, unit, reference, rules, allow) for unit in units]
    unseen = sorted(set(tasks_of(new, ())) - set(names)) if not tasks else []
    notes = (
        (f"not judged, since the reference has no outcomes of them: {', '.join(unseen)}",) if unseen else ()
    )
    flakes = _flake_rate(references[0], rerun, names) if rerun is not None else None
    return GateReport(student, tuple(corrected(lines, rules.alpha)), rules.alpha, FIXED, flakes, notes)


def _both(
    mine: Mapping[tuple[str, str], Graded],
    theirs: Mapping[tuple[str, str], Graded],
    key: tuple[str, str, str],
) -> None:
    student, reference, task = key
    for have, name in ((mine, student), (theirs, reference)):
        if (name, task) not in have:
            raise UserError(
                f"'{name}' has no outcomes of task '{task}'",
                fix="evaluate both on the same tasks, or name the shared ones with --task",
                code=DATA,
            )


def _line(sheet: Sheet, unit: Unit, reference: str, rules: Rules, allow: Collection[str]) -> Line:
    notes = check_unit(sheet, "new", "reference", unit, allow)
    notes = [
        note.replace("'new'", "the new student").replace("'reference'", f"'{reference}'") for note in notes
    ]
    if len(unit.tasks) == 1:
        notes = [note.removeprefix(f"{unit.name}: ") for note in notes]
    margin, role = rules.margin(unit.name)
    row = compare_unit(sheet, "new", "reference", unit)
    counts = row.checkpoint.counts if row.checkpoint else None
    if counts is not None:
        result = noninferior_paired(counts, margin, rules.alpha)
    elif row.interval is not None and row.test.interval is None:
        units = row.clusters.clusters if row.clusters else row.n
        result = _unvarying(row.difference, units, margin, rules.alpha, row.method)
    else:
        result = noninferior_t(row.test, row.n, margin, rules.alpha)
    if row.seeds is not None:  # how many items would do depends on the seeds as well
        result = replace(result, items_needed=None)
        notes += [
            f"{name} is taken as one given model"
            for side, name in (("new", "the new student"), ("reference", f"'{reference}'"))
            if sheet.is_fixed(side, unit.tasks)
        ]
    return Line(
        unit.name,
        role,
        reference,
        result.verdict,
        result,
        row.a.accuracy,
        row.b.accuracy,
        counts,
        graded=row.n,
        items=row.n,
        failed=row.a.failed,
        notes=tuple(dict.fromkeys([*notes, *(note for note in row.notes if note != result.note)])),
        seeds_vary=row.seeds is not None,
    )


def _unvarying(difference: float, n: int, margin: float, alpha: float, method: str) -> NonInferiority:
    """Partial credit that differs by the same amount on every item: limits without a standard error."""
    limits = unvarying_interval(difference, n, 1 - 2 * alpha)
    verdict, regressed = judge(limits, margin)
    return NonInferiority(
        verdict, regressed, difference, limits, margin, None, max(0.0, -limits.low), n, None, method
    )


def corrected(lines: list[Line], alpha: float) -> list[Line]:
    """A FAIL, and a regression, must survive Holm over all lines: any one of them would be a false alarm.

    A PASS needs no correction: the gate passes only if every line does (an intersection-union test).
    """
    failing = holm([_p_beyond(line) for line in lines])
    worse = holm([_p_worse(line) for line in lines])
    out = []
    for line, p_fail, p_worse in zip(lines, failing, worse, strict=True):
        regressed = line.result.regressed and p_worse <= alpha
        changed = replace(line, result=replace(line.result, regressed=regressed))
        if line.verdict is Verdict.FAIL and p_fail > alpha:
            note = "worse than the margin taken alone, not after correction over tasks (Holm)"
            changed = replace(changed, verdict=Verdict.INCONCLUSIVE, notes=(*line.notes, note))
        out.append(changed)
    return out


def _p_beyond(line: Line) -> float:
    """One-sided p of "the loss is the margin or less"; where only limits are known, 0 or 1 by them."""
    if line.result.pvalue is not None:
        return 1 - line.result.pvalue
    return 0.0 if line.result.verdict is Verdict.FAIL else 1.0


def _p_worse(line: Line) -> float:
    """One-sided p of "no loss at all"; where only limits are known, 0 or 1 by them."""
    if line.result.pvalue_of_loss is not None:
        return line.result.pvalue_of_loss
    return 0.0 if line.result.regressed else 1.0


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
