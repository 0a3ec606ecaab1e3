"""Declared claims, and the one family that they form with the changes in generic ability (Holm)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from smallsteps.comparing.model import ClaimKind
from smallsteps.comparing.rows import margin_p
from smallsteps.reports.numbers import ALPHA, points_of
from smallsteps.reports.study.cells import interval_of
from smallsteps.reports.study.comparisons import Comparison, compare_rows
from smallsteps.reports.study.generic import GenericColumn, chance_of_column
from smallsteps.reports.study.inputs import Claim, ReportInput
from smallsteps.reports.study.runs import Column, Runs
from smallsteps.stats import holm

Verdict = Literal[
    "confirmed", "contradicted", "undecided", "not_shown", "identical", "both_wrong", "at_chance", "missing"
]


@dataclass(frozen=True, slots=True)
class ClaimTest:
    """One claim on one column.

    Attributes:
        id: anchor in the report, unique.
        column: name; title: of the column.
        comparison: None where outcomes are missing.
        p: of the claim: two-sided for `better`, one-sided against the margin for the other kinds.
        holm: p adjusted over the report's family; None without a comparison.
        verdict: `confirmed` and `contradicted` at a family-wise level of 5 %; `not_shown` if a claim with a
            margin is not confirmed; `identical` if no item is discordant; `both_wrong` if neither has a
            single item right; `at_chance` if not decided, or claimed with a margin, and neither is shown to
            be above chance.
    """

    id: str
    column: str
    title: str
    comparison: Comparison | None
    p: float | None
    holm: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A declared claim and its tests, one per column; `kind` and `margin` as in `Claim`."""

    text: str
    better: str
    than: str
    tests: tuple[ClaimTest, ...]
    kind: ClaimKind = "better"
    margin: float | None = None


def claim_text(claim: Claim, titles: Mapping[str, str]) -> str:
    """The claim in words."""
    if claim.text:
        return claim.text
    a, b = titles[claim.better], titles[claim.than]
    if claim.margin is None:
        return f"{a} is better than {b}"
    within = points_of(claim.margin)
    if claim.kind == "equivalent":
        return f"{a} and {b} are equal within {within}"
    return f"{a} is at most {within} worse than {b}"


def check_claims(
    runs: Runs, report_input: ReportInput, generic: Sequence[GenericColumn]
) -> tuple[tuple[ClaimResult, ...], tuple[GenericColumn, ...], int]:
    """Test all claims, and adjust them together with every change in generic ability.

    A declared test that cannot be made keeps its place in the family with p = 1, so that what was declared
    decides the adjustment and not what happened to be evaluated.

    Args:
        runs: the outcomes.
        report_input: the claims.
        generic: generic columns with their changes.

    Returns:
        The claims, the generic columns with adjusted p-values, and the size of the family.
    """
    titles = {s.name: s.title for s in report_input.students}
    drafts = [
        (number, column, *_tested(runs, claim, column))
        for number, claim in enumerate(report_input.claims)
        for column in _columns(runs, claim)
    ]
    declared = [1.0 if p is None else p for *_, p in drafts]
    adjusted, columns, tests = _one_family(declared, generic)
    results = []
    for number, claim in enumerate(report_input.claims):
        found: list[ClaimTest] = []
        for (owner, column, comparison, p), holm_p in zip(drafts, adjusted, strict=True):
            if owner != number:
                continue
            verdict = _verdict(claim, comparison, holm_p)
            about_chance = verdict == "undecided" or (comparison is not None and claim.kind != "better")
            if about_chance and _both_at_chance(runs, claim, column):
                verdict = "at_chance"
            found.append(
                ClaimTest(
                    f"claim-{number + 1}-{len(found) + 1}",
                    column.name,
                    column.title,
                    comparison,
                    p,
                    None if p is None else holm_p,
                    verdict,
                )
            )
        text = claim_text(claim, titles)
        results.append(ClaimResult(text, claim.better, claim.than, tuple(found), claim.kind, claim.margin))
    return tuple(results), columns, tests


def _tested(runs: Runs, claim: Claim, column: Column) -> tuple[Comparison | None, float | None]:
    """The comparison of a claim on a column, and the p-value of what it claims."""
    found = compare_rows(runs, claim.better, claim.than, column)
    if found is None:
        return None, None
    comparison, row = found
    return comparison, comparison.p if claim.margin is None else margin_p(row, claim.kind, claim.margin)


def _one_family(
    declared: list[float], generic: Sequence[GenericColumn]
) -> tuple[list[float], tuple[GenericColumn, ...], int]:
    changes = [change for column in generic for change in column.changes]
    first = [change.comparison.p for change in changes]
    large = [c.comparison.at_large.test.pvalue if c.comparison.at_large else None for c in changes]
    made = [p for p in [*first, *large] if p is not None]
    adjusted = holm([*declared, *made])
    rest = iter(adjusted[len(declared) :])
    own = [None if p is None else next(rest) for p in first]
    of_families = [None if p is None else next(rest) for p in large]
    done = iter(
        [
            replace(change, adjusted=p, at_large_adjusted=q)
            for change, p, q in zip(changes, own, of_families, strict=True)
        ]
    )
    columns = tuple(replace(c, changes=tuple(next(done) for _ in c.changes)) for c in generic)
    return adjusted[: len(declared)], columns, len(declared) + len(made)


def _columns(runs: Runs, claim: Claim) -> list[Column]:
    if not claim.on:
        return [column for column in runs.columns if column.role != "generic"]
    found = [runs.column(name) for name in claim.on]
    return [column for column in found if column is not None]


def _both_at_chance(runs: Runs, claim: Claim, column: Column) -> bool:
    """True if on a task that can be guessed no seed of either has its 95 % interval above chance."""
    chance = chance_of_column(runs, column)
    if chance is None or chance <= 0:
        return False
    lows = [
        interval_of(runs.run(student, seed, column).scores)[0].low
        for student in (claim.better, claim.than)
        for seed in runs.seeds(student, column)
    ]
    return max(lows) <= chance


def _verdict(claim: Claim, comparison: Comparison | None, adjusted: float) -> Verdict:
    if comparison is None:
        return "missing"
    if comparison.accuracy_a == 0 and comparison.accuracy_b == 0:
        return "both_wrong"
    if claim.kind != "better":
        return "confirmed" if adjusted <= ALPHA else "not_shown"
    if all(not pair.won and not pair.lost for pair in comparison.pairs) and comparison.difference == 0:
        return "identical"
    if comparison.p is not None and adjusted <= ALPHA:
        return "confirmed" if comparison.difference > 0 else "contradicted"
    return "undecided"
