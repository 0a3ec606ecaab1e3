"""The declared family: every claim on every task it names, adjusted together by Holm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from smallsteps.reports.study.cells import interval_of
from smallsteps.reports.study.comparisons import Comparison, Keep, compare
from smallsteps.reports.study.inputs import Claim, ReportInput
from smallsteps.reports.study.numbers import ALPHA
from smallsteps.reports.study.runs import Column, Runs
from smallsteps.stats import holm

Verdict = Literal["confirmed", "contradicted", "undecided", "identical", "both_wrong", "at_chance", "missing"]


@dataclass(frozen=True, slots=True)
class ClaimTest:
    """One claim on one column.

    Attributes:
        id: anchor in the report, unique.
        column: name; title: of the column.
        comparison: None where outcomes are missing or the reference is at chance.
        holm: p adjusted over the declared family; None without a comparison.
        verdict: `confirmed` and `contradicted` at a family-wise level of 5 %; `identical` if no item is
            discordant; `both_wrong` if neither has a single item right; `at_chance` if the base is, on all
            of a generic suite, or if guessing explains both on another task.
        left_out: subtasks left out because the base is at chance there.
    """

    id: str
    column: str
    title: str
    comparison: Comparison | None
    holm: float | None
    verdict: Verdict
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A declared claim and its tests, one per column."""

    text: str
    better: str
    than: str
    tests: tuple[ClaimTest, ...]


def claim_text(claim: Claim, titles: Mapping[str, str]) -> str:
    """The claim in words."""
    return claim.text or f"{titles[claim.better]} is better than {titles[claim.than]}"


def check_claims(
    runs: Runs, report_input: ReportInput, dead: Callable[[Column], frozenset[str]]
) -> tuple[ClaimResult, ...]:
    """Test all claims.

    A test that cannot be made keeps its place in the family with p = 1, so that what was declared decides the
    adjustment and not what happened to be evaluated.

    Args:
        runs: the outcomes.
        report_input: the claims.
        dead: subtasks of a generic column on which the reference is at chance.
    """
    titles = {s.name: s.title for s in report_input.students}
    drafts: list[tuple[int, Column, Comparison | None, frozenset[str]]] = []
    for number, claim in enumerate(report_input.claims):
        for column in _columns(runs, claim):
            gone = dead(column) if column.role == "generic" else frozenset()
            keep: Keep | None = None if not gone else lambda subtask, gone=gone: subtask not in gone
            drafts.append((number, column, compare(runs, claim.better, claim.than, column, keep), gone))
    raw = [1.0 if c is None or c.p is None else c.p for _, _, c, _ in drafts]
    adjusted = holm(raw)
    results = []
    for number, claim in enumerate(report_input.claims):
        tests: list[ClaimTest] = []
        for (owner, column, comparison, gone), p in zip(drafts, adjusted, strict=True):
            if owner != number:
                continue
            evaluated = bool(runs.seeds(claim.better, column) and runs.seeds(claim.than, column))
            verdict = _verdict(comparison, p, evaluated)
            if verdict == "undecided" and _both_at_chance(runs, claim, column):
                verdict = "at_chance"
            left_out = tuple(sorted(column.subtask_title(s) for s in gone))
            tests.append(
                ClaimTest(
                    f"claim-{number + 1}-{len(tests) + 1}",
                    column.name,
                    column.title,
                    comparison,
                    None if comparison is None or comparison.p is None else p,
                    verdict,
                    left_out,
                )
            )
        results.append(ClaimResult(claim_text(claim, titles), claim.better, claim.than, tuple(tests)))
    return tuple(results)


def _columns(runs: Runs, claim: Claim) -> list[Column]:
    if not claim.on:
        return [column for column in runs.columns if column.role != "generic"]
    found = [runs.column(name) for name in claim.on]
    return [column for column in found if column is not None]


def _both_at_chance(runs: Runs, claim: Claim, column: Column) -> bool:
    """True if guessing explains every seed of both, on a target or transfer task that can be guessed."""
    chance = column.chance(column.tasks[0].name)
    if column.role == "generic" or len(column.tasks) > 1 or chance <= 0:
        return False
    lows = [
        interval_of(runs.run(student, seed, column).scores)[0].low
        for student in (claim.better, claim.than)
        for seed in runs.seeds(student, column)
    ]
    return max(lows) <= chance


def _verdict(comparison: Comparison | None, adjusted: float, evaluated: bool) -> Verdict:
    if comparison is None:
        return "at_chance" if evaluated else "missing"
    if comparison.accuracy_a == 0 and comparison.accuracy_b == 0:
        return "both_wrong"
    if all(not pair.won and not pair.lost for pair in comparison.pairs) and comparison.difference == 0:
        return "identical"
    if comparison.p is not None and adjusted <= ALPHA:
        return "confirmed" if comparison.difference > 0 else "contradicted"
    return "undecided"
