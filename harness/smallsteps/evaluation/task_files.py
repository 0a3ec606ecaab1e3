"""lm-eval task files from `benchmark.yaml`: the files in `tasks/` are what this module writes, to the byte.

python -m smallsteps.evaluation.task_files        writes them into the checkout's tasks folder
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import unknown_name
from smallsteps.files import write_atomic
from smallsteps.problems import Benchmark, list_benchmarks, load_benchmark
from smallsteps.problems.benchmark import Variant
from smallsteps.problems.listing import GROUPS, in_group
from smallsteps.resources import shipped

PREFIX = "smallsteps_"
HEADER = "# Written by smallsteps.evaluation.task_files from benchmark.yaml; change that file instead.\n"
# The question alone for the student's scheme; our layout for other models; that of Fu et al. (2301.12726).
PROMPTS: dict[str, str] = {
    "question": "{{question}}",
    "answer_only": "Q: {{question}}\nA:",
    "cot": "Q: {{question}}\nA: CUE",
    "socratic": "Q: {{question}}",
    "zeroshot_answer_only": "Q: {{question}}\nA: The answer is",
    "zeroshot_cot": "Q: {{question}}\nA: CUE",
    "fu_icl_answer_only": "Q: {{question}}\nA:",
    "fu_icl_cot": "Q: {{question}}\nLet's think step by step",
    "fu_zeroshot_answer_only": "Q: {{question}} A:",
    "fu_zeroshot_cot": "Q: {{question}}\nLet's think step by step",
}


def task_name(benchmark: str, variant: str, subtask: str | None = None) -> str:
    """`smallsteps_gsm8k`, `smallsteps_gsm8k_cot`, `smallsteps_bbh_cot_navigate`."""
    parts = [benchmark, *([] if variant == "question" else [variant]), *([subtask] if subtask else [])]
    return PREFIX + "_".join(parts)


def delimiter_of(variant: str) -> str:
    """What stands between an example's question and its reply."""
    return "\n" if variant in ("socratic", "fu_icl_cot") else " "


@dataclass(frozen=True, slots=True)
class TaskParts:
    """A benchmark's name or an lm-eval task's name taken apart; no variant means all of them."""

    benchmark: str
    variant: str | None = None
    subtask: str | None = None


def find_task(name: str) -> TaskParts:
    """Take a name apart.

    Raises:
        UserError: neither a benchmark nor one of our tasks.
    """
    known: dict[str, TaskParts] = {}
    for found in list_benchmarks():
        benchmark = load_benchmark(found)
        known[found] = TaskParts(found)
        for variant in benchmark.variants:
            known[task_name(found, variant)] = TaskParts(found, variant)
            for subtask in benchmark.subtask_names if benchmark.subtasks else ():
                known[task_name(found, variant, subtask)] = TaskParts(found, variant, subtask)
    if name not in known:
        raise unknown_name("benchmark or task", name, known)
    return known[name]


def split_by_subtask(benchmark: Benchmark) -> bool:
    """Whether each subtask is a task of its own (in context, where each has its own examples)."""
    return benchmark.subtasks


def files_of(benchmark: Benchmark) -> dict[str, str]:
    """Path below the benchmark's folder -> text, of all its task files."""
    files: dict[str, str] = {}
    for variant, chosen in benchmark.variants.items():
        if not split_by_subtask(benchmark):
            name = task_name(benchmark.name, variant)
            files[f"{name}.yaml"] = _task(benchmark, variant, chosen, None)
            continue
        for subtask in benchmark.subtask_names:
            name = task_name(benchmark.name, variant, subtask)
            files[f"{variant}/{name}.yaml"] = _task(benchmark, variant, chosen, subtask)
        members = [task_name(benchmark.name, variant, subtask) for subtask in benchmark.subtask_names]
        group = task_name(benchmark.name, variant)
        files[f"{group}.yaml"] = _group(group, members, benchmark.version, averaged=True)
    return files


