"""lm-eval task files from `benchmark.yaml`: the files in `tasks/` are what this module writes, to the byte.

python -m smallsteps.evaluation.task_files        writes them into the checkout's tasks folder

Those of a user's own benchmarks are generated for each run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from smallsteps.errors import UserError, nearest, unknown_name
from smallsteps.evaluation.docs import GAP
from smallsteps.files import write_atomic
from smallsteps.problems import Benchmark, list_benchmarks, load_benchmark, named_benchmark
from smallsteps.problems.benchmark import Variant
from smallsteps.problems.finding import is_path
from smallsteps.problems.listing import GROUPS, in_group
from smallsteps.problems.tasks import LIKELIHOOD, PREFIX, subtasks_of, task_name
from smallsteps.problems.variants import CUE, asking
from smallsteps.resources import shipped

HEADER = "# Written by smallsteps.evaluation.task_files from benchmark.yaml; change that file instead.\n"
# The metrics of a suite's group, averaged over items (True) or subtasks; lm-eval allows one way per metric.
SCORES = {"flexible": True, "strict": True, "unparsed": True, "malformed": True, "flexible_macro": False}
LIKELIHOODS = {"acc": True, "acc_norm": True, "acc_bytes": True}


def asked_task(name: str) -> str:
    """The task that is meant by a path of an own benchmark: its base task. Other names stay as they are."""
    return task_name(named_benchmark(name), "question") if is_path(name) else name


def unknown_task(name: str, known: Iterable[str], *, where: str | None = None) -> UserError:
    """The error for a task that does not exist, with the nearest one; the prefix of ours may be left out."""
    names = {task.removeprefix(PREFIX): task for task in sorted(known)}
    close = nearest(name.removeprefix(PREFIX), names)
    if close is not None:
        return UserError(f"unknown task '{name}'", where=where, fix=f"did you mean '{names[close]}'?")
    hint = "'smallsteps tasks ls' lists the benchmarks"
    # without the prefix, which would make any two names similar
    error = unknown_name("task", name.removeprefix(PREFIX), names.values(), where=where, hint=hint)
    error.message = f"unknown task '{name}'"
    return error


def files_of(benchmark: Benchmark) -> dict[str, str]:
    """Path below the benchmark's folder -> text, of all its task files."""
    files: dict[str, str] = {}
    for variant, chosen in benchmark.variants.items():
        if not benchmark.subtasks:
            name = task_name(benchmark.name, variant)
            files[f"{name}.yaml"] = _task(benchmark, variant, chosen, None)
            continue
        for subtask in subtasks_of(benchmark, variant):
            name = task_name(benchmark.name, variant, subtask)
            files[f"{variant}/{name}.yaml"] = _task(benchmark, variant, chosen, subtask)
        members = [task_name(benchmark.name, variant, subtask) for subtask in subtasks_of(benchmark, variant)]
        group = task_name(benchmark.name, variant)
        metrics = LIKELIHOODS if variant == LIKELIHOOD else SCORES
        files[f"{group}.yaml"] = _group(group, members, benchmark.version, metrics)
    return files


def group_files(benchmarks: Iterable[Benchmark]) -> dict[str, str]:
    """Path below the tasks folder -> text, of the groups that hold groups; all others are tags, see `_tags`.

    lm-eval refuses two groups with a common task in one run, but not two tags; `math` and `transfer` overlap.
    """
    real = [b for b in benchmarks if b.suite != "micro"]
    groups = {"generic": [b for b in real if in_group(b, "generic")], "all": real}
    files = {}
    for name, found in groups.items():
        for variant, end in (("question", ""), (LIKELIHOOD, f"_{LIKELIHOOD}")):
            members = [task_name(b.name, variant) for b in found if has_variant(b, variant)]
            if members:
                files[f"_groups/{PREFIX}{name}{end}.yaml"] = _group(f"{PREFIX}{name}{end}", members, 1)
    return files


def has_variant(benchmark: Benchmark, variant: str) -> bool:
    """Whether a benchmark has this variant."""
    return any(variant == known for known in benchmark.variants)


def tags_of(benchmark: Benchmark, variant: str) -> list[str]:
    """Tags under which lm-eval runs several benchmarks at once: of base tasks, and of likelihood tasks."""
    if variant not in ("question", LIKELIHOOD):
        return []
    end = f"_{LIKELIHOOD}" if variant == LIKELIHOOD else ""
    found = [name for name in GROUPS if name not in ("generic", "all") and in_group(benchmark, name)]
    return [f"{PREFIX}{name}{end}" for name in found]


