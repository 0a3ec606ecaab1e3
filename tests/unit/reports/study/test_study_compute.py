"""What students were given: supervised tokens, parts, and which CoT a Socratic pair is laid beside."""

from __future__ import annotations

from dataclasses import replace

from study_inputs import pair, rows, study

from smallsteps.reports.study import StudentInfo, build
from smallsteps.reports.study.html import to_html
from smallsteps.reports.study.markdown import to_markdown
from smallsteps.reports.study.views import parts_text

SHORT = StudentInfo("cot-1", "CoT, short", "cot", 1000, 1000, 10, supervised_tokens=500)
MIDDLE = StudentInfo("cot-2", "CoT, middle", "cot", 1000, 2000, 20, supervised_tokens=1000)
LONG = StudentInfo("cot-4", "CoT, long", "cot", 1000, 4000, 40, supervised_tokens=2000)
TWO = {"decomposer": {"steps": 16, "passes": 0.25}, "solver": {"steps": 24, "passes": 0.081}}
PAIR = StudentInfo("socratic", "Socratic", "socratic", 2000, 4010, 40, TWO, supervised_tokens=1010)


def laid_out(*students: StudentInfo) -> list[tuple[str, str]]:
    first, second = pair(60, 50, 10, 80)
    outcomes = [row for s in students for row in rows(s.name, first if s.scheme == "cot" else second)]
    report = build(study(outcomes, claims=(), students=students))
    return [(one.a, one.b) for one in report.layouts]


def test_a_socratic_pair_is_laid_beside_cot_of_equal_tokens_and_of_equal_supervised_ones() -> None:
    assert laid_out(SHORT, MIDDLE, LONG, PAIR) == [("socratic", "cot-4"), ("socratic", "cot-2")]
    assert laid_out(SHORT, MIDDLE, PAIR) == [("socratic", "cot-2")]
    assert laid_out(SHORT, PAIR) == [("socratic", "cot-1")]  # neither: the first


def test_the_diagnostic_is_laid_beside_cot_of_equal_tokens() -> None:
    gold = replace(PAIR, name="socratic+gold_plans")
    assert laid_out(SHORT, MIDDLE, LONG, gold) == [("socratic+gold_plans", "cot-4")]


def test_supervised_tokens_and_the_share_of_each_part_are_in_the_table() -> None:
    assert parts_text(PAIR) == "decomposer (16 steps, 0.25 passes), solver (24 steps, 0.081 passes)"
    first, second = pair(60, 50, 10, 80)
    students = (LONG, PAIR)
    report = build(study(rows("cot-4", first) + rows("socratic", second), claims=(), students=students))
    text, page = to_markdown(report), to_html(report)
    for shown in (text, page):
        assert "Supervised" in shown
        assert "solver (24 steps, 0.081 passes)" in shown
        assert "1.01 k against 2 k of them supervised." in shown
