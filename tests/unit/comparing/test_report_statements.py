"""One named test for each way in which reports used to contradict themselves or claim too much."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from contrasts import split_letters
from smallsteps.comparing import tradeoff
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.graded import grade_all
from smallsteps.comparing.rows import compare_unit, side_of
from smallsteps.comparing.sheet import Sheet
from smallsteps.errors import UserError
from smallsteps.gate.decide import decide
from smallsteps.gate.rules import Rules
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.outcomes.readers import short_names
from smallsteps.stats.noninferiority import Verdict
from smallsteps.stats.power import detectable_difference
from smallsteps.stats.ranking import compact_letters


def _table(
    scores: dict[tuple[str, str, int | None], np.ndarray], clusters: list[str] | None = None
) -> OutcomeTable:
    return OutcomeTable.of(
        Outcome(
            student,
            task,
            f"i{i:04d}",
            float(y),
            seed=seed,
            cluster=None if clusters is None else clusters[i],
        )
        for (student, task, seed), values in scores.items()
        for i, y in enumerate(values)
    )


def _noisy_runs(sd: float, tasks: tuple[str, ...], n: int = 200, seed: int = 0) -> dict:
    """A base and three runs whose luck is shared by all tasks."""
    rng = np.random.default_rng(seed)
    base = {task: (rng.random(n) < 0.6).astype(float) for task in tasks}
    out = {("base", task, None): y for task, y in base.items()}
    for s, luck in enumerate((-1.0, 0.2, 1.1)):
        for task, y in base.items():
            flip = rng.random(n) < abs(luck) * sd
            out["stu", task, s] = np.where(flip, float(luck > 0), y)
    return out


def test_a_tradeoff_on_a_suite_counts_seeds_as_compare_does() -> None:
    suite = ("bbh_navigate", "bbh_snarks", "bbh_hyperbaton")
    table = _table(_noisy_runs(0.2, (*suite, "gsm8k")))
    report = tradeoff.build(table, tradeoff.TradeoffQuestion("base", ("gsm8k",), suite, margin=0.08))
    row = build(table, Question(students=("stu", "base"), fixed=("base",))).rows[-1]
    point = report.points[0]
    assert (row.task, row.level) == ("bbh", "method")
    assert (point.loss.estimate, point.loss.standard_error, point.loss.pvalue, point.loss.interval) == (
        row.difference,
        row.test.standard_error,
        row.p,
        row.interval,
    )
    assert point.within is not None
    assert point.within.verdict is Verdict.INCONCLUSIVE


def test_b_a_mean_over_tasks_has_the_degrees_of_freedom_of_its_seeds() -> None:
    table = _table(_noisy_runs(0.2, ("t1", "t2", "t3", "t4")))
    report = build(table, Question(fixed=("base",)))
    mean = report.across[0].mean
    assert mean.df is not None
    assert mean.df < 5
    assert mean.standard_error == pytest.approx(report.rows[0].test.standard_error, rel=0.3)  # luck is shared


def test_b_two_prompts_of_the_same_items_are_no_more_evidence_than_one() -> None:
    rng = np.random.default_rng(1)
    a, b = ((rng.random(300) < p).astype(float) for p in (0.6, 0.5))
    once = _table({("a", "t", None): a, ("b", "t", None): b})
    twice = _table({(s, f"t_{v}", None): y for s, y in (("a", a), ("b", b)) for v in ("x", "y")})
    row, mean = build(once, Question()).rows[0], build(twice, Question()).across[0].mean
    assert mean.standard_error == pytest.approx(row.test.standard_error, rel=1e-10)


def _three_on_twelve_clusters() -> OutcomeTable:
    right = {"a": set(range(7)), "b": {0, 1, 2, 7, 8}, "c": {0, 7, 9}}
    labels = [f"c{i // 20}" for i in range(240)]
    y = {
        (s, "t", None): np.array([float(i // 20 in found) for i in range(240)]) for s, found in right.items()
    }
    return _table(y, labels)


def test_c_a_ranking_knows_the_clusters_of_its_rows() -> None:
    report = build(_three_on_twelve_clusters(), Question())
    assert not any(row.significant for row in report.rows)
    assert {(s.rank.low, s.rank.high, s.letters) for s in report.boards[0].standings} == {(1, 3, "a")}


def test_d_letters_and_rows_share_one_family() -> None:
    y = {}
    for t, s in itertools.product(range(6), "abc"):
        score = np.array([float(i < 100) for i in range(200)])
        if (t, s) == (0, "a"):
            score[100:116], score[:3] = 1.0, 0.0
        y[s, f"t{t}", None] = score
    report = build(_table(y), Question())
    row = next(r for r in report.rows if r.task == "t0" and r.b.student == "b")
    assert row.p is not None
    assert row.p < 0.05 < (row.adjusted or 0)
    assert {s.letters for s in report.boards[0].standings} == {"a"}


def test_e_tasks_are_counted_by_the_rows_that_are_significant() -> None:
    y = {}
    for task, (up, down) in {"t1": (12, 3), "t2": (3, 2)}.items():
        a = np.array([float(i < 50) for i in range(100)])
        b = a.copy()
        a[:down], a[50 : 50 + up] = 0.0, 1.0
        y["A", task, None], y["B", task, None] = a, b
    report = build(_table(y), Question())
    assert not any(row.significant for row in report.rows)
    assert (report.across[0].better, report.across[0].worse) == (0, 0)


def test_f_several_seeds_keep_the_clusters() -> None:
    rng = np.random.default_rng(2)
    labels = [f"c{i // 25}" for i in range(300)]
    base = (rng.random(300) < 0.7).astype(float)
    effect = rng.normal(0, 0.3, 12)[np.arange(300) // 25]
    runs = {("new", "t", s): np.where(rng.random(300) < abs(effect), effect > 0, base) for s in range(3)}
    table = _table({("old", "t", None): base, **runs}, labels)
    row = build(table, Question(fixed=("old",))).rows[0]
    assert "12 clusters" in row.method
    gate = decide(table.where(student="new"), [table.where(student="old")], Rules(0.1)).lines[0]
    assert gate.result.method == f"{row.method}, one-sided"
    alone = build(_table({("old", "t", None): base, **runs}), Question(fixed=("old",))).rows[0]
    assert (row.test.standard_error or 0) > 1.5 * (alone.test.standard_error or 1)


def test_h_students_that_label_an_item_differently_are_an_error() -> None:
    rows = [Outcome(s, "t", f"i{i}", 1.0, cluster=f"{s}{i // 2}") for s in "ab" for i in range(12)]
    with pytest.raises(UserError, match="is in cluster 'a0' for 'a' and 'b0' for 'b'"):
        build(OutcomeTable.of(rows), Question())


def test_h_one_cluster_for_all_items_makes_no_test() -> None:
    y = {("a", "t", None): np.ones(30), ("b", "t", None): np.zeros(30)}
    row = build(_table(y, ["same"] * 30), Question()).rows[0]
    assert (row.p, row.interval) == (None, None)
    assert row.notes[0].startswith("one cluster")


def test_i_same_seeds_pair_the_seeds_of_a_suite() -> None:
    runs = _noisy_runs(0.2, ("bbh_navigate", "bbh_snarks"))
    both = {("x", t, s): y for (k, t, s), y in runs.items() if k == "stu"}
    rng = np.random.default_rng(3)
    both |= {("y", t, s): np.where(rng.random(y.size) < 0.05, 1 - y, y) for (_, t, s), y in both.items()}
    apart, paired = (build(_table(both), Question(same_seeds=same)).rows[0] for same in (False, True))
    assert "seed-paired" in paired.method
    assert (paired.test.standard_error or 1) < 0.7 * (apart.test.standard_error or 0)


def test_i_unequal_or_shifted_seeds_of_a_suite_are_named() -> None:
    runs = _noisy_runs(0.1, ("bbh_navigate", "bbh_snarks"))
    missing = {key: y for key, y in runs.items() if key != ("stu", "bbh_snarks", 2)}
    shifted = {(k, t, s + 10 if s is not None and "snarks" in t else s): y for (k, t, s), y in runs.items()}
    for case in (missing, shifted):
        row = build(_table(case), Question(fixed=("base",))).rows[0]
        assert row.p is None
        assert any("other seeds on some tasks" in note for note in row.notes)


def test_j_a_constant_difference_of_partial_credit_is_tested_and_spoken_of_as_checkpoints() -> None:
    y = {("a", "t", None): np.full(40, 0.5), ("b", "t", None): np.full(40, 0.25)}
    row = build(_table(y), Question()).rows[0]
    assert row.level == "checkpoint"
    assert row.claim == "these two checkpoints, on items like these"
    assert row.p is not None
    assert row.p < 1e-9
    assert not any("no test" in note for note in row.notes)


def test_j_a_gate_passes_identical_partial_credit() -> None:
    y = 0.25 + 0.5 * (np.arange(200) % 2)
    table = _table({("a", "t", None): y, ("b", "t", None): y})
    line = decide(table.where(student="a"), [table.where(student="b")], Rules(0.02)).lines[0]
    assert line.verdict is Verdict.PASS


def test_k_the_exchange_rate_knows_that_luck_is_shared() -> None:
    runs = _noisy_runs(0.06, ("gsm8k", "bbh_navigate"), n=600)
    runs["base", "gsm8k", None] = runs["base", "gsm8k", None] * (np.arange(600) % 4 == 0)
    question = tradeoff.TradeoffQuestion("base", ("gsm8k",), ("bbh_navigate",), chance={"bbh_navigate": 0.5})
    point = tradeoff.build(_table(runs), question).points[0]
    assert point.correlation > 0.3
    assert point.rate.interval is not None


def test_l_the_spread_that_would_erase_a_difference_is_that_of_the_verdict() -> None:
    rng = np.random.default_rng(4)
    y = {(s, "t", None): (rng.random(500) < p).astype(float) for s, p in (("a", 0.7), ("b", 0.4))}
    found = {build(_table(y), Question(confidence=c)).rows[0].sensitivity for c in (0.5, 0.95, 0.99)}
    assert len(found) == 1


@pytest.mark.timeout(5)
def test_m_detectable_differences_of_large_sets_are_quick() -> None:
    values = [detectable_difference(n, 0.2) for n in (400_000, 500_000, 600_000, 10_000_000)]
    assert values == sorted(values, key=lambda v: -(v or 0))


def test_n_chance_is_never_silently_zero() -> None:
    runs = _noisy_runs(0.05, ("gsm8k", "own_task"))
    report = tradeoff.build(_table(runs), tradeoff.TradeoffQuestion("base", ("gsm8k",), ("own_task",)))
    kept = report.points[0].kept
    assert kept.estimate is None
    assert "chance level of own_task not known" in kept.note
    given = tradeoff.TradeoffQuestion("base", ("gsm8k",), ("own_task",), chance={"own_task": 0.6})
    assert "above chance" in tradeoff.build(_table(runs), given).points[0].kept.note


def test_p_letters_beyond_z_cannot_be_read_as_two() -> None:
    k = 60
    different = ~np.eye(k, dtype=bool)
    for i in range(k - 1):
        different[i, i + 1] = different[i + 1, i] = False  # a chain: neighbours share a letter
    letters = compact_letters(different, -np.arange(k, dtype=float))
    names = [set(split_letters(text)) for text in letters]
    assert letters[0] == "a"
    assert "(aa)" in letters[27]
    for i, j in itertools.combinations(range(k), 2):
        assert bool(names[i] & names[j]) == (not different[i, j])


def test_p_clusters_never_make_items_count_for_more() -> None:
    d = np.tile([1.0, 0.0], 30)  # a negative intraclass correlation
    y = {("a", "t", None): d, ("b", "t", None): np.where(np.arange(60) % 4 < 2, 1 - d, d)}
    row = build(_table(y, [f"c{i // 2}" for i in range(60)]), Question()).rows[0]
    assert row.clusters is not None
    assert row.clusters.effective_items is not None
    assert row.clusters.effective_items <= 60


def test_two_suites_of_one_name_keep_their_own_numbers() -> None:
    names = ("bbh_navigate", "bbh_snarks", "bbh_hyperbaton", "bbh_ruin_names")
    table = _table(
        {("base", t, None): np.arange(40) % (2 + k) == 0 for k, t in enumerate(names)}
        | {("stu", t, None): np.arange(40) % (3 + k) == 0 for k, t in enumerate(names)}
    )
    report = tradeoff.build(table, tradeoff.TradeoffQuestion("base", names[:2], names[2:]))
    assert [part.name for part in (*report.target.parts, *report.generic.parts)] == ["bbh", "bbh"]
    row = compare_unit(Sheet(grade_all(table, names), []), "stu", "base", report.generic.parts[0])
    assert report.points[0].loss.estimate == row.difference
    assert report.points[0].gain.estimate != row.difference
    sheet = Sheet(grade_all(table, names), [])
    sides = [side_of(sheet, "stu", axis.parts[0]).accuracy for axis in (report.target, report.generic)]
    assert sides == pytest.approx([report.points[0].target, report.points[0].generic])


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["/data/models/org/left", "/data/models/org/right"], ["left", "right"]),
        (["/a/org/left", "/b/old/left"], ["org/left", "old/left"]),
        (["/data/left", "left"], ["data/left", "left"]),
        (["C:\\models\\left", "right"], ["left", "right"]),
        (["/x/left/", "/y/x/left"], ["/x/left", "y/x/left"]),
        (["org/left", "/"], ["org/left", "/"]),
    ],
)
def test_p_students_named_by_paths_get_short_names_that_tell_them_apart(
    names: list[str], short: list[str]
) -> None:
    found = short_names(names)
    result = [found.get(name, name) for name in names]
    assert len(set(result)) == len(names)
    assert result == short
