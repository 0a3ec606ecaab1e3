"""What a gate found; plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smallsteps.problems import Role
from smallsteps.stats.model import PairedCounts
from smallsteps.stats.noninferiority import NonInferiority, Verdict
from smallsteps.stats.sequential import Look

EXIT_CODES = {Verdict.PASS: 0, Verdict.FAIL: 1, Verdict.INCONCLUSIVE: 2}


@dataclass(frozen=True, slots=True)
class Line:
    """One task or suite against one reference.

    Attributes:
        task: task or suite; role: its role, where known; reference: the student compared with.
        verdict: after correction over tasks (a FAIL must survive Holm; a PASS needs no correction).
        result: the non-inferiority test; None for a live task without a fixed test.
        new, old: accuracies.
        counts: the four counts of 0/1 runs.
        looks: planned looks taken, for a live gate.
        graded: items graded; items: items there are.
        failed: share of the new student's responses without a usable answer.
        notes: what the reader must know.
        seeds_vary: training seeds are part of the uncertainty.
    """

    task: str
    role: Role | None
    reference: str
    verdict: Verdict
    result: NonInferiority
    new: float
    old: float
    counts: PairedCounts | None = None
    looks: tuple[Look, ...] = ()
    graded: int = 0
    items: int = 0
    failed: float = 0.0
    notes: tuple[str, ...] = ()
    seeds_vary: bool = False


@dataclass(frozen=True, slots=True)
class GateReport:
    """The verdict over all lines.

    Attributes:
        student: the new one; lines: one per task and reference.
        verdict: FAIL if any line fails, PASS if all pass, else INCONCLUSIVE.
        alpha: one-sided level.
        design: how looks were planned, in words.
        flake_rate: share of items on which two runs of the reference differ; None if not measured.
        notes: what the reader must know.
    """

    student: str
    lines: tuple[Line, ...]
    alpha: float
    design: str
    flake_rate: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        return overall([line.verdict for line in self.lines])

    @property
    def regressed(self) -> bool:
        """Some task is surely worse, margin or not."""
        return any(line.result.regressed for line in self.lines)

    @property
    def exit_code(self) -> int:
        return EXIT_CODES[self.verdict]


def overall(verdicts: Sequence[Verdict]) -> Verdict:
    """One FAIL fails; all must pass for a PASS (an intersection-union test: each at alpha, uncorrected)."""
    if any(verdict is Verdict.FAIL for verdict in verdicts):
        return Verdict.FAIL
    if verdicts and all(verdict is Verdict.PASS for verdict in verdicts):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE
