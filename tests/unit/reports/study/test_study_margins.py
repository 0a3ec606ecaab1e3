"""Claims of equivalence and of non-inferiority: p-values, family, sentences, and what a study may declare."""

from __future__ import annotations

import random
from typing import Any

import pytest
from scipy import stats
from study_inputs import counted, rows, study

from smallsteps.comparing.rows import compare_unit
from smallsteps.outcomes import Outcome
from smallsteps.reports.study import Claim, TaskInfo, build
from smallsteps.reports.study.headlines import headlines
from smallsteps.reports.study.markdown import to_markdown
from smallsteps.reports.study.runs import Runs
from smallsteps.reports.study.words import sentence_of, statements
from smallsteps.stats import PairedCounts
from smallsteps.stats.noninferiority import noninferior_paired
from smallsteps.studies.study import ClaimSpec

ON = ("word_problems",)


def claim(kind: Any, within: float, better: str = "cot", than: str = "answer_only") -> Claim:
    return Claim(better, than, ON, "", kind, within / 100)


def seeds(sd: float) -> list[Outcome]:
    draw = random.Random(3)
    found: list[Outcome] = []
    for student in ("cot", "answer_only"):
        for seed in (1, 2, 3):
            rate = 0.5 + draw.gauss(0, sd)
            found += rows(student, [float(draw.random() < rate) for _ in range(400)], seed=seed)
    return found


def test_equivalence_is_the_larger_of_two_one_sided_tests() -> None:
    report = build(study(counted(480, 22, 18, 480), claims=[claim("equivalent", 3)]))
    (test,) = report.claims[0].tests
    below = noninferior_paired(PairedCounts(480, 22, 18, 480), 0.03).pvalue
    above = noninferior_paired(PairedCounts(480, 18, 22, 480), 0.03).pvalue
    assert below is not None
    assert above is not None
    assert test.p == pytest.approx(max(below, above), rel=1e-12)
    assert test.verdict == "confirmed"
    assert report.claims[0].text == "CoT and Answer only are equal within 3 points"


@pytest.mark.parametrize(("kind", "direction"), [("equivalent", None), ("noninferior", 1)])
def test_over_seeds_the_margin_is_tested_with_the_variance_of_the_difference(
    kind: str, direction: int | None
) -> None:
    given = study(seeds(0.01), claims=[claim(kind, 8)])
    (test,) = build(given).claims[0].tests
    runs = Runs(given)
    column = runs.column("word_problems")
    assert column is not None
    found = compare_unit(runs.sheet, "cot", "answer_only", column.unit).test
    assert found.standard_error is not None
    assert found.df is not None
    room = 0.08 + found.estimate if direction else 0.08 - abs(found.estimate)
    assert test.p == pytest.approx(float(stats.t.sf(room / found.standard_error, found.df)), rel=1e-9)


def test_the_p_of_the_margin_takes_its_place_in_the_family() -> None:
    claims = [claim("equivalent", 3), Claim("cot", "answer_only", ON)]
    report = build(study(counted(480, 22, 18, 480), claims=claims))
    equal, better = report.claims[0].tests[0], report.claims[1].tests[0]
    assert report.tests == 2
    assert equal.p is not None
    assert equal.holm == pytest.approx(min(1.0, 2 * equal.p))
    assert better.verdict == "undecided"


def test_what_is_not_shown_is_not_called_different() -> None:
    report = build(study(counted(40, 8, 6, 40), claims=[claim("equivalent", 2), claim("noninferior", 2)]))
    for result in report.claims:
        assert [test.verdict for test in result.tests] == ["not_shown"]
    texts = [sentence_of(report, result, result.tests[0]) for result in report.claims]
    assert texts[0].startswith("CoT and Answer only are not shown to be equal within 2 points: +2")
    assert texts[1].startswith("CoT may be more than 2 points worse than Answer only: +2")
    said = [statement.text for statement in statements(report)]
    assert any("not shown to be equal within 2 points on Word problems (" in text for text in said)
    told, open_, _ = headlines(report)
    assert told.text == "No declared comparison between students shows a difference."
    assert "not shown to be equal within 2 points on Word problems" in open_.text
    assert "| not shown |" in to_markdown(report)


def test_a_shown_equality_is_a_result() -> None:
    report = build(study(counted(480, 22, 18, 480), claims=[claim("equivalent", 3), claim("noninferior", 3)]))
    told, undecided = (line.text for line in headlines(report)[:2])
    assert undecided.startswith("Every declared comparison between students is decided.")
    assert "CoT and Answer only are equal within 3 points on Word problems" in told
    assert "CoT is at most 3 points worse than Answer only on Word problems" in told
    assert "confirmed" in to_markdown(report)


def test_two_students_that_guess_are_not_equal() -> None:
    """At chance there is nothing that one could lack."""
    task = TaskInfo("word_problems", "Word problems", "target", chance=0.25)
    given = study(counted(200, 10, 10, 780), tasks=[task], claims=[claim("equivalent", 5)])
    (test,) = build(given).claims[0].tests
    assert test.verdict == "at_chance"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "give one of 'better', 'equivalent' and 'noninferior'"),
        ({"better": "a", "equivalent": "b", "than": "c"}, "give one of"),
        ({"better": "a"}, "'better' needs 'than'"),
        ({"equivalent": "a", "to": "b"}, "'equivalent' needs 'within'"),
        ({"noninferior": "a", "than": "b"}, "'noninferior' needs 'to' and 'within'"),
        ({"better": "a", "than": "b", "within": 2}, "'better' takes no 'within'"),
    ],
)
def test_a_claim_is_of_one_kind(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ClaimSpec(on=["target"], **wrong)


def test_claims_that_were_declared_before_keep_their_content() -> None:
    """What a study's identity is made of does not change for studies without margins."""
    spec = ClaimSpec(better="a", than="b", on=["target"])
    assert set(spec.model_dump()) == {"better", "than", "on", "text"}
    assert spec.sides == ("a", "b")
    assert ClaimSpec(noninferior="a", to="b", within=2, on=["t"]).sides == ("a", "b")
