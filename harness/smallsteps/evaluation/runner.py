"""One student on some tasks: lm-eval's own files, outcomes and a manifest, in one run directory."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smallsteps.errors import CANNOT_CREATE, IO_ERROR, UserError
from smallsteps.files import sha256_file, sha256_of, write_atomic
from smallsteps.integrity import write_sealed
from smallsteps.manifest import provenance
from smallsteps.outcomes import OutcomeTable, read_outcomes, write_outcomes
from smallsteps.outcomes.run_folder import MANIFEST, SCHEMA, check_run, read_manifest
from smallsteps.problems.finding import own_content
from smallsteps.resources import shipped
from smallsteps.schemes import code_of_scheme
from smallsteps.startup import importing
from smallsteps.students.recorded import changed_files, unchanged

if TYPE_CHECKING:
    from smallsteps.evaluation.model import SmallstepsLM
    from smallsteps.evaluation.progress import Progress
    from smallsteps.evaluation.system import System

OUTCOMES = "outcomes.parquet"
SOLUTIONS = "solutions.jsonl"
CHUNKS = "responses"
MODEL_FILES = "model_files"  # in the manifest; not in the key, which weights and settings alone decide
NUMERICS = ("dtype", "device", "batch_size", "precision")  # settings whose resolved values name a run


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a run.

    Attributes:
        tasks: names of lm-eval tasks or groups.
        limit: items of each task; None is all. draw: version of the rule that chooses them, see
            `smallsteps.evaluation.draw`; None takes the first ones.
        samples: texts per item; None leaves it to the task.
        temperature, max_new_tokens: override the tasks'; None leaves them.
        seed: of the sampling.
        scheme: overrides the student's; plans: `own`, or `gold` sub-questions for the solver.
        dtype, device, batch_size, precision, revision: see `load_system`.
        format: how it is asked, a `FormatSpec` as plain values; None is what its card says.
        stop: texts that end a reply; None is what `load_system` decides.
        split: of the problems.
        vote: whether an item's samples are one outcome, their most frequent answer.
    """

    tasks: tuple[str, ...]
    limit: int | None = None
    samples: int | None = None
    temperature: float | None = None
    max_new_tokens: int | None = None
    seed: int = 0
    scheme: str | None = None
    plans: str = "own"
    dtype: str = "auto"
    device: str = "auto"
    batch_size: int | None = None
    revision: str | None = None
    precision: str | None = None
    format: dict[str, Any] | None = None
    stop: tuple[str, ...] | None = None
    split: str = "test"
    draw: str | None = None
    vote: bool = False

    def named(self) -> dict[str, Any]:
        """The settings that identify a run; unset ones are left out, so that new settings change no key."""
        left_out = [name for name in ("format", "stop", "draw") if getattr(self, name) is None]
        left_out += ["split"] if self.split == "test" else []
        left_out += [] if self.vote else ["vote"]
        return {name: value for name, value in asdict(self).items() if name not in left_out}


def evaluate(
    student: str | Path,
    settings: Settings,
    out: Path,
    *,
    label: str | None = None,
    seed: int | None = None,
    data: Path | None = None,
    include: Sequence[Path] = (),
    progress: Progress | None = None,
) -> OutcomeTable:
    """Evaluate and write the run; a run that is already there is only read.

    An interrupted run resumes: texts are saved every few seconds, keyed by everything that affects them.
    A run graded by an earlier version of the rules is graded again from its stored answers.

    Args:
        student: student directory, Hugging Face folder or hub id.
        out: run directory.
        label: name in the outcomes (default: the card's); seed: its training seed (default: the card's).
        data: offline data directory; include: folders with further lm-eval tasks.
        progress: see `Progress`.

    Raises:
        UserError: bad student, task or data, or `out` holds another run.
    """
    from smallsteps.evaluation.system import load_system

    system = load_system(
        student,
        scheme=settings.scheme,
        plans=settings.plans,
        revision=settings.revision,
        dtype=settings.dtype,
        device=settings.device,
        batch_size=settings.batch_size,
        precision=settings.precision,
        format=settings.format,
        stop=settings.stop,
    )
    inputs = {
        "settings": settings.named(),
        "numerics": system.numerics.as_dict(),
        "system": system.identity,
        "label": label or system.student.name,
        "seed": seed if seed is not None else system.student.seed,
        MODEL_FILES: system.model_files(),
        **_own_inputs(settings.tasks, settings.scheme or system.student.scheme),
    }
    from smallsteps.evaluation.scoring import RULES

    key = _key(inputs)
    before = _finished(out, key, inputs)
    if before is not None and before.get("scorer") == RULES:
        return read_outcomes(out / OUTCOMES)
    with unchanged(system.files, during="evaluation"):
        return _run(system, settings, out, inputs, key, data, include, progress, before)


