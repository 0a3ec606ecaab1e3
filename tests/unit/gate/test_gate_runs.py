"""A gate on finished runs."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from outcome_tables import correlated, join, table
from smallsteps.errors import UserError
from smallsteps.files import to_json
from smallsteps.gate import layout
from smallsteps.gate.decide import decide
from smallsteps.gate.model import overall
from smallsteps.gate.rules import Rules, parse_margins
from smallsteps.outcomes import OutcomeTable
from smallsteps.problems import Role
from smallsteps.stats.noninferiority import Verdict

SAME = correlated(1000, {"new": 0.6, "old": 0.6})
WORSE = correlated(1000, {"new": 0.4, "old": 0.6})
FEW = correlated(40, {"new": 0.6, "old": 0.6})


def _runs(scores: dict[str, list[float]], task: str = "svamp") -> tuple[OutcomeTable, OutcomeTable]:
    return table({"new": scores["new"]}, task), table({"old": scores["old"]}, task)


def _gate(scores: dict[str, list[float]], margin: str = "6"):  # type: ignore[no-untyped-def]
    new, old = _runs(scores)
    return decide(new, [old], parse_margins([margin]))


@pytest.mark.parametrize(
    ("scores", "verdict", "code"),
    [(SAME, Verdict.PASS, 0), (WORSE, Verdict.FAIL, 1), (FEW, Verdict.INCONCLUSIVE, 2)],
    ids=["pass", "fail", "inconclusive"],
)
def test_three_verdicts_and_their_exit_codes(
    scores: dict[str, list[float]], verdict: Verdict, code: int
) -> None:
    report = _gate(scores)
    assert (report.verdict, report.exit_code) == (verdict, code)
    assert layout.as_text(report).startswith(verdict.upper())


def test_undecided_says_how_many_items_are_missing_and_which_margin_would_pass() -> None:
    report = _gate(FEW)
    (line,) = report.lines
    assert line.result.smallest_margin is not None
    assert line.result.smallest_margin > 0.06
    if line.result.difference > -0.06:
        assert line.result.items_needed is not None
        assert "items would pass it" in layout.sentence(line, 0.05)


def test_regressed_is_flagged_inside_the_margin() -> None:
    new, old = [1.0] * 880 + [0.0] * 120, [1.0] * 900 + [0.0] * 100
    report = _gate({"new": new, "old": old})
    assert report.verdict is Verdict.PASS
    assert report.regressed
    assert "REGRESSED" in layout.headline(report)


def test_one_failure_fails_and_all_must_pass() -> None:
    assert overall([Verdict.PASS, Verdict.FAIL]) is Verdict.FAIL
    assert overall([Verdict.PASS, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert overall([Verdict.PASS, Verdict.PASS]) is Verdict.PASS
    assert overall([]) is Verdict.INCONCLUSIVE


def test_a_failure_must_survive_holm_and_a_pass_needs_no_correction() -> None:
    # 30 discordant against 12 of 400: upper limit just under the margin of 1 point when taken alone
    new = [0.0] * 30 + [1.0] * 12 + [1.0] * 358
    old = [1.0] * 30 + [0.0] * 12 + [1.0] * 358
    alone = decide(table({"new": new}), [table({"old": old})], parse_margins(["1"]))
    assert alone.verdict is Verdict.FAIL
    fine = [1.0] * 400
    parts = [table({"new": fine}, f"t{i}") for i in range(12)]
    others = [table({"old": fine}, f"t{i}") for i in range(12)]
    many = decide(
        join(table({"new": new}), *parts), [join(table({"old": old}), *others)], parse_margins(["1"])
    )
    assert many.verdict is Verdict.INCONCLUSIVE
    assert sum(line.verdict is Verdict.PASS for line in many.lines) == 12
    line = next(line for line in many.lines if line.task == "svamp")
    assert "Holm" in line.notes[-1]


def test_margins_by_task_role_and_default() -> None:
    rules = parse_margins(["2", "generic=1", "svamp=3"])
    assert rules.margin("svamp")[0] == 0.03
    assert rules.margin("smallsteps_bbh_snarks") == (0.01, Role.GENERIC)
    assert rules.margin("unknown_task") == (0.02, None)
    with pytest.raises(UserError, match="no margin for 'unknown_task'"):
        Rules(roles={Role.GENERIC: 0.01}).margin("unknown_task")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["x"], "not a number of points"),
        (["0"], "more than 0"),
        (["100"], "less than 100"),
        (["nan"], "more than 0"),
        (["2", "3"], "given twice"),
        (["a=2", "a=3"], "given twice"),
        ([], "needs a margin"),
    ],
)
def test_bad_margins(options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_margins(options)


def test_a_margin_for_a_task_that_is_not_there() -> None:
    new, old = _runs(SAME)
    with pytest.raises(UserError, match="did you mean 'svamp'"):
        decide(new, [old], parse_margins(["2", "svanp=3"]))


def test_against_a_frozen_and_the_best_run() -> None:
    new, old = _runs(SAME)
    best = table({"best": correlated(1000, {"best": 0.8})["best"]})
    report = decide(new, [old, best], parse_margins(["6"]))
    assert [line.reference for line in report.lines] == ["old", "best"]
    assert report.verdict is Verdict.FAIL


def test_clusters_and_suites_are_judged_by_their_own_error() -> None:
    clusters = [f"p{i // 10}" for i in range(1000)]
    new = table({"new": SAME["new"]}, clusters=clusters)
    old = table({"old": SAME["old"]}, clusters=clusters)
    (line,) = decide(new, [old], parse_margins(["6"])).lines
    assert "cluster t" in line.result.method
    parts = ["navigate", "snarks", "hyperbaton"]
    news = join(*(table({"new": SAME["new"][:200]}, f"bbh_{name}") for name in parts))
    olds = join(*(table({"old": SAME["old"][:200]}, f"bbh_{name}") for name in parts))
    (suite,) = decide(news, [olds], parse_margins(["generic=6"])).lines
    assert (suite.task, suite.role, suite.items) == ("bbh", Role.GENERIC, 600)
    assert "fixed strata" in suite.result.method


def test_several_new_seeds_against_one_frozen_run() -> None:
    new = join(*(table({"new": correlated(500, {"new": 0.6}, s)["new"]}, seed=s) for s in range(4)))
    old = table({"old": correlated(500, {"old": 0.3}, 0)["old"]})
    report = decide(new, [old], parse_margins(["3"]))
    assert report.verdict is Verdict.PASS
    assert "seed" in report.lines[0].result.method
    # a gate judges the given checkpoint: 30 points behind the method that made the reference, it fails
    assert decide(old, [new], parse_margins(["3"])).verdict is Verdict.FAIL


def test_two_runs_of_the_reference_measure_flakes() -> None:
    new, old = _runs(SAME)
    again = [1 - score if i < 20 else score for i, score in enumerate(SAME["old"])]
    report = decide(new, [old], parse_margins(["6"]), rerun=table({"old": again}))
    assert report.flake_rate == pytest.approx(0.02)
    assert "2.0% of the items" in layout.as_text(report)


def test_different_items_or_a_missing_task_are_errors() -> None:
    new, old = _runs(SAME)
    with pytest.raises(UserError, match="different items"):
        decide(table({"new": SAME["new"][:10]}), [old], parse_margins(["2"]))
    with pytest.raises(UserError, match="no outcomes of task 'gsm8k'"):
        decide(new, [join(old, table({"old": [1.0]}, "gsm8k"))], parse_margins(["2"]))
    with pytest.raises(UserError, match="holds 2 students"):
        decide(new, [table(SAME)], parse_margins(["2"]))


def test_junit_counts_and_escapes() -> None:
    new = join(table({"n<&>\x00": SAME["new"]}, "svamp"), table({"n<&>\x00": FEW["new"]}, "gsm8k"))
    old = join(table({"old": WORSE["new"]}, "svamp"), table({"old": FEW["old"]}, "gsm8k"))
    root = ET.fromstring(layout.as_junit(decide(new, [old], parse_margins(["3"]))))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "0")
    failing = ET.fromstring(layout.as_junit(_gate(WORSE)))
    assert failing.find("testsuite/testcase/failure") is not None


def test_json_and_markdown_carry_the_verdict() -> None:
    report = _gate(WORSE)
    data = json.loads(to_json(layout.as_json(report)))
    assert (data["schema"], data["verdict"], data["exit_code"]) == ("smallsteps.gate/1", "fail", 1)
    assert "## Gate: FAIL" in layout.as_markdown(report)
