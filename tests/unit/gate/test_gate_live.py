"""A live gate: stops early, resumes, and never spends alpha twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from outcome_tables import correlated, table
from smallsteps.comparing.graded import Graded, grade_all
from smallsteps.errors import UserError
from smallsteps.files import read_json
from smallsteps.gate import layout
from smallsteps.gate.live import LivePlan, run_live
from smallsteps.gate.rules import Rules, parse_margins
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.sequential import hash_order, look_sizes

RULES = parse_margins(["4"])
PLAN = LivePlan("new@abc", "salt")


class KilledError(Exception):
    """Stands for a killed process."""


class Grader:
    """Grades from a table, counts, and dies when told to."""

    def __init__(self, scores: Mapping[str, Mapping[str, float]], dies_after: int | None = None) -> None:
        self.scores, self.left, self.graded = scores, dies_after, []  # type: ignore[var-annotated]

    def __call__(self, task: str, items: Sequence[str]) -> dict[str, float]:
        if self.left is not None:
            if self.left < len(items):
                raise KilledError
            self.left -= len(items)
        self.graded += items
        return {item: self.scores[task][item] for item in items}


def _world(
    n: int = 1000, new: float = 0.6, task: str = "svamp", seed: int = 0
) -> tuple[Graded, dict[str, float]]:
    scores = correlated(n, {"new": new, "old": 0.6}, seed, noise=0.15)
    graded = grade_all(table({"old": scores["old"]}, task), [task])["old", task]
    return graded, {f"i{i:04d}": score for i, score in enumerate(scores["new"])}


def test_it_stops_early_when_the_answer_is_clear(tmp_path: Path) -> None:
    reference, same = _world()
    grader = Grader({"svamp": same})
    report = run_live(PLAN, [reference], RULES, grader, tmp_path / "s.json")
    assert report.verdict is Verdict.PASS
    assert len(grader.graded) < 1000
    assert len(grader.graded) in look_sizes(1000)
    _, worse = _world(new=0.45)
    bad = Grader({"svamp": worse})
    assert run_live(PLAN, [reference], RULES, bad, tmp_path / "w.json").verdict is Verdict.FAIL
    assert len(bad.graded) < 1000


def test_items_come_in_the_committed_order(tmp_path: Path) -> None:
    reference, same = _world()
    grader = Grader({"svamp": same})
    run_live(PLAN, [reference], RULES, grader, tmp_path / "s.json")
    order = hash_order(reference.items, "salt\x1fsvamp")
    assert grader.graded == order[: len(grader.graded)]


@pytest.mark.parametrize("design", ["looks", "watch"])
def test_killed_anywhere_it_goes_on_to_the_same_end(tmp_path: Path, design: str) -> None:
    reference, same = _world(500)
    plan = LivePlan("new@abc", "salt", design=design, batch=32)  # type: ignore[arg-type]
    whole_grader = Grader({"svamp": same})
    whole = run_live(plan, [reference], RULES, whole_grader, tmp_path / "whole.json")
    state, graded, report = tmp_path / "s.json", [], None
    for _ in range(100):
        grader = Grader({"svamp": same}, dies_after=70)
        try:
            report = run_live(plan, [reference], RULES, grader, state)
        except KilledError:
            graded += grader.graded
            continue
        graded += grader.graded
        break
    assert report == whole
    assert graded == whole_grader.graded  # nothing was graded twice, nothing left out
    assert state.read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_a_finished_gate_grades_nothing_more_and_keeps_its_verdict(tmp_path: Path) -> None:
    reference, same = _world()
    first = run_live(PLAN, [reference], RULES, Grader({"svamp": same}), tmp_path / "s.json")
    again = Grader({"svamp": dict.fromkeys(same, 0.0)})
    assert run_live(PLAN, [reference], RULES, again, tmp_path / "s.json") == first
    assert again.graded == []


@pytest.mark.parametrize(
    ("plan", "rules", "name"),
    [
        (LivePlan("other@def", "salt"), RULES, "student"),
        (LivePlan("new@abc", "pepper"), RULES, "salt"),
        (LivePlan("new@abc", "salt", looks=9), RULES, "looks"),
        (LivePlan("new@abc", "salt", design="watch"), RULES, "looks"),
        (PLAN, parse_margins(["5"]), "margins"),
        (PLAN, Rules(0.04, alpha=0.1), "alpha"),
    ],
    ids=["student", "salt", "looks", "design", "margin", "alpha"],
)
def test_another_question_cannot_go_on_with_the_same_looks(
    tmp_path: Path, plan: LivePlan, rules: Rules, name: str
) -> None:
    reference, same = _world()
    with pytest.raises(KilledError):
        run_live(PLAN, [reference], RULES, Grader({"svamp": same}, dies_after=300), tmp_path / "s.json")
    with pytest.raises(UserError, match=rf"differs in: {name}") as caught:
        run_live(plan, [reference], rules, Grader({"svamp": same}), tmp_path / "s.json")
    assert "test twice" in str(caught.value)


def test_another_reference_is_refused(tmp_path: Path) -> None:
    reference, same = _world()
    run_live(PLAN, [reference], RULES, Grader({"svamp": same}), tmp_path / "s.json")
    changed, _ = _world(seed=1)
    with pytest.raises(UserError, match="reference"):
        run_live(PLAN, [changed], RULES, Grader({"svamp": same}), tmp_path / "s.json")


def test_one_failing_task_stops_the_others(tmp_path: Path) -> None:
    bad, worse = _world(new=0.3, task="svamp")
    good, same = _world(task="gsm8k", seed=5)
    grader = Grader({"svamp": worse, "gsm8k": same})
    report = run_live(PLAN, [bad, good], RULES, grader, tmp_path / "s.json")
    assert report.verdict is Verdict.FAIL
    assert len(grader.graded) < 1200
    assert "gsm8k" in report.notes[0]
    assert layout.as_text(report).startswith("FAIL")


def test_partial_credit_and_clusters_have_their_own_z(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    old = rng.random(600)
    new = np.clip(old + rng.normal(0, 0.05, 600), 0, 1)
    plain = grade_all(table({"old": list(old)}, "drop"), ["drop"])["old", "drop"]
    labels = [f"p{i // 6}" for i in range(600)]
    clustered = grade_all(table({"old": list(old)}, "drop", clusters=labels), ["drop"])["old", "drop"]
    scores = {"drop": {f"i{i:04d}": float(x) for i, x in enumerate(new)}}
    for name, reference in (("a", plain), ("b", clustered)):
        report = run_live(PLAN, [reference], RULES, Grader(scores), tmp_path / f"{name}.json")
        assert report.verdict is Verdict.PASS
    with pytest.raises(UserError, match="clusters cannot be watched"):
        run_live(LivePlan("n", "s", "watch"), [clustered], RULES, Grader(scores), tmp_path / "c.json")


def test_a_grader_that_answers_something_else_is_refused(tmp_path: Path) -> None:
    reference, same = _world(100)

    def forgetful(task: str, items: Sequence[str]) -> dict[str, float]:
        return {item: same[item] for item in items[1:]}

    def broken(task: str, items: Sequence[str]) -> dict[str, float]:
        return dict.fromkeys(items, float("nan"))

    with pytest.raises(UserError, match="items were graded"):
        run_live(PLAN, [reference], RULES, forgetful, tmp_path / "a.json")
    with pytest.raises(UserError, match="is nan"):
        run_live(PLAN, [reference], RULES, broken, tmp_path / "b.json")


def test_the_state_names_its_schema_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    reference, same = _world(100)
    run_live(PLAN, [reference], RULES, Grader({"svamp": same}), tmp_path / "s.json")
    assert read_json(tmp_path / "s.json")["schema"] == "smallsteps.gate-state/2"
    (tmp_path / "s.json").write_text("{}")
    with pytest.raises(UserError, match="schema is 'None'"):
        run_live(PLAN, [reference], RULES, Grader({"svamp": same}), tmp_path / "s.json")


def test_restarting_at_every_item_does_not_change_how_often_a_bad_student_passes(tmp_path: Path) -> None:
    """80 gates on students at the margin, killed and restarted again and again: about 5 % pass, not more."""
    rng = np.random.default_rng(7)
    passed = 0
    for run in range(80):
        u = rng.random(300)
        old = np.where(u < 0.6, 1.0, 0.0)
        new = np.where(u < 0.06, 0.0, np.where((u > 0.6) & (u < 0.62), 1.0, old))  # exactly 4 points worse
        reference = grade_all(table({"old": list(old)}), ["svamp"])["old", "svamp"]
        scores = {"svamp": {f"i{i:04d}": float(x) for i, x in enumerate(new)}}
        state = tmp_path / f"{run}.json"
        while True:
            try:
                report = run_live(LivePlan("n", str(run)), [reference], RULES, Grader(scores, 97), state)
                break
            except KilledError:
                continue
        passed += report.verdict is Verdict.PASS
    assert passed / 80 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 80)


def test_a_last_look_short_of_its_boundary_is_undecided_and_says_why(tmp_path: Path) -> None:
    """z between 1.645 and 1.75: one test would pass, five looks must not."""
    n, ups, downs = 1000, 50, 69
    old = [0.0] * ups + [1.0] * downs + [1.0] * (n - ups - downs)
    reference = grade_all(table({"old": old}), ["svamp"])["old", "svamp"]
    order = hash_order(reference.items, "salt\x1fsvamp")
    rank = {item: k for k, item in enumerate(order)}
    # losses spread evenly over the order, so that no early look decides
    by_rank = sorted(reference.items, key=rank.__getitem__)
    before = dict(zip(reference.items, old, strict=True))
    wins = [item for item in by_rank if before[item] == 0.0]
    losses = [item for item in by_rank if before[item] == 1.0][:: (n - ups) // downs][:downs]
    scores = dict(before) | dict.fromkeys(wins, 1.0) | dict.fromkeys(losses, 0.0)
    report = run_live(
        PLAN, [reference], parse_margins(["3.8"]), Grader({"svamp": scores}), tmp_path / "s.json"
    )
    (line,) = report.lines
    assert 1.645 < line.looks[-1].z_pass < line.looks[-1].critical
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "corrected boundary of the looks" in layout.as_text(report).replace("\n", " ")


def test_by_default_a_look_is_graded_in_one_call(tmp_path: Path) -> None:
    """A batch of 64 took longer than a plain evaluation of the same items."""
    reference, same = _world(new=0.57)
    calls: list[int] = []
    grader = Grader({"svamp": same})

    def counted(task: str, items: Sequence[str]) -> dict[str, float]:
        calls.append(len(items))
        return grader(task, items)

    report = run_live(PLAN, [reference], RULES, counted, tmp_path / "s.json")
    sizes = look_sizes(1000)
    steps = [size - before for size, before in zip(sizes, (0, *sizes), strict=False)]
    assert calls == steps[: len(calls)]
    assert len(calls) == len(report.lines[0].looks)


def test_a_small_student_grades_ahead_and_the_looks_are_the_same(tmp_path: Path) -> None:
    """Calls of 100 items took a small student 1.2 times as long as all 500 in one."""
    reference, same = _world(500, new=0.57)
    plain = run_live(PLAN, [reference], RULES, Grader({"svamp": same}), tmp_path / "plain.json")
    calls: list[int] = []
    grader = Grader({"svamp": same})

    def counted(task: str, items: Sequence[str]) -> dict[str, float]:
        calls.append(len(items))
        return grader(task, items)

    ahead = replace(PLAN, together=383)
    report = run_live(ahead, [reference], RULES, counted, tmp_path / "ahead.json")
    assert calls[0] == 383
    assert report.lines == plain.lines
    assert len(calls) == (1 if report.lines[0].graded <= 383 else 2)
    small = replace(ahead, batch=64)
    calls.clear()
    run_live(small, [reference], RULES, counted, tmp_path / "small.json")
    assert max(calls) == 64


def test_a_watched_gate_is_judged_every_64_items_by_default(tmp_path: Path) -> None:
    reference, same = _world()
    grader = Grader({"svamp": same})
    run_live(LivePlan("new@abc", "salt", "watch"), [reference], RULES, grader, tmp_path / "s.json")
    assert len(grader.graded) % 64 == 0 or len(grader.graded) == 1000


@pytest.mark.parametrize("text", ["0.02", "generic=0.01", "svamp=0.2"])
def test_a_margin_that_looks_like_a_proportion_is_asked_about(text: str) -> None:
    name, sign, number = text.rpartition("=")
    with pytest.raises(UserError) as caught:
        parse_margins([text])
    assert f"--margin {name}{sign}{100 * float(number):g}" in str(caught.value)
    assert parse_margins([f"{text}pp", "3"] if name else [f"{text}pp"])


def test_margins_with_a_unit() -> None:
    assert (
        parse_margins(["2pp"]).default
        == parse_margins(["2%"]).default
        == parse_margins(["2"]).default
        == 0.02
    )
    assert parse_margins(["0.25"]).default == 0.0025
    assert parse_margins(["0.02pp"]).default == pytest.approx(0.0002)
