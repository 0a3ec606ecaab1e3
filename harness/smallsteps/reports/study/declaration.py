"""Whether the claims of a study came before its results, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smallsteps.reports.numbers import count, plural

if TYPE_CHECKING:
    from smallsteps.reports.study.report import StudyReport

SHOWN = 12  # hex digits of the digest


def declared_note(report: StudyReport) -> str:
    """When the claims were declared, with their hash; and what of them came late."""
    tests = plural(sum(len(claim.tests) for claim in report.claims), "test was", "tests were")
    found = report.declared
    if found is None:
        return f"{tests} declared in the study's file; when was not recorded."
    when = f"on {found.day}" if found.late else f"on {found.day}, before the first evaluation"
    text = f"{tests} declared {when} (sha256 of the claims: {found.digest[:SHOWN]})."
    return f"{text} {late_note(report)}".strip()


def late_note(report: StudyReport) -> str:
    """What was declared or dropped when there were results; empty where nothing was."""
    found = report.declared
    if found is None:
        return ""
    parts = []
    if found.late:
        claims = plural(len(found.late), "claim")
        done = plural(found.evaluations, "evaluation was", "evaluations were")
        parts.append(
            f"Declared late: {claims} of {count(len(report.claims))}, first recorded when {done} finished. "
            "Nothing shows that results were not known by then."
        )
    if found.dropped:
        parts.append(f"Dropped after evaluations: {plural(found.dropped, 'declared claim')}.")
    return " ".join(parts)


def heading(report: StudyReport, number: int) -> str:
    """The text of a claim, counted from 0, marked where it was declared late."""
    text = report.claims[number].text
    return f"{text} (declared late)" if report.declared and number in report.declared.late else text
