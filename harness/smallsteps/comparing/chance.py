"""Chance levels of tasks and their parts: the better of a uniform guess and of always giving one answer."""

from __future__ import annotations

from collections.abc import Mapping

from smallsteps.comparing.sheet import Sheet, Unit
from smallsteps.comparing.suites import benchmark_of, subtask_of
from smallsteps.problems import chance_levels


def chance_of(task: str, part: str | None = None) -> float | None:
    """Chance accuracy of a task, or of one part of it; None where it is not known.

    Tasks of others are known by the benchmark that their name speaks of.
    """
    found = chance_levels(task, part)
    if found is None and (benchmark := benchmark_of(task)) is not None:
        found = chance_levels(benchmark, part or subtask_of(task, benchmark))
    return None if found is None else found.best


def chance_of_unit(sheet: Sheet, unit: Unit, given: Mapping[str, float]) -> float | None:
    """Chance accuracy of a task or suite, each part weighing as much as it has items; None if any is unknown.

    Args:
        sheet: the graded runs.
        unit: task or suite.
        given: chance levels by task or unit that the user knows better.
    """
    if unit.name in given:
        return given[unit.name]
    total = 0.0
    for task, weight in sheet.weights(unit).items():
        level = given[task] if task in given else _over_parts(sheet, task)
        if level is None:
            return None
        total += weight * level
    return total


def _over_parts(sheet: Sheet, task: str) -> float | None:
    strata = sheet.layouts[task].strata
    if strata is None:
        return chance_of(task)
    of_part = {part: chance_of(task, part) for part in dict.fromkeys(strata)}
    levels = [of_part[part] for part in strata]
    known = [level for level in levels if level is not None]
    return sum(known) / len(known) if len(known) == len(levels) else None
