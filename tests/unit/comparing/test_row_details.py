"""What rows say beside their test: detectable differences, and votes of malformed answers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from outcome_tables import table
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.graded import grade_all
from smallsteps.outcomes import Outcome, OutcomeTable, Status
from smallsteps.problems import load_benchmark
from smallsteps.reports.compare import layout


def _suite() -> OutcomeTable:
    rng = np.random.default_rng(4)
    parts = load_benchmark("bbh").subtask_names[:8]
    scores = {name: rng.integers(0, 2, 160).astype(float).tolist() for name in ("a", "b")}
    return table(scores, "bbh", clusters=[parts[i % 8] for i in range(160)])


def _partial_credit() -> OutcomeTable:
    rng = np.random.default_rng(5)
    return table({name: rng.random(60).round(2).tolist() for name in ("a", "b")})


@pytest.mark.parametrize("outcomes", [_suite(), _partial_credit()], ids=["suite", "partial credit"])
def test_suites_and_partial_credit_say_which_difference_they_would_find(outcomes: OutcomeTable) -> None:
    report = build(outcomes, Question())
    (row,) = report.rows
    assert not row.significant
    assert row.detectable is not None
    assert row.test.standard_error is not None
    # what a t test with the row's own error finds in 80 of 100 cases, by the noncentral t
    shift, critical = row.detectable / row.test.standard_error, stats.t.ppf(0.975, row.test.df)
    assert stats.nct.sf(critical, row.test.df, shift) == pytest.approx(0.8, abs=1e-3)
    assert layout.as_json(report)["rows"][0]["detectable"] == pytest.approx(row.detectable)
    for text in (layout.as_text(report), layout.as_markdown(report)):
        assert "before adjustment, this comparison has 80 % power for a difference of" in " ".join(
            text.split()
        )


def test_malformed_answers_do_not_outvote_a_well_formed_one() -> None:
    samples = [("3", 0.0, Status.MALFORMED), ("3", 0.0, Status.MALFORMED), ("(A)", 1.0, Status.OK)]
    outcomes = OutcomeTable.of(
        Outcome("a", "t", f"i{i}", score, sample=k, status=status, extracted=answer)
        for i in range(2)
        for k, (answer, score, status) in enumerate(samples)
    )
    assert grade_all(outcomes, ["t"], "majority")["a", "t"].scores.ravel().tolist() == [1.0, 1.0]


def test_names_with_line_breaks_and_markup_stay_in_their_cell() -> None:
    outcomes = table({"a\n| x": [1.0, 0.0, 1.0], "b\x1b[2J": [0.0, 1.0, 1.0]}, "t\r\n# head")
    report = build(outcomes, Question())
    for text in (layout.as_text(report), layout.as_markdown(report)):
        assert "\x1b" not in text
        assert "\r" not in text
        assert "\n| x" not in text
        assert "\n# head" not in text
