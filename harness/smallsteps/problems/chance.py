"""Chance levels from the data: what a guess and the most frequent answer are worth."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import NO_INPUT, UserError
from smallsteps.files import write_atomic
from smallsteps.problems.benchmark import Benchmark, Chance
from smallsteps.problems.finding import FILE_NAME, list_benchmarks, load_benchmark
from smallsteps.problems.forms import Form, options_of
from smallsteps.problems.loading import load_problems
from smallsteps.problems.model import Problem
from smallsteps.resources import shipped

DIGITS = 4
_BLOCK = re.compile(r"^chances?:[^\n]*\n(?:[ \t]+[^\n]*\n)*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Level:
    """The chance level of a benchmark or subtask, and whether `benchmark.yaml` says the same."""

    benchmark: str
    subtask: str | None
    chance: Chance
    recorded: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "chance": self.chance.model_dump()}

    def row(self) -> tuple[str, ...]:
        """Cells of a table."""
        numbers = (f"{self.chance.uniform:.4f}", f"{self.chance.majority or 0:.4f}")
        return (self.benchmark, self.subtask or "", *numbers, "same" if self.recorded else "differs")


@dataclass(frozen=True, slots=True)
class Survey:
    """Chance levels, and the benchmarks that have no data here with the reason."""

    levels: list[Level]
    skipped: dict[str, str]


def chance_of(problems: Sequence[Problem], form: Form) -> Chance:
    """Mean over items of 1 / number of options, and the share of the most frequent gold answer."""
    sizes = [len(options_of(problem, form)) for problem in problems]
    uniform = sum(1 / size for size in sizes if size) / len(problems)
    most = Counter(problem.answer.strip().casefold() for problem in problems).most_common(1)[0][1]
    return Chance(uniform=round(uniform, DIGITS), majority=round(most / len(problems), DIGITS))


def chances(benchmark: Benchmark, data: Path | None = None) -> tuple[Chance, dict[str, Chance]]:
    """Chance levels of the test split: over all items, and by subtask.

    Of a suite the majority level takes each subtask's most frequent answer for that subtask.

    Raises:
        UserError: the data are missing.
    """
    problems = load_problems(benchmark.name, "test", data)
    if not benchmark.subtask_names:
        return chance_of(problems, benchmark.form_of()), {}
    found, right, guessed = {}, 0.0, 0.0
    for name in benchmark.subtask_names:
        part = [problem for problem in problems if problem.tags.get("subtask") == name]
        found[name] = chance_of(part, benchmark.form_of(name))
        right += len(part) * (found[name].majority or 0.0)
        guessed += len(part) * found[name].uniform
    count = len(problems)
    return Chance(uniform=round(guessed / count, DIGITS), majority=round(right / count, DIGITS)), found


def survey(names: Sequence[str], data: Path | None = None, *, write: bool = False) -> Survey:
    """Chance levels of some benchmarks (all by default) from the data; with `write` they are recorded.

    Raises:
        UserError: unknown name, or the data of a benchmark that was named are missing.
    """
    levels: list[Level] = []
    skipped: dict[str, str] = {}
    for name in names or list_benchmarks():
        benchmark = load_benchmark(name)
        try:
            whole, parts = chances(benchmark, data)
        except UserError as error:
            if names or error.code != NO_INPUT:
                raise
            skipped[name] = error.message
            continue
        if write:
            write_chances(shipped("tasks"), benchmark, whole, parts)
        levels.append(Level(name, None, whole, write or benchmark.chance == whole))
        levels += [
            Level(name, sub, one, write or benchmark.chances.get(sub) == one) for sub, one in parts.items()
        ]
    return Survey(levels, skipped)


def write_chances(folder: Path, benchmark: Benchmark, whole: Chance, parts: dict[str, Chance]) -> bool:
    """Write the levels into `benchmark.yaml`, in place of older ones; whether the file changed."""
    path = folder / benchmark.name / FILE_NAME
    before = path.read_text(encoding="utf-8")
    block = "\n".join(_lines(whole, parts.items())) + "\n"
    rest = _BLOCK.sub("", before)
    anchor = re.search(r"^(?:stock|hub|python|files):", rest, re.MULTILINE)
    assert anchor is not None, "a benchmark has files or a python source"
    after = rest[: anchor.start()] + block + rest[anchor.start() :]
    if after != before:
        write_atomic(path, after)
    return after != before


def _lines(whole: Chance, parts: Iterable[tuple[str, Chance]]) -> list[str]:
    lines = [f"chance: {_flow(whole)}"]
    listed = [f"  {name}: {_flow(level)}" for name, level in parts]
    return [*lines, "chances:", *listed] if listed else lines


def _flow(level: Chance) -> str:
    majority = "" if level.majority is None else f", majority: {level.majority:g}"
    return f"{{uniform: {level.uniform:g}{majority}}}"
