"""The `selection:` section of a recipe, and the items that a selection may use."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from smallsteps.config import Strict
from smallsteps.errors import DATA, UserError
from smallsteps.problems import load_benchmark, load_problems
from smallsteps.problems.tasks import PREFIX, find_task, parse_task

ALLOWED = ("dev", "train")  # splits that a selection may use
Positive = Annotated[int, Field(gt=0)]


class SelectionTasks(Strict):
    """The tasks that are measured at every checkpoint.

    Attributes:
        target: tasks like those of the training data.
        transfer: tasks of the same skill and another distribution.
        generic: what specialising may cost; tasks by generation and by likelihood are scored apart.
    """

    target: list[str] = []
    transfer: list[str] = []
    generic: list[str] = []

    def all(self) -> list[str]:
        """Every task, once."""
        return list(dict.fromkeys([*self.target, *self.transfer, *self.generic]))


class SelectionSpec(Strict):
    """Which checkpoint of the training becomes the student; without a rule, the last one. For schemes of one
    model: the parts of others are trained one after the other, and a checkpoint of one part cannot answer
    without the others.

    Attributes:
        tasks: what is measured at every checkpoint, on the `split`.
        best_on: the checkpoint with the highest accuracy there; of equal ones the earliest.
        noninferior_on: only checkpoints whose generic loss against the base is shown to be below `margin`
            (one-sided 5 %); the best of them on `best_on`, or the last. If there are none: the one with the
            smallest loss.
        margin: generic loss that is acceptable, as a proportion.
        at: checkpoints, in real tokens read; the base and the last step are always measured.
        every: a checkpoint each so many tokens.
        split: `dev`, or `train`; the test split is never used.
        limit: items of each task, drawn evenly from its subtasks; by default all.
        patience: end the training after so many checkpoints in a row that were not better by the rule.
    """

    LAST: ClassVar[str] = "the last"  # the rule where none is declared, which chooses nothing
    tasks: SelectionTasks
    best_on: Literal["target_dev", "transfer_dev"] | None = None
    noninferior_on: Literal["generic"] | None = None
    margin: float | None = Field(default=None, gt=0, lt=1)
    at: list[Positive] = []
    every: Positive | None = None
    split: Literal["dev", "train"] = "dev"
    limit: Positive | None = None
    patience: Positive | None = None

    @field_validator("tasks")
    @classmethod
    def _known_tasks(cls, tasks: SelectionTasks) -> SelectionTasks:
        for name in tasks.all():
            try:
                variant = find_task(name).variant
            except UserError as error:
                raise ValueError(f"{error.message}; {error.fix}") from error
            if variant is None:
                raise ValueError(f"'{name}' is a benchmark: name one of its tasks, such as {PREFIX}{name}")
        return tasks

    @model_validator(mode="after")
    def _consistent(self) -> SelectionSpec:
        if not self.tasks.all():
            raise ValueError("'tasks' names no task to measure checkpoints by")
        if not self.at and self.every is None:
            raise ValueError("give the checkpoints: 'at: [...]' or 'every: N', in tokens")
        if self.best_on is not None and not getattr(self.tasks, self.role or ""):
            raise ValueError(f"'best_on: {self.best_on}' needs tasks in 'tasks.{self.role}'")
        if self.noninferior_on is not None and not self.tasks.generic:
            raise ValueError("'noninferior_on: generic' needs tasks in 'tasks.generic'")
        if (self.noninferior_on is None) != (self.margin is None):
            raise ValueError("'noninferior_on' and 'margin' go together")
        if self.patience is not None and self.best_on is None and self.noninferior_on is None:
            raise ValueError("'patience' needs a rule that can prefer an earlier checkpoint: set 'best_on'")
        return self

    @property
    def role(self) -> str | None:
        """The role that `best_on` names."""
        return None if self.best_on is None else self.best_on.removesuffix("_dev")

    @property
    def rule(self) -> str:
        """The rule in words."""
        best = self.LAST if self.best_on is None else f"the best on {self.best_on.replace('_', ' ')}"
        if self.margin is None:
            return best
        return f"{best} among those with a generic loss below {100 * self.margin:g} points"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The items that a selection may use, by benchmark; all of `split`."""

    split: str
    items: dict[str, frozenset[str]]

    def check(self, task: str, items: Iterable[str]) -> None:
        """Refuse outcomes of any other item.

        Raises:
            UserError: an item that is not of the split.
        """
        parts = parse_task(task)
        mine = self.items.get(parts.benchmark, frozenset()) if parts is not None else frozenset()
        other = set(map(_key, items)) - mine
        if other:
            raise UserError(
                f"item {min(other)} of '{task}' is not of the {self.split} split: a choice must not see it",
                fix="this task takes its items from elsewhere: leave it out of 'selection.tasks'",
                code=DATA,
            )


def allowed_items(
    tasks: Iterable[str], split: str, data: Path | None, tested: Collection[str] = ()
) -> Allowed:
    """Load the items that checkpoints are measured on.

    Args:
        tasks: names of our tasks.
        split: one of `ALLOWED`.
        data: offline data directory.
        tested: further benchmarks whose test items must not be among them: those of the study.

    Raises:
        UserError: a test split is asked for, a benchmark lacks the split, or an item is a test item.
    """
    if split not in ALLOWED:
        raise UserError(
            f"checkpoints cannot be chosen on the split '{split}'",
            where="selection.split",
            fix="use 'dev': a student that is chosen on its test items is measured too high",
        )
    names = list(tasks)
    benchmarks = {name: parts.benchmark for name in names if (parts := parse_task(name)) is not None}
    for name in names:
        splits = load_benchmark(benchmarks[name]).splits if name in benchmarks else {}
        if split not in splits:
            raise UserError(
                f"'{benchmarks.get(name, name)}' has no {split} split to choose checkpoints on",
                where="selection.tasks",
                fix=f"it has: {', '.join(splits) or 'none'}; name a task of another benchmark",
            )
    items = {
        benchmark: frozenset(problem.item for problem in load_problems(benchmark, split, data))
        for benchmark in dict.fromkeys(benchmarks.values())
    }
    for other in dict.fromkeys([*items, *tested]):
        if "test" not in load_benchmark(other).splits:
            continue
        hidden = {problem.item for problem in load_problems(other, "test", data)}
        for benchmark, mine in items.items():
            if found := mine & hidden:
                raise UserError(
                    f"{len(found):,} {split} items of '{benchmark}' are test items of '{other}' "
                    f"(the first: {min(found)}): checkpoints would be chosen on what students are tested on",
                    where="selection.tasks",
                    fix="leave the task out, or make the splits disjoint",
                    code=DATA,
                )
    return Allowed(split, items)


def _key(item: str) -> str:
    """The item without the number that a repeated question gets."""
    head, _, tail = item.rpartition("-")
    return head if head and tail.isdecimal() else item
