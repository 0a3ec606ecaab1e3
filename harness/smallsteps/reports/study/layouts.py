"""Socratic against chain of thought on every slice, with the gold-plan diagnostic beside it."""

from __future__ import annotations

from dataclasses import dataclass

from smallsteps.reports.study.comparisons import Comparison, compare
from smallsteps.reports.study.inputs import ReportInput, StudentInfo
from smallsteps.reports.study.runs import Runs

# Training tokens this close count as matched compute.
MATCHED = 1.05


@dataclass(frozen=True, slots=True)
class LayoutPair:
    """A Socratic student against a CoT student on all columns.

    Attributes:
        a: the Socratic student (or the diagnostic); b: the CoT student.
        diagnostic: True if A is shown gold sub-questions.
        matched: True if training tokens agree within 5 %; None where they are unknown.
        ratio: training tokens of A over B; None where unknown.
        comparisons: one per column; None where outcomes are missing.
    """

    a: str
    b: str
    diagnostic: bool
    matched: bool | None
    ratio: float | None
    comparisons: tuple[Comparison | None, ...]


def token_ratio(a: StudentInfo, b: StudentInfo) -> float | None:
    """Training tokens of A over those of B; None where either is unknown or 0."""
    return a.training_tokens / b.training_tokens if a.training_tokens and b.training_tokens else None


def _supervised_ratio(a: StudentInfo, b: StudentInfo) -> float | None:
    one, other = a.supervised_tokens, b.supervised_tokens
    return one / other if one and other else None


def is_matched(ratio: float | None) -> bool | None:
    """Whether a ratio of training tokens counts as equal compute."""
    return None if ratio is None else 1 / MATCHED <= ratio <= MATCHED


def layout_pairs(runs: Runs, report_input: ReportInput) -> tuple[LayoutPair, ...]:
    """Each Socratic student against CoT of equal training tokens, and of equal supervised ones.

    Where there is neither, and for the diagnostic, the first CoT student.
    """
    trained = [s for s in report_input.students if s.name != report_input.reference]
    socratic = [s for s in trained if s.scheme == "socratic"]
    cot = [s for s in trained if s.scheme == "cot" and not s.diagnostic]
    pairs = []
    for a in socratic:
        equal = [b for b in cot if is_matched(token_ratio(a, b))][:1]
        supervised = [b for b in cot if is_matched(_supervised_ratio(a, b)) and b not in equal][:1]
        partners = equal or cot[:1] if a.diagnostic else [*equal, *supervised] or cot[:1]
        for b in partners:
            ratio = token_ratio(a, b)
            found = tuple(compare(runs, a.name, b.name, column) for column in runs.columns)
            if any(found):
                pairs.append(LayoutPair(a.name, b.name, a.diagnostic, is_matched(ratio), ratio, found))
    return tuple(pairs)
