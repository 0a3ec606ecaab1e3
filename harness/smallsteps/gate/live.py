"""A gate that grades items only until the answer is known, and that can be killed and started again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from scipy import special

from smallsteps.comparing.graded import Graded
from smallsteps.comparing.suites import layout_of
from smallsteps.errors import DATA, UserError
from smallsteps.files import sha256_of
from smallsteps.gate.model import GateReport, Line
from smallsteps.gate.rules import Rules
from smallsteps.gate.state import GateState, TaskState, only_gate, open_state
from smallsteps.problems import Role
from smallsteps.stats.crossed import Arm, Design, contrast_test
from smallsteps.stats.model import Floats, is_binary
from smallsteps.stats.noninferiority import Verdict, noninferior_paired, noninferior_t
from smallsteps.stats.paired import paired_counts, tango_score
from smallsteps.stats.sequential import EProcess, Look, hash_order, look_sizes, obrien_fleming
from smallsteps.stats.students_t import DifferenceTest, t_tail

Schedule = Literal["looks", "watch"]
WATCHED = 64  # items between two judgements of a watched gate


class Grader(Protocol):
    """Grades the new student on some items of a task."""

    def __call__(self, task: str, items: Sequence[str]) -> Mapping[str, float]:
        """Scores between 0 and 1 for exactly these items."""
        ...


@dataclass(frozen=True, slots=True)
class LivePlan:
    """What is fixed before the first item.

    Attributes:
        student: identity of the new student (name and content hash), so that no other one goes on here.
        salt: fixes the order of items; committed with the gate.
        design: `looks` (O'Brien-Fleming) or `watch` (e-process, valid after every item).
        looks: number of planned looks.
        batch: items graded between two writes of the state; None: all up to the next look, with `watch` 64.
        together: unless `batch` is given, each call grades at least this many items, also beyond the next
            look: a small student answers them in hardly more time. Looks stay where they were planned.
    """

    student: str
    salt: str
    design: Schedule = "looks"
    looks: int = 5
    batch: int | None = None
    together: int = 1

    @property
    def step(self) -> int | None:
        """Items graded in one call; None is all up to the next look."""
        return self.batch or (WATCHED if self.design == "watch" else None)


def run_live(
    plan: LivePlan,
    reference: Sequence[Graded],
    rules: Rules,
    grader: Grader,
    state_path: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> GateReport:
    """Grade, look, stop: every task until it passes or fails, all of them as soon as one fails.

    Each task passes at alpha, because all must pass. A task fails at alpha divided by the number of tasks,
    because one failure is enough.

    Args:
        plan: what is fixed before the first item.
        reference: the frozen run, one seed, one entry per task.
        rules: margins and level.
        grader: grades the new student.
        state_path: where progress is kept.
        progress: called with (task, items graded, items there are).

    Raises:
        UserError: a state of another gate, a grader that returns other items, or clusters with `watch`.
    """
    for graded in reference:
        _check_reference(graded, plan)
    margins = {graded.task: rules.margin(graded.task) for graded in reference}
    design = {
        "student": plan.student,
        "salt": plan.salt,
        "looks": plan.looks if plan.design == "looks" else plan.design,
        "alpha": rules.alpha,
        "margins": {task: margin for task, (margin, _) in margins.items()},
        "tasks": [graded.task for graded in reference],
        "reference": sha256_of([[g.task, list(g.items), g.by_seed()[0].tolist()] for g in reference]),
    }
    with only_gate(state_path):
        state = open_state(state_path, design)
        runs = [
            _TaskRun(plan, g, margins[g.task][0], rules.alpha, len(reference), state.tasks[g.task])
            for g in reference
        ]
        _advance(runs, state, grader, plan, progress)
    seen = [run for run in runs if run.state.looks]
    lines = tuple(run.line(margins[run.graded.task][1]) for run in seen)
    words = f"{plan.looks} planned looks, O'Brien-Fleming" if plan.design == "looks" else "e-process"
    rest = [run.graded.task for run in runs if not run.finished]
    notes = (f"Stopped when a task had failed; not judged to the end: {', '.join(rest)}",) if rest else ()
    return GateReport(plan.student, lines, rules.alpha, words, notes=notes)


def _check_reference(graded: Graded, plan: LivePlan) -> None:
    where = f"task '{graded.task}'"
    if len(graded.seeds) != 1:
        raise UserError("a live gate needs a reference with one seed", where=where, code=DATA)
    if plan.design == "watch" and layout_of([graded]).clusters is not None:
        raise UserError(
            "items in clusters cannot be watched one by one",
            where=where,
            fix="use planned looks, which count clusters",
            code=DATA,
        )


def _advance(
    runs: list[_TaskRun],
    state: GateState,
    grader: Grader,
    plan: LivePlan,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    """Round by round, one stretch of every open task, so that a failure anywhere is found early."""
    while True:
        opened = [run for run in runs if not run.finished]
        if not opened or any(run.verdict is Verdict.FAIL for run in runs):
            return
        for run in opened:
            while batch := run.next_batch(plan):
                scores = grader(run.graded.task, batch)
                _check_scores(run.graded.task, batch, scores)
                for item in batch:
                    run.state.scores[item] = float(scores[item])
                state.save()
                if progress is not None:
                    progress(run.graded.task, len(run.state.scores), len(run.order))
            run.judge()
            state.save()
            if run.verdict is Verdict.FAIL:
                return


def _check_scores(task: str, items: Sequence[str], scores: Mapping[str, float]) -> None:
    if set(scores) != set(items):
        raise UserError(
            f"{len(set(items) & set(scores))} of {len(items)} items were graded",
            where=f"task '{task}'",
            code=DATA,
        )
    for item, score in scores.items():
        if not 0 <= score <= 1:  # also catches NaN
            raise UserError(f"score of item '{item}' is {score}", where=f"task '{task}'", code=DATA)


class _TaskRun:
    """One task of a live gate: its progress, and what comes next."""

    def __init__(
        self, plan: LivePlan, graded: Graded, margin: float, alpha: float, tasks: int, state: TaskState
    ) -> None:
        self.graded, self.margin, self.alpha, self.state = graded, margin, alpha, state
        self.layout = layout_of([graded])
        self.order = hash_order(graded.items, f"{plan.salt}\x1f{graded.task}")
        self.old = dict(zip(graded.items, graded.by_seed()[0].tolist(), strict=True))
        self.design = plan.design
        n = len(self.order)
        if plan.design == "looks":
            self.stops = look_sizes(n, plan.looks)
        else:  # an e-process may be judged anywhere; after every batch is often enough
            step = plan.step or WATCHED
            self.stops = tuple(sorted({*range(step, n, step), n}))
        self.pass_bounds = obrien_fleming(len(self.stops), alpha) if plan.design == "looks" else ()
        self.fail_bounds = obrien_fleming(len(self.stops), alpha / tasks) if plan.design == "looks" else ()
        self.fail_alpha = alpha / tasks

    @property
    def verdict(self) -> Verdict | None:
        return Verdict(self.state.verdict) if self.state.verdict is not None else None

    @property
    def finished(self) -> bool:
        return self.verdict is not None

    def _stop(self) -> int:
        """Items at the next look: looks are counted by what was taken, never by what is graded."""
        return self.stops[len(self.state.looks)]

    def next_batch(self, plan: LivePlan) -> list[str]:
        """Items to grade before the next look, and what goes with them; empty when it is due."""
        missing = [item for item in self.order if item not in self.state.scores]
        due = self._stop() - (len(self.order) - len(missing))
        if due <= 0:
            return []
        size = min(due, plan.step or due)
        return missing[: size if plan.batch is not None else max(size, plan.together)]

    def differences(self, items: int) -> Floats:
        """New minus old over the first items of the order."""
        chosen = self.order[:items]
        return np.array([self.state.scores[item] - self.old[item] for item in chosen])

    def judge(self) -> None:
        """Take the look that is due."""
        number, items = len(self.state.looks) + 1, self._stop()
        last = number == len(self.stops)
        if self.design == "looks":
            z = self._z(items)
            verdict = (
                Verdict.PASS
                if z >= self.pass_bounds[number - 1]
                else Verdict.FAIL
                if z <= -self.fail_bounds[number - 1]
                else Verdict.INCONCLUSIVE
            )
        else:
            z, verdict = self._watch(items)
        self.state.looks.append((number, items, z, verdict.value))
        if verdict is not Verdict.INCONCLUSIVE or last:
            self.state.verdict = verdict.value

    def _watch(self, items: int) -> tuple[float, Verdict]:
        """Logarithm of the wager for PASS, and the verdict at the first item where one was reached."""
        process = EProcess(self.margin, self.alpha, fail_alpha=self.fail_alpha)
        process = process.update(self.differences(items))
        return process.log_pass, process.verdict

    def _z(self, items: int) -> float:
        if self._plain and self._binary(items):
            new = [self.state.scores[item] for item in self.order[:items]]
            return tango_score(
                paired_counts(new, [self.old[item] for item in self.order[:items]]), -self.margin
            )
        test = self._test(items)
        if test.standard_error is None or test.df is None or test.pvalue is None:
            return 0.0
        tail = t_tail((test.estimate + self.margin) / test.standard_error, test.df)
        return float(-special.ndtri(min(max(tail, 1e-300), 1 - 1e-16)))

    @property
    def _plain(self) -> bool:
        return self.layout.clusters is None and self.layout.strata is None

    def _test(self, items: int) -> DifferenceTest:
        """The t test of the first items, by their strata and clusters as in every other verb."""
        place = {item: i for i, item in enumerate(self.graded.items)}
        chosen = [place[item] for item in self.order[:items]]
        strata, clusters = (
            None if labels is None else [labels[i] for i in chosen]
            for labels in (self.layout.strata, self.layout.clusters)
        )
        arm = Arm(self.differences(items)[None, :], np.full(items, 1 / items))
        return contrast_test([arm], Design.of(items, strata=strata, clusters=clusters))[0]

    def _binary(self, items: int) -> bool:
        chosen = self.order[:items]
        values = [self.state.scores[i] for i in chosen] + [self.old[i] for i in chosen]
        return is_binary(np.array(values))

    def line(self, role: Role | None) -> Line:
        """The task as a line of the report, on the items of the last look."""
        items = self.state.looks[-1][1]
        counts = None
        if self._plain and self._binary(items):
            chosen = self.order[:items]
            counts = paired_counts([self.state.scores[i] for i in chosen], [self.old[i] for i in chosen])
            result = noninferior_paired(counts, self.margin, self.alpha)
        else:
            result = noninferior_t(self._test(items), items, self.margin, self.alpha)
        looks = tuple(
            Look(k, n, z, -z, self.pass_bounds[k - 1] if self.pass_bounds else 0.0, Verdict(v))
            for k, n, z, v in self.state.looks
        )
        return Line(
            self.graded.task,
            role,
            self.graded.student,
            self.verdict or Verdict.INCONCLUSIVE,
            result,
            float(np.mean([self.state.scores[i] for i in self.order[:items]])),
            float(np.mean([self.old[i] for i in self.order[:items]])),
            counts,
            looks,
            items,
            len(self.order),
            notes=("Limits are those of the items so far, not corrected for looks",)
            if len(looks) > 1
            else (),
        )
