"""A live gate on a student: graded through lm-eval as the reference was, a batch of items at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smallsteps.comparing.graded import Graded
from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.progress import Progress
from smallsteps.evaluation.runner import Settings, overrides
from smallsteps.evaluation.store import ChunkStore
from smallsteps.evaluation.system import System, load_system
from smallsteps.files import sha256_of
from smallsteps.outcomes.run_folder import MANIFEST, check_run, read_manifest

# A decoding step takes some milliseconds whatever it computes; up to about this many bytes of weights, each
# counted once a text, more texts cost hardly more (measured with the micro student: 2.8 MB, 100 against 383)
STEP_BYTES = 2**30
LM_EVAL_FEWSHOT_SEED = 1234  # the default of lm-eval's simple_evaluate, used for the reference


def settings_of(run: Path) -> Settings:
    """Settings of a reference run: the new student gets the same tasks and decoding.

    Raises:
        UserError: not a run directory of `smallsteps eval`.
    """
    path = run / MANIFEST
    if not path.exists():
        raise UserError(
            "a live gate needs a reference made by 'smallsteps eval', whose decoding it can repeat",
            where=str(run),
            fix="evaluate the reference: smallsteps eval STUDENT --tasks TASKS --out RUN",
            code=DATA,
        )
    check_run(run)
    stored = read_manifest(run).get("settings")
    if not isinstance(stored, dict) or not set(stored) <= set(Settings.__dataclass_fields__):
        raise UserError("the manifest has no settings that this version knows", where=str(path), code=DATA)
    stored["tasks"] = tuple(stored.get("tasks", ()))
    return Settings(**stored)


def numerics_note(reference: Path, numerics: Mapping[str, Any]) -> str | None:
    """A note for the report where the student computes with other numerics than the reference did."""
    before = read_manifest(reference).get("numerics")
    if before is None:
        return "The reference does not say what data type and batch it was computed with"
    names = ("precision", "dtype", "device", "batch_size")
    changed = [
        f"{name} {before.get(name)} there, {numerics[name]} here"
        for name in names
        if before.get(name) != numerics[name]
    ]
    return f"Numerics differ from the reference's: {'; '.join(changed)}" if changed else None


class StudentGrader:
    """Grades a student on named items, with the settings of a reference run.

    Args:
        place: student directory, model folder or hub id.
        settings: of the reference run; scheme and plans are the new student's own.
        reference: graded reference, one entry per task: prompts must agree.
        data: offline data directory; include: folders with further lm-eval tasks.
        progress: see `Progress`; counts the items of one call.

    Attributes:
        other_prompts: items by task whose prompt is not that of the reference.
    """

    def __init__(
        self,
        place: str | Path,
        settings: Settings,
        reference: Sequence[Graded],
        data: Path | None = None,
        include: Sequence[Path] = (),
        *,
        progress: Progress | None = None,
    ) -> None:
        from smallsteps.evaluation.manager import load_tasks, quietly, task_manager, written_folders
        from smallsteps.evaluation.task_code import refuse_code

        self._settings = settings
        self._system: System = load_system(
            place,
            scheme=settings.scheme,
            plans=settings.plans,
            dtype=settings.dtype,
            device=settings.device,
            batch_size=settings.batch_size,
            precision=settings.precision,
            format=settings.format,
            stop=settings.stop,
        )
        self.other_prompts: dict[str, set[str]] = {}
        self._store: ChunkStore | None = None
        self._progress = progress
        self._prompts = {g.task: dict(zip(g.items, g.prompts, strict=True)) for g in reference}
        refuse_code([*written_folders(), *include], [graded.task for graded in reference])
        with quietly():
            manager = task_manager(data, include, None if include else [graded.task for graded in reference])
            self._tasks = {
                graded.task: self._prepare(load_tasks(manager, [graded.task], settings.samples)[0])
                for graded in reference
            }
        self._places = {graded.task: self._index(graded) for graded in reference}

    @property
    def identity(self) -> str:
        """Name of the student and a hash of all that shapes its answers."""
        shape = sha256_of([self._system.content, self._settings.seed, self._settings.temperature])
        return f"{self._system.student.name}@{shape[:12]}"

    @property
    def numerics(self) -> dict[str, Any]:
        """What the student computes with."""
        return self._system.numerics.as_dict()

    @property
    def together(self) -> int:
        """Items that cost hardly more than one when they are graded in one call."""
        places = [Path(place) for place in self._system.engines.places.values()]
        largest = max(sum(file.stat().st_size for file in place.glob("*.safetensors")) for place in places)
        return max(1, STEP_BYTES // largest) if largest else 1

    def save_to(self, folder: Path) -> None:
        """Save texts here until the gate is done, so that a killed one loses half a minute at most."""
        self._store = ChunkStore(folder, self._system.content)

    def finish(self) -> None:
        """Remove what was saved of the texts: their scores are in the gate's state."""
        if self._store is not None:
            self._store.clear()

    def _index(self, graded: Graded) -> dict[str, int]:
        documents = self._tasks[graded.task].eval_docs
        if "item" not in getattr(documents, "column_names", ()):
            raise UserError(
                f"task '{graded.task}' is not one of smallsteps' tasks",
                fix="evaluate the student first, and gate on the two runs",
                code=DATA,
            )
        places: dict[str, int] = {item: index for index, item in enumerate(documents["item"])}
        missing = [item for item in graded.items if item not in places]
        if missing:
            raise UserError(
                f"the task no longer has {len(missing)} items of the reference (first: '{missing[0]}')",
                where=f"task '{graded.task}'",
                fix="evaluate the reference again on the present data",
                code=DATA,
            )
        return places

    def __call__(self, task: str, items: Sequence[str]) -> Mapping[str, float]:
        """Scores of these items; several samples of one item are averaged."""
        from smallsteps.evaluation.graded import Label, outcomes_of
        from smallsteps.evaluation.model import SmallstepsLM
        from smallsteps.evaluation.requests import Defaults

        model = SmallstepsLM.of(self._system, Defaults(seed=self._settings.seed), self._store, self._progress)
        samples = self._evaluate(model, task, sorted(self._places[task][item] for item in items))
        scores: dict[str, list[float]] = {}
        for outcome in outcomes_of(samples, model.answered, Label(self._system.student.name, None)):
            known = self._prompts[task].get(outcome.item)
            if known and outcome.prompt and known != outcome.prompt:
                self.other_prompts.setdefault(task, set()).add(outcome.item)
            scores.setdefault(outcome.item, []).append(outcome.score)
        return {item: sum(found) / len(found) for item, found in scores.items()}

    def _evaluate(self, model: Any, task: str, indices: list[int]) -> Any:
        from lm_eval.evaluator import evaluate

        from smallsteps.evaluation.manager import quietly

        evaluated, split = self._tasks[task], self._tasks[task].config.test_split
        whole = evaluated.dataset[split]
        evaluated.dataset[split] = whole.select(indices)  # lm-eval reads all documents to find some of them
        try:
            with quietly():
                results = evaluate(lm=model, task_dict={task: evaluated}, log_samples=True, bootstrap_iters=0)
        finally:
            evaluated.dataset[split] = whole
        return results["samples"]

    def _prepare(self, task: Any) -> Any:
        """What `simple_evaluate` does to a task, once; batches then go straight to `evaluate`."""
        found = overrides(self._settings)
        if found and task.get_config("output_type") == "generate_until":
            task.set_config(key="generation_kwargs", value=found, update=True)
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=LM_EVAL_FEWSHOT_SEED)
        return task
