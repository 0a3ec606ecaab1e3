"""Checkpoints of a training, evaluated like students but on the dev split, and the choice among them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallsteps.comparing.axes import Axis, change, make_axis
from smallsteps.comparing.compare import units_of
from smallsteps.comparing.graded import grade_all, tasks_of
from smallsteps.comparing.sheet import Sheet
from smallsteps.comparing.tradeoff import within_margin
from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object, sha256_of, write_json
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.outcomes import OutcomeTable
from smallsteps.outcomes.checkpoints import SCHEMA, SELECTION, checkpoint_label
from smallsteps.problems import Measure, Role, measure_of
from smallsteps.problems.finding import own_content
from smallsteps.problems.tasks import parse_task
from smallsteps.stats.noninferiority import Verdict as Margin
from smallsteps.students import CARD, Student, hash_weights, write_student
from smallsteps.studies.selection import Allowed, SelectionSpec
from smallsteps.training.watch import MODEL, Checkpoint, Verdict, declared_steps

RECORD, RECORD_SCHEMA = "checkpoint.json", "smallsteps.checkpoint_scores/1"
RUN = "run"  # folder of a checkpoint's outcomes
ROLES = ("target", "transfer", "generic")
ABILITY = "generic_likelihood"


@dataclass(frozen=True, slots=True)
class Seen:
    """The scores of a checkpoint.

    Attributes:
        step: optimiser steps done, 0 for the base; tokens: real tokens read by then.
        supervised_tokens: target tokens that carried the loss by then.
        scores: accuracy by role; `generic_likelihood` beside `generic` where both were measured.
        generic_loss: accuracy lost against the base; None without generic tasks.
        noninferior: whether a loss of the margin is excluded; None where no margin was named.
    """

    step: int
    tokens: int
    supervised_tokens: int
    scores: dict[str, float]
    generic_loss: float | None = None
    noninferior: bool | None = None


def chosen_of(spec: SelectionSpec, seen: Sequence[Seen]) -> Seen:
    """The checkpoint that a rule chooses; the base, at step 0, is never chosen."""
    trained = [one for one in seen if one.step > 0]
    if spec.margin is not None:
        within = [one for one in trained if one.noninferior]
        if not within:
            return min(trained, key=lambda one: (one.generic_loss or 0.0, one.step))
        trained = within
    role = spec.role
    if role is None:
        return trained[-1]
    return max(trained, key=lambda one: (one.scores[role], -one.step))


class Selector:
    """A `Watch` that evaluates each checkpoint as a student and applies the declared rule.

    Args:
        spec: the recipe's `selection` section.
        student: card of the student in training; its one part is what is trained.
        folder: keeps one folder a checkpoint, with its run.
        allowed: the only items that outcomes may be of.
        data: offline data directory.
    """

    def __init__(
        self, spec: SelectionSpec, student: Student, folder: Path, allowed: Allowed, data: Path | None
    ) -> None:
        self.spec = spec
        self.student = student
        self.folder = folder
        self.allowed = allowed
        self.data = data
        self.seen: list[Seen] = []

    @property
    def identity(self) -> str:
        """Hash of the section and of the user's own benchmarks behind it."""
        return sha256_of(selection_identity(self.spec))

    def steps(self, real_tokens: NDArray[np.int64]) -> list[int]:
        """The declared steps."""
        return declared_steps(self.spec.at, self.spec.every, real_tokens)

    def place(self, tokens: int) -> Path:
        """Sorted by name, checkpoints are in the order of the training."""
        return self.folder / f"tokens-{tokens:012d}"

    def resume(self, step: int) -> None:
        """Read the records of earlier checkpoints; at step 0, of another training, none."""
        self.seen = [one for one in self._records() if one.step <= step] if step else []
        if step and not any(one.step == 0 for one in self.seen):
            raise UserError(
                "the outcomes of the earlier checkpoints are gone",
                where=str(self.folder),
                fix=f"remove {self.folder.parent} and run the same command again: the training begins anew",
                code=DATA,
            )

    def assess(self, checkpoint: Checkpoint) -> Verdict:
        """Evaluate, or read the record of the same weights; see `Watch`."""
        found = self._record(checkpoint) or self._measure(checkpoint)
        self.seen = [*(one for one in self.seen if one.step < found.step), found]
        if found.step == 0:
            return Verdict(best=False)
        chosen = chosen_of(self.spec, self.seen)
        since = sum(one.step > chosen.step for one in self.seen)
        return Verdict(chosen is found, self.spec.patience is not None and since >= self.spec.patience)

    def choose(self) -> Checkpoint:
        """The chosen one, written to `selection.json` with the trajectory."""
        chosen = chosen_of(self.spec, self.seen)
        write_json(self.folder / SELECTION, {"schema": SCHEMA, **self.outcome()})
        return Checkpoint(chosen.step, chosen.tokens, self.place(chosen.tokens), chosen.supervised_tokens)

    def tidy(self) -> None:
        """Drop the weights of all checkpoints."""
        for model in self.folder.glob(f"*/{MODEL}"):
            shutil.rmtree(model, ignore_errors=True)

    def outcome(self) -> dict[str, Any]:
        """The selection in the card: rule, chosen checkpoint, scores of all."""
        chosen = chosen_of(self.spec, self.seen)
        return {
            "student": self.student.name,
            "rule": self.spec.rule,
            "split": self.spec.split,
            "tokens": chosen.tokens,
            "step": chosen.step,
            "within_margin": chosen.noninferior,
            "trajectory": [asdict(one) for one in self.seen],
        }

    def _measure(self, checkpoint: Checkpoint) -> Seen:
        from smallsteps.evaluation.draw import DRAW
        from smallsteps.evaluation.runner import Settings, evaluate

        place, part = checkpoint.place, next(iter(self.student.parts))
        weights = hash_weights(checkpoint.model)
        shutil.rmtree(place / RUN, ignore_errors=True)
        label = checkpoint_label(self.student.name, checkpoint.tokens)
        card = replace(self.student, parts={part: checkpoint.model.name}, weights={part: weights})
        write_student(place, card)
        try:
            settings = Settings(
                tasks=tuple(self.spec.tasks.all()),
                limit=self.spec.limit,
                draw=DRAW if self.spec.limit is not None else None,
                precision=self.student.precision,
                split=self.spec.split,
            )
            table = evaluate(
                place, settings, place / RUN, label=label, seed=self.student.seed, data=self.data
            )
        finally:
            (place / CARD).unlink()  # its weights will be removed
        for task in tasks_of(table):
            self.allowed.check(task, table.take(table.mask(task=task)).columns["item"])
        found = self._scored(checkpoint, table)
        write_sealed(place / RECORD, {"schema": RECORD_SCHEMA, "weights": weights, **asdict(found)})
        return found

    def _scored(self, checkpoint: Checkpoint, table: OutcomeTable) -> Seen:
        from smallsteps.outcomes import read_outcomes

        name, base = (checkpoint_label(self.student.name, tokens) for tokens in (checkpoint.tokens, 0))
        if checkpoint.step:
            before = read_outcomes(self.place(0) / RUN / "outcomes.parquet")
            table = OutcomeTable.concatenate([before, table])
        tasks = tasks_of(table)
        sheet = Sheet(grade_all(table, tasks), units_of(tasks), (name, base))
        axes = axes_of(self.spec, tasks)
        scores = {role: sheet.accuracy(name, axis.weights(sheet)) for role, axis in axes.items()}
        generic = axes.get("generic")
        place = checkpoint.step, checkpoint.tokens, checkpoint.supervised_tokens
        if not checkpoint.step or generic is None:
            return Seen(*place, scores)
        lost = change(sheet, generic, name, base)
        within = None
        if self.spec.margin is not None:
            within = within_margin(lost, self.spec.margin).verdict is Margin.PASS
        return Seen(*place, scores, -lost.test.estimate, within)

    def _record(self, checkpoint: Checkpoint) -> Seen | None:
        """The record of the same weights; None where there is none."""
        if not (checkpoint.place / RECORD).exists():
            return None
        data = read_sealed(checkpoint.place / RECORD, RECORD_SCHEMA)
        return _seen(data) if data.get("weights") == hash_weights(checkpoint.model) else None

    def _records(self) -> list[Seen]:
        places = sorted(self.folder.glob(f"tokens-*/{RECORD}"))
        return [_seen(read_sealed(place, RECORD_SCHEMA)) for place in places]


