"""Names of our lm-eval tasks: put together, taken apart, and what follows from them without any data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from smallsteps.errors import unknown_name
from smallsteps.problems.benchmark import Benchmark, Chance
from smallsteps.problems.finding import HINT, is_path, list_benchmarks, load_benchmark, named_benchmark
from smallsteps.problems.forms import Form

PREFIX = "smallsteps_"
LIKELIHOOD = "likelihood"


class Measure(StrEnum):
    """What a task measures with: generated text, or the likelihood of the answers that are allowed."""

    GENERATION = "generation"
    LIKELIHOOD = "likelihood"


@dataclass(frozen=True, slots=True)
class TaskParts:
    """A benchmark's name or an lm-eval task's name taken apart; no variant means all of them."""

    benchmark: str
    variant: str | None = None
    subtask: str | None = None


def task_name(benchmark: str, variant: str, subtask: str | None = None) -> str:
    """`smallsteps_gsm8k`, `smallsteps_gsm8k_cot`, `smallsteps_bbh_cot_navigate`."""
    parts = [benchmark, *([] if variant == "question" else [variant]), *([subtask] if subtask else [])]
    return PREFIX + "_".join(parts)


def parse_task(name: str, folder: Path | None = None) -> TaskParts | None:
    """A name taken apart; None when it is neither a benchmark nor one of our tasks."""
    known = list_benchmarks(folder)
    if name in known:
        return TaskParts(name)
    if not name.startswith(PREFIX):
        return None
    rest = name.removeprefix(PREFIX)
    for found in sorted(known, key=len, reverse=True):
        if rest != found and not rest.startswith(f"{found}_"):
            continue
        benchmark = load_benchmark(found, folder)
        for variant in benchmark.variants:
            for subtask in (None, *(subtasks_of(benchmark, variant) if benchmark.subtasks else ())):
                if task_name(found, variant, subtask) == name:
                    return TaskParts(found, variant, subtask)
    return None


def find_task(name: str) -> TaskParts:
    """Take a name apart; the path of an own benchmark is that benchmark.

    Raises:
        UserError: neither a benchmark nor one of our tasks.
    """
    if is_path(name):
        return TaskParts(named_benchmark(name))
    parts = parse_task(name)
    if parts is None:
        known = [*list_benchmarks()]
        for benchmark in map(load_benchmark, list_benchmarks()):
            for variant in benchmark.variants:
                subtasks = subtasks_of(benchmark, variant) if benchmark.subtasks else []
                known += [task_name(benchmark.name, variant, subtask) for subtask in (None, *subtasks)]
        raise unknown_name("benchmark or task", name, known, hint=HINT)
    return parts


def subtasks_of(benchmark: Benchmark, variant: str) -> list[str]:
    """The subtasks that a variant asks; a likelihood needs a closed set of answers."""
    names = benchmark.subtask_names
    if variant != LIKELIHOOD:
        return names
    return [name for name in names if benchmark.form_of(name).closed]


def form_of_task(task: str, subtask: str | None = None, folder: Path | None = None) -> Form | None:
    """What the answers of a task (or one subtask of it) look like; None for a task that is not ours."""
    parts = parse_task(task, folder)
    if parts is None:
        return None
    return load_benchmark(parts.benchmark, folder).form_of(subtask or parts.subtask)


def chance_levels(task: str, subtask: str | None = None, folder: Path | None = None) -> Chance | None:
    """Chance levels of one of our lm-eval tasks, groups or benchmarks, from `benchmark.yaml` alone.

    Args:
        task: for example `smallsteps_bbh_cot_navigate`, `smallsteps_bbh`, `gsm8k`.
        subtask: of a task that holds several (`smallsteps_micro_generic` has them as clusters).
        folder: tasks folder, the shipped one unless given.

    Returns:
        Of a suite the mean over items, with the most frequent answer of each subtask taken for itself.
        None for a task or subtask that is not ours, or whose levels are not known.
    """
    parts = parse_task(task, folder)
    if parts is None:
        return None
    benchmark = load_benchmark(parts.benchmark, folder)
    chosen = subtask or parts.subtask
    if chosen is not None:
        return benchmark.chances.get(chosen)
    if parts.variant == LIKELIHOOD and benchmark.chances:
        return _mean(benchmark, subtasks_of(benchmark, LIKELIHOOD))
    return benchmark.chance


def _mean(benchmark: Benchmark, subtasks: list[str]) -> Chance | None:
    """Mean over the items of some subtasks."""
    levels = [benchmark.chances.get(name) for name in subtasks]
    sizes = [(file.rows if (file := benchmark.files.get(name)) else None) or 1 for name in subtasks]
    if not levels or None in levels:
        return None
    known = [level for level in levels if level is not None]

    def mean(values: list[float]) -> float:
        total = sum(size * value for size, value in zip(sizes, values, strict=True))
        return round(total / sum(sizes), 4)

    best = [level.majority for level in known if level.majority is not None]
    majority = mean(best) if len(best) == len(known) else None
    return Chance(uniform=mean([level.uniform for level in known]), majority=majority)


def measure_of(task: str) -> Measure:
    """Whether a task is scored by generated text or by likelihood; tasks that are not ours count as text."""
    parts = parse_task(task)
    return Measure.LIKELIHOOD if parts and parts.variant == LIKELIHOOD else Measure.GENERATION


def twin_of(task: str) -> str | None:
    """The task that asks the same items by the other measure; None where there is none.

    Of a likelihood task the twin is the base task (`question`); all generation variants have the same
    likelihood twin. Twins share the pairing keys of their items.
    """
    parts = parse_task(task)
    if parts is None or parts.variant is None:
        return None
    benchmark = load_benchmark(parts.benchmark)
    known: list[str] = list(benchmark.variants)
    other = "question" if parts.variant == LIKELIHOOD else LIKELIHOOD
    if other not in known:
        return None
    if parts.subtask is not None and parts.subtask not in subtasks_of(benchmark, other):
        return None
    return task_name(parts.benchmark, other, parts.subtask)
