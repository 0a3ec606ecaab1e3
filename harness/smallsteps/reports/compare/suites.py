"""Which tasks are subtasks of one suite, and which subtasks are one family."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from smallsteps.errors import UserError
from smallsteps.reports.compare.pairing import Graded

# BBH has three sizes of two puzzles: 27 subtasks, but 23 families.
SIZE = re.compile(r"_(three|five|seven)_objects$")
SUITE_NAMES = ("bbh", "mmlu")


def named_suites(options: Sequence[str], tasks: Sequence[str]) -> dict[str, list[str]]:
    """Suites from options `NAME=PATTERN[,PATTERN...]`, patterns as of a shell.

    Raises:
        UserError: not of this form, or a pattern that no task matches.
    """
    suites: dict[str, list[str]] = {}
    for option in options:
        name, _, patterns = option.partition("=")
        if not name or not patterns:
            raise UserError(f"--suite '{option}' is not of the form NAME=PATTERN[,PATTERN]")
        found: list[str] = []
        for pattern in patterns.split(","):
            matched = [task for task in tasks if fnmatchcase(task, pattern.strip())]
            if not matched:
                raise UserError(
                    f"--suite {name}: no task matches '{pattern}'", fix=f"tasks: {', '.join(tasks)}"
                )
            found += [task for task in matched if task not in found]
        suites[name] = found
    return suites


def known_suites(tasks: Sequence[str]) -> dict[str, list[str]]:
    """Suites that are known by name: several tasks with `bbh` in theirs."""
    suites = {}
    for name in SUITE_NAMES:
        found = [task for task in tasks if name in re.split(r"[_\W]+", task)]
        if len(found) > 1:
            suites[name] = found
    return suites


def families_of(tasks: Sequence[str], graded: Mapping[str, Graded]) -> dict[str, str]:
    """Family of each subtask: the cluster that all its items share, else its name less the puzzle's size."""
    families = {}
    for task in tasks:
        clusters = set(graded[task].clusters or ())
        families[task] = clusters.pop() if len(clusters) == 1 else SIZE.sub("", task)
    return families