def read_selection(folder: Path) -> dict[str, Any]:
    """The chosen checkpoint, and the scores of all."""
    data = read_object(folder / SELECTION, SCHEMA)
    return {name: value for name, value in data.items() if name != "schema"}


def selection_identity(spec: SelectionSpec) -> list[Any]:
    """Everything that affects a selection besides the training: its section and its own benchmarks."""
    content = own_content(tasks=spec.tasks.all())
    return [spec.model_dump(mode="json"), *([content] if content else [])]


def axes_of(spec: SelectionSpec, tasks: Sequence[str]) -> dict[str, Axis]:
    """The tasks of each role as an axis; generic ones by likelihood apart from those by generation."""
    axes: dict[str, Axis] = {}
    for role in ROLES:
        named = {_benchmark(name) for name in getattr(spec.tasks, role)}
        own = [task for task in tasks if _benchmark(task) in named]
        if not own:
            continue
        generated = [task for task in own if measure_of(task) is Measure.GENERATION]
        axes[role] = make_axis(Role(role), generated or own, generated or own)
        likely = [task for task in own if task not in generated]
        if role == "generic" and generated and likely:
            axes[ABILITY] = make_axis(Role.GENERIC, likely, likely)
    return axes


def _benchmark(task: str) -> tuple[str, str | None]:
    parts = parse_task(task)
    return (parts.benchmark, parts.variant) if parts is not None else (task, None)


def _seen(data: dict[str, Any]) -> Seen:
    return Seen(**{name: data[name] for name in Seen.__dataclass_fields__})