def _own_inputs(tasks: Sequence[str], scheme: str) -> dict[str, Any]:
    """Hashes of the user's own benchmarks behind some tasks and of an own scheme; empty for shipped ones."""
    content, code = own_content(tasks=tasks), code_of_scheme(scheme)
    benchmarks = {"own_benchmarks": content} if content else {}
    return {**benchmarks, **({"own_scheme": code} if code else {})}


def _key(inputs: dict[str, Any]) -> str:
    """Hash of everything that affects the outcomes: the numerics as used, not as requested."""
    asked = {name: value for name, value in inputs["settings"].items() if name not in NUMERICS}
    own = {name: value for name, value in inputs.items() if name.startswith("own_")}
    parts = [SCHEMA, asked, inputs["system"], inputs["label"], inputs["seed"]]
    return sha256_of([*parts, own] if own else parts)


def _finished(out: Path, key: str, inputs: dict[str, Any]) -> dict[str, Any] | None:
    """The manifest of a whole run of these inputs, None when there is none."""
    if not (out / MANIFEST).exists():
        return None
    manifest: dict[str, Any] = read_manifest(out)
    changed = _changed_models(manifest, inputs)
    if manifest.get("key") != key or changed:
        raise UserError(
            f"the folder holds another run: {_difference(manifest, inputs)}",
            where=str(out),
            fix="give another --out, or remove the folder if it is no longer needed",
            code=CANNOT_CREATE,
        )
    if not (out / OUTCOMES).exists():
        return None
    check_run(out)
    return manifest


def _difference(manifest: dict[str, Any], inputs: dict[str, Any]) -> str:
    """How a stored run differs from the requested one, in a few words."""
    if manifest.get("schema") != SCHEMA:
        return "it was made by another version of smallsteps"
    found = [
        f"{name} {_shown(before)} there, {_shown(now)} here"
        for section in ("settings", "numerics", "system")
        for name, now in inputs[section].items()
        if name not in (NUMERICS if section == "settings" else ())
        and _shown(before := manifest.get(section, {}).get(name)) != _shown(now)
    ]
    found += [f"{name} differs" for name in ("label", "seed") if manifest.get(name) != inputs[name]]
    if changed := _changed_models(manifest, inputs):
        found.append(f"of its model's files, {', '.join(changed)} changed since")
    before, now = manifest.get("own_benchmarks", {}), inputs.get("own_benchmarks", {})
    found += [f"the problems of {name} differ" for name in now if before.get(name) != now[name]]
    if manifest.get("own_scheme") != inputs.get("own_scheme"):
        found.append("the code of the scheme differs")
    return "; ".join(dict.fromkeys(found)) or "of another student"


def _changed_models(manifest: dict[str, Any], inputs: dict[str, Any]) -> list[str]:
    """Model files that have changed since a stored run; runs of earlier versions name none."""
    before, now = manifest.get(MODEL_FILES), inputs[MODEL_FILES]
    if not isinstance(before, list) or len(before) != len(now):
        return []
    return [name for old, new in zip(before, now, strict=True) for name in changed_files(old, new)]


