"""pytest plugin: the fixture `smallsteps_gate` turns a gate into an assertion.

    def test_new_student_is_no_worse(smallsteps_gate):
        smallsteps_gate("runs/new", "runs/frozen", margin=2)

pytest imports this file in every test run of every project, so it imports nothing heavy until it is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import pytest

if TYPE_CHECKING:
    from smallsteps.gate.model import GateReport


class GateFixture(Protocol):
    """What the fixture gives."""

    def __call__(
        self,
        new: str | Path,
        reference: str | Path,
        *,
        margin: float | str | Sequence[str],
        alpha: float = 0.05,
        tasks: Sequence[str] = (),
        allow: Sequence[str] = (),
        undecided: Literal["fail", "skip", "pass"] = "fail",
    ) -> GateReport:
        """Judge `new` against `reference`; the test fails on FAIL.

        Args:
            new: run, lm-eval output or table of outcomes.
            reference: likewise, frozen.
            margin: points for all, or as on the command line: `"generic=1"`, `["2", "svamp=3"]`.
            alpha: one-sided level.
            tasks: tasks to judge; empty takes all.
            allow: differences that are allowed: `prompts`, `scoring`.
            undecided: what an INCONCLUSIVE gate does to the test.
        """
        ...


def judge(
    new: str | Path,
    reference: str | Path,
    *,
    margin: float | str | Sequence[str],
    alpha: float = 0.05,
    tasks: Sequence[str] = (),
    allow: Sequence[str] = (),
    undecided: Literal["fail", "skip", "pass"] = "fail",
) -> GateReport:
    """See `GateFixture`."""
    __tracebackhide__ = True
    from smallsteps.errors import UserError
    from smallsteps.gate.decide import decide
    from smallsteps.gate.layout import as_text
    from smallsteps.gate.rules import parse_margins
    from smallsteps.outcomes.readers import load
    from smallsteps.stats.noninferiority import Verdict

    options = [str(margin)] if isinstance(margin, str | int | float) else [str(one) for one in margin]
    try:
        rules = parse_margins(options, alpha)
        tables = [load([Path(path)]).table for path in (new, reference)]
        report = decide(tables[0], [tables[1]], rules, tasks=tuple(tasks), allow=tuple(allow))
    except UserError as error:
        pytest.fail(f"gate: {error}", pytrace=False)
    text = as_text(report)
    if report.verdict is Verdict.FAIL:
        pytest.fail(text, pytrace=False)
    if report.verdict is Verdict.INCONCLUSIVE:
        if undecided == "fail":
            pytest.fail(text, pytrace=False)
        if undecided == "skip":
            pytest.skip(text)
    return report


@pytest.fixture
def smallsteps_gate() -> GateFixture:
    """Judge a new student against a frozen reference inside a test."""
    return judge