def group_files(benchmarks: Iterable[Benchmark]) -> dict[str, str]:
    """Path below the tasks folder -> text, of the groups that hold groups; all others are tags, see `_tags`.

    lm-eval refuses two groups with a common task in one run, but not two tags; `math` and `transfer` overlap.
    """
    real = [b for b in benchmarks if b.suite != "micro"]
    groups = {"generic": [b for b in real if in_group(b, "generic")], "all": real}
    return {
        f"_groups/{PREFIX}{name}.yaml": _group(
            PREFIX + name, [task_name(b.name, "question") for b in found], 1
        )
        for name, found in groups.items()
        if found
    }


def _tags(benchmark: Benchmark) -> list[str]:
    """Tags of a benchmark's base task, under which lm-eval runs several benchmarks at once."""
    return [PREFIX + name for name in GROUPS if name not in ("generic", "all") and in_group(benchmark, name)]


def all_files(root: Path | None = None) -> dict[str, str]:
    """Path below the tasks folder -> text, of everything this module writes."""
    folder = root or shipped("tasks")
    benchmarks = [load_benchmark(name, folder) for name in list_benchmarks(folder)]
    files = {f"{b.name}/{path}": text for b in benchmarks for path, text in files_of(b).items()}
    return {**files, **group_files(benchmarks)}


def _task(benchmark: Benchmark, variant: str, chosen: Variant, subtask: str | None) -> str:
    raw = variant != "question"
    up = "../../" if subtask else "../"
    shots = benchmark.exemplars[chosen.exemplars].count if chosen.exemplars else 0
    template = "in_context" if shots else "raw" if raw else "question"
    arguments = {"benchmark": benchmark.name, "variant": variant}
    if subtask:
        arguments["subtask"] = subtask
    # A model that goes on with a question of its own is stopped there; no bare letter ever stops it.
    until = json.dumps(["\nQ:"] if raw else [])
    lines = [
        f"include: {up}_common/{template}_yaml",
        f"task: {task_name(benchmark.name, variant, subtask)}",
        f"dataset_kwargs: {_flow(arguments)}",
    ]
    if not raw and not subtask and _tags(benchmark):
        lines.insert(2, f"tag: [{', '.join(_tags(benchmark))}]")
    if raw:
        lines.append(f"doc_to_text: {json.dumps(PROMPTS[variant].replace('CUE', chosen.cue))}")
    if shots:
        lines.append(f"num_fewshot: {shots}")
    if delimiter_of(variant) != " ":
        lines.append(f"target_delimiter: {json.dumps(delimiter_of(variant))}")
    lines += [
        f"generation_kwargs: {{until: {until}, max_gen_toks: {chosen.max_tokens}, do_sample: false}}",
        f"metadata: {{version: {benchmark.version}, prompt: {'raw' if raw else 'question'}}}",
    ]
    return HEADER + "\n".join(lines) + "\n"


def _group(name: str, members: list[str], version: int, averaged: bool = False) -> str:
    lines = [f"group: {name}", "task:", *(f"  - {member}" for member in members)]
    if averaged:
        lines.append("aggregate_metric_list:")
        lines += [
            f"  - {{metric: {metric}, aggregation: mean, weight_by_size: {by_size}}}"
            for metric, by_size in (
                *((metric, "true") for metric in ("flexible", "strict", "unparsed")),
                (
                    "flexible_macro",
                    "false",
                ),  # lm-eval averages a metric in one way only, hence the second name
            )
        ]
    return HEADER + "\n".join([*lines, f"metadata: {{version: {version}}}"]) + "\n"


def _flow(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


def write(root: Path) -> list[str]:
    """Write all task files, remove those of earlier versions, and return the changed paths."""
    files = all_files(root)
    changed = []
    for path in root.glob("*/**/*.yaml"):
        relative = path.relative_to(root).as_posix()
        if path.read_text().startswith(HEADER) and relative not in files:
            path.unlink()
            changed.append(relative)
    for relative, text in files.items():
        path = root / relative
        if not path.exists() or path.read_text() != text:
            write_atomic(path, text)
            changed.append(relative)
    return sorted(changed)


if __name__ == "__main__":
    for line in write(shipped("tasks")):
        print(line)
