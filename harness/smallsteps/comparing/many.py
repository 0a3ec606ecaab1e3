"""Many students on one task or suite: every pair tested as `compare` tests it, without a row for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smallsteps.comparing.rows import compare_unit, side_of
from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.stats.families import holm_array
from smallsteps.stats.model import Floats, Interval
from smallsteps.stats.paired import tango_interval_array
from smallsteps.stats.pairs import PairTests, crossed_pairs, mcnemar_pairs


def all_pairs(sheet: Sheet, students: Sequence[str], unit: Unit) -> PairTests:
    """Difference and p-value of every pair of students that have the unit.

    The numbers are those of `compare_unit`. Pairs that no closed form covers (partial credit with one run
    each, runs that do not differ at all) are sent there one by one.

    Args:
        sheet: the graded runs, seeds not paired.
        students: who is compared, in the order of the result's rows.
        unit: task or suite.
    """
    ones = np.array([side_of(sheet, student, unit).seeds == 1 for student in students])
    design = sheet.design(unit.tasks)
    binary = all(sheet.binary(student, unit) for student in students)
    weights = sheet.weights(unit)
    if design.plain and ones.all() and binary:
        return mcnemar_pairs(np.stack([sheet.graded[s, unit.tasks[0]].by_seed()[0] for s in students]))
    found = crossed_pairs([sheet.arm(student, weights, unit.tasks) for student in students], design)
    p = np.array(found.p)
    slow = _exceptions(sheet, students, unit, ones, p)
    for a, b in slow:
        row = compare_unit(sheet, students[a], students[b], unit)
        p[a, b] = p[b, a] = np.nan if row.p is None else row.p
    return PairTests(found.difference, p)


def against(
    sheet: Sheet, students: Sequence[str], baseline: str, unit: Unit
) -> list[tuple[float, Interval | None]]:
    """Difference of each student from a baseline, with the interval that `compare_unit` gives it."""
    everybody = [*students, baseline]
    plain = sheet.design(unit.tasks).plain and all(sheet.binary(name, unit) for name in everybody)
    if not plain or any(side_of(sheet, name, unit).seeds != 1 for name in everybody):
        rows = [compare_unit(sheet, student, baseline, unit) for student in students]
        return [(row.difference, row.interval) for row in rows]
    scores = np.stack([sheet.graded[name, unit.tasks[0]].by_seed()[0] for name in everybody])
    mine, theirs = scores[:-1], scores[-1]
    both = mine @ theirs
    b, c, n = mine.sum(axis=1) - both, theirs.sum() - both, scores.shape[1]
    low, high = tango_interval_array(b, c, n, sheet.confidence)
    pairs = zip(((b - c) / n).tolist(), low.tolist(), high.tolist(), strict=True)
    return [(difference, Interval(lower, upper)) for difference, lower, upper in pairs]


def _exceptions(
    sheet: Sheet, students: Sequence[str], unit: Unit, ones: np.ndarray, p: Floats
) -> list[tuple[int, int]]:
    """Pairs that `compare_unit` does not test by the contrast."""
    agree = np.array([sheet.seeds(student, unit.tasks) is not None for student in students])
    fixed = np.array([sheet.is_fixed(student, unit.tasks) for student in students])
    plain = sheet.design(unit.tasks).plain
    lone = ones & ~fixed  # one seed of a method: no test against a method with several
    out = []
    for a in range(len(students)):
        for b in range(a + 1, len(students)):
            both_one = ones[a] and ones[b]
            unlike = (lone[a] and not ones[b]) or (lone[b] and not ones[a])
            if unlike or not (agree[a] and agree[b]) or (both_one and (plain or np.isnan(p[a, b]))):
                out.append((a, b))
    return out


def adjusted_pairs(units: Sequence[PairTests]) -> list[Floats]:
    """P-values adjusted over all pairs of all units together (Holm); NaN stays.

    Args:
        units: of one board, which is one family.
    """
    upper = [np.triu_indices(len(tests.p), 1) for tests in units]
    raw = [tests.p[index] for tests, index in zip(units, upper, strict=True)]
    joined = np.concatenate(raw) if raw else np.zeros(0)
    known = ~np.isnan(joined)
    joined[known] = holm_array(joined[known])
    out, start = [], 0
    for tests, index in zip(units, upper, strict=True):
        matrix = np.full_like(tests.p, np.nan)
        part = joined[start : start + len(index[0])]
        matrix[index] = part
        matrix.T[index] = part
        out.append(matrix)
        start += len(part)
    return out