def _shown(value: Any) -> str:
    if isinstance(value, dict):  # hashes of the weights
        return ", ".join(str(part)[:12] for part in value.values())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _run(
    system: System,
    settings: Settings,
    out: Path,
    inputs: dict[str, Any],
    key: str,
    data: Path | None,
    include: Sequence[Path],
    progress: Progress | None,
    before: dict[str, Any] | None,
) -> OutcomeTable:
    with importing():
        from lm_eval.evaluator import simple_evaluate
        from lm_eval.loggers import EvaluationTracker

        from smallsteps.evaluation.graded import Label, outcomes_of
        from smallsteps.evaluation.manager import (
            load_tasks,
            our_names,
            quietly,
            task_manager,
            written_folders,
        )
        from smallsteps.evaluation.model import SmallstepsLM
        from smallsteps.evaluation.task_check import check_asked
        from smallsteps.evaluation.task_code import refuse_code
    from smallsteps.evaluation.draw import drawn_of
    from smallsteps.evaluation.requests import Defaults
    from smallsteps.evaluation.sidefile import write_solutions
    from smallsteps.evaluation.store import ChunkStore
    from smallsteps.evaluation.stored import read_stored

    folders = [*written_folders(), *include]
    check_asked(folders, settings.tasks, our_names())
    refuse_code(folders, settings.tasks)
    store = ChunkStore(out / CHUNKS, system.content)
    defaults = Defaults(seed=settings.seed)
    known = read_stored(out, defaults) if before is not None else None
    system.engines.kept = out
    model = SmallstepsLM.of(system, defaults, store, progress, known)
    model.cut_prompts = before.get("cut_prompts", 0) if before is not None else 0
    with quietly(), tempfile.TemporaryDirectory() as scratch:
        manager = task_manager(data, include, settings.tasks if not include else None, settings.split)
        tasks = load_tasks(manager, settings.tasks, settings.samples)
        tracker = EvaluationTracker(output_path=scratch)
        drawn = None if settings.limit is None or settings.draw is None else drawn_of(tasks, settings.limit)
        results = simple_evaluate(
            model=model,
            model_args={"model": inputs["label"]},
            tasks=tasks,
            limit=settings.limit if drawn is None else None,
            samples=drawn,
            task_manager=manager,
            gen_kwargs=overrides(settings) or None,
            evaluation_tracker=tracker,
            log_samples=True,
            bootstrap_iters=1000,
        )
        _leave_out_machine(results, [shipped("tasks"), *folders])
        samples = results.pop("samples")
        who = Label(inputs["label"], inputs["seed"])
        table = OutcomeTable.of(outcomes_of(samples, model.answered, who, settings.vote))
        tracker.save_results_aggregated(results=results, samples=samples)
        for name, rows in samples.items():
            tracker.save_results_samples(task_name=name, samples=rows)
        _take_over(Path(scratch), out, key, list(samples))
    write_solutions(out / SOLUTIONS, ((task, item, row) for (task, item, _), row in model.answered.items()))
    write_outcomes(out / OUTCOMES, table)
    _write_manifest(out, inputs, key, table, model)
    store.clear()
    return table


def _leave_out_machine(results: dict[str, Any], roots: Sequence[Path]) -> None:
    """Name task files relative to the tasks folder, and leave out the data directory.

    lm-eval writes both as absolute paths, so that the same run on another machine would have another digest.
    """
    for config in results.get("configs", {}).values():
        if not isinstance(metadata := config.get("metadata"), dict):
            continue
        kept = {name: value for name, value in metadata.items() if name != "data"}
        source = Path(str(kept.get("config_source", "")))
        for root in map(Path.resolve, roots):
            if source.resolve().is_relative_to(root):
                kept["config_source"] = f"{root.name}/{source.resolve().relative_to(root).as_posix()}"
        config["metadata"] = kept


def overrides(settings: Settings) -> dict[str, Any]:
    """Decoding options of the settings that override those of the tasks."""
    found: dict[str, Any] = {}
    if settings.temperature is not None:
        found |= {"temperature": settings.temperature, "do_sample": settings.temperature > 0}
    if settings.max_new_tokens is not None:
        found["max_gen_toks"] = settings.max_new_tokens
    return found


def _take_over(scratch: Path, out: Path, key: str, tasks: Sequence[str]) -> None:
    """Move lm-eval's files into the run; the date in their names becomes the run's key."""
    found = {path.name: path for path in scratch.rglob("*") if path.is_file()}
    for prefix, suffix in (("results", "json"), *((f"samples_{task}", "jsonl") for task in tasks)):
        # the date begins with a digit: `samples_a_2025…` is not a file of the task `a_b`
        names = [n for n in found if n.startswith(f"{prefix}_2") and n.endswith(suffix)]
        if not names:  # lm-eval only warns when it cannot write
            raise UserError(f"lm-eval did not write its {prefix} file", where=str(scratch), code=IO_ERROR)
        write_atomic(out / f"{prefix}_{key[:12]}.{suffix}", found[names[0]].read_bytes())


def _write_manifest(
    out: Path, inputs: dict[str, Any], key: str, table: OutcomeTable, model: SmallstepsLM
) -> None:
    files = sorted(p for p in out.iterdir() if p.is_file() and p.name != MANIFEST)
    from smallsteps.evaluation.scoring import RULES

    bills = model.system.engines.bills(out)
    counts: dict[str, int] = {}
    for task in table.columns["task"]:
        counts[task] = counts.get(task, 0) + 1
    manifest = {
        "schema": SCHEMA,
        "key": key,
        **inputs,
        "student": asdict(model.system.student),
        "scorer": RULES,
        "cut_prompts": model.cut_prompts,
        **({"stopped_by_rule": model.stopped()} if model.system.stop else {}),
        "outcomes": counts,
        "files": {path.name: sha256_file(path) for path in files},
        **({"endpoints": bills} if bills else {}),
        **({"models": [source.provenance()]} if (source := model.system.source) is not None else {}),
        **provenance(),
    }
    write_sealed(out / MANIFEST, manifest)