def all_files(root: Path | None = None) -> dict[str, str]:
    """Path below the tasks folder -> text, of everything this module writes."""
    folder = root or shipped("tasks")
    benchmarks = [load_benchmark(name, folder) for name in list_benchmarks(folder)]
    files = {f"{b.name}/{path}": text for b in benchmarks for path, text in files_of(b).items()}
    return {**files, **group_files(benchmarks)}


def _task(benchmark: Benchmark, variant: str, chosen: Variant, subtask: str | None) -> str:
    if variant == LIKELIHOOD:
        return _likelihood(benchmark, chosen, subtask)
    raw = variant != "question"
    up = "../../" if subtask else "../"
    shots = benchmark.exemplars[chosen.exemplars].count if chosen.exemplars else 0
    template = "in_context" if shots else "raw" if raw else "question"
    arguments = {"benchmark": benchmark.name, "variant": variant}
    if subtask:
        arguments["subtask"] = subtask
    # A model that continues with a new question is stopped there; a bare letter never stops it.
    until = json.dumps(["\nQ:"] if raw else [])
    lines = [
        f"include: {up}_common/{template}_yaml",
        f"task: {task_name(benchmark.name, variant, subtask)}",
        f"dataset_kwargs: {_flow(arguments)}",
    ]
    if not subtask and (tags := tags_of(benchmark, variant)):
        lines.insert(2, f"tag: [{', '.join(tags)}]")
    if raw:
        lines.append(f"doc_to_text: {json.dumps(asking(variant).prompt.replace(CUE, chosen.cue))}")
    if shots:
        lines.append(f"num_fewshot: {shots}")
    if asking(variant).delimiter != " ":
        lines.append(f"target_delimiter: {json.dumps(asking(variant).delimiter)}")
    lines += [
        f"generation_kwargs: {{until: {until}, max_gen_toks: {chosen.max_tokens}, do_sample: false}}",
        f"metadata: {{version: {benchmark.version}, prompt: {'raw' if raw else 'question'}}}",
    ]
    return HEADER + "\n".join(lines) + "\n"


def _likelihood(benchmark: Benchmark, chosen: Variant, subtask: str | None) -> str:
    gap = benchmark.reader == GAP
    arguments = {"benchmark": benchmark.name, "variant": LIKELIHOOD}
    if subtask:
        arguments["subtask"] = subtask
    lines = [
        f"include: {'../../' if subtask else '../'}_common/{'gap' if gap else 'likelihood'}_yaml",
        f"task: {task_name(benchmark.name, LIKELIHOOD, subtask)}",
        f"dataset_kwargs: {_flow(arguments)}",
    ]
    if not subtask and (tags := tags_of(benchmark, LIKELIHOOD)):
        lines.insert(2, f"tag: [{', '.join(tags)}]")
    if not gap:
        lines.append(f"doc_to_text: {json.dumps(chosen.prompt or asking(LIKELIHOOD).prompt)}")
    metadata = {"version": str(benchmark.version), "prompt": "raw", "measure": LIKELIHOOD}
    lines.append(f"metadata: {_flow({**metadata, 'score': chosen.metric})}")
    return HEADER + "\n".join(lines) + "\n"


def _group(name: str, members: list[str], version: int, metrics: Mapping[str, bool] | None = None) -> str:
    """A group file; `metrics` are averaged, those that are True by size."""
    lines = [f"group: {name}", "task:", *(f"  - {member}" for member in members)]
    if metrics:
        lines.append("aggregate_metric_list:")
        lines += [
            f"  - {{metric: {metric}, aggregation: mean, weight_by_size: {'true' if by_size else 'false'}}}"
            for metric, by_size in metrics.items()
        ]
    return HEADER + "\n".join([*lines, f"metadata: {{version: {version}}}"]) + "\n"


def _flow(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"


def own_files() -> dict[str, str]:
    """Path -> text, of the task files of all the user's own benchmarks and of the templates they include."""
    templates = sorted((shipped("tasks") / "_common").glob("*_yaml"))
    files = {f"_common/{template.name}": template.read_text() for template in templates}
    for benchmark in map(load_benchmark, list_benchmarks()):
        if benchmark.own is not None:
            files |= {f"{benchmark.name}/{path}": text for path, text in files_of(benchmark).items()}
    return files


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
