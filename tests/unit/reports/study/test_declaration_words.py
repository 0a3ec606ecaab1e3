"""A report says when its claims were declared, and marks those that came after results."""

from __future__ import annotations

from dataclasses import replace

from study_inputs import whole_study

from smallsteps.reports.study import Declared, build, in_words
from smallsteps.reports.study.html import to_html
from smallsteps.reports.study.markdown import to_markdown

IN_TIME = Declared("2026-11-27", "0123456789abcdef" * 4)


def test_claims_in_time_carry_day_and_hash() -> None:
    report = build(replace(whole_study(), declared=IN_TIME))
    said = "2 tests were declared on 2026-11-27, before the first evaluation "
    said += "(sha256 of the claims: 0123456789ab)."
    assert said in to_markdown(report)
    assert said in to_html(report)
    assert report.to_json()["declared"]["digest"] == IN_TIME.digest
    assert "late" not in in_words(report)


def test_late_claims_are_marked_and_said_in_the_summary() -> None:
    report = build(replace(whole_study(), declared=replace(IN_TIME, late=(1,), evaluations=5, dropped=2)))
    said = "Declared late: 1 claim of 2, first recorded when 5 evaluations were finished."
    for text in (to_markdown(report), to_html(report)):
        assert "before the first evaluation" not in text
        assert said in text
        assert "Dropped after evaluations: 2 declared claims." in text
        assert "It costs (declared late)" in text
        assert "Steps help (declared late)" not in text
    assert "Declared late: 1 claim of 2" in in_words(report)


def test_without_a_record_nothing_is_claimed_of_the_time() -> None:
    report = build(whole_study())
    text = to_markdown(report)
    assert "2 tests were declared in the study's file; when was not recorded." in text
    assert "before" not in text[text.index("## Declared claims") :].split("###")[0]
    assert "declared" not in report.to_json()
