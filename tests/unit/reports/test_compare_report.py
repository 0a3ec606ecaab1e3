"""The comparison report: right test, right level, plain sentences, one error for each mismatch."""

from __future__ import annotations

import json

import numpy as np
import pytest

from outcome_tables import correlated, join, table
from smallsteps.comparing.compare import Question, build
from smallsteps.comparing.suites import benchmark_of, known_suites, named_suites
from smallsteps.errors import UserError
from smallsteps.files import to_json
from smallsteps.outcomes import Outcome, OutcomeTable
from smallsteps.reports.compare import layout
from smallsteps.reports.compare.words import sentences
from smallsteps.stats import holm, mcnemar_exact, paired_counts, tango_interval
from smallsteps.stats.seeds import ONE_SEED


def test_two_checkpoints_get_mcnemar_and_tango() -> None:
    scores = correlated(300, {"a": 0.6, "b": 0.5})
    (row,) = build(table(scores), Question()).rows
    counts = paired_counts(scores["a"], scores["b"])
    assert row.p == mcnemar_exact(counts)
    assert row.interval == tango_interval(counts)
    assert row.level == "checkpoint"
    assert row.checkpoint is not None
    assert row.checkpoint.counts == counts
    assert any(ONE_SEED in text for text in sentences(row))


def test_several_seeds_make_a_method_claim_and_one_seed_none() -> None:
    tables = [table(correlated(200, {"a": 0.6, "b": 0.5}, seed=s), seed=s) for s in range(3)]
    (row,) = build(join(*tables), Question()).rows
    assert row.level == "method"
    assert row.seeds is not None
    assert "seeds" in " ".join(sentences(row))
    lone = join(*tables, table({"c": correlated(200, {"c": 0.6}, seed=9)["c"]}, seed=0))
    (single,) = build(lone, Question(students=("a", "c"))).rows
    assert (single.level, single.p, single.interval) == ("none", None, None)
    assert ONE_SEED in " ".join(sentences(single))


def test_several_seeds_against_one_given_model() -> None:
    world = join(
        *(table({"a": correlated(200, {"a": 0.6}, seed=s)["a"]}, seed=s) for s in range(4)),
    )
    base = correlated(200, {"base": 0.3}, seed=9)
    trained = join(world, table(base, seed=1))
    assert build(trained, Question()).rows[0].p is None  # one seed of a method says nothing of the method
    (fixed,) = build(trained, Question(fixed=("base",))).rows
    (row,) = build(join(world, table(base)), Question()).rows  # without a training seed it is one given model
    assert (row.p, row.interval) == (fixed.p, fixed.interval)
    assert row.level == "method"
    assert row.p is not None
    assert "against the one model 'base'" in " ".join(sentences(row))
    with pytest.raises(UserError, match="unknown student"):
        build(trained, Question(fixed=("nobody",)))


def test_seeds_that_share_their_initialisation_are_pairs() -> None:
    tables = [table(correlated(200, {"a": 0.6, "b": 0.5}, seed=s), seed=s) for s in range(3)]
    (plain,) = build(join(*tables), Question()).rows
    (paired,) = build(join(*tables), Question(same_seeds=True)).rows
    assert "seed-paired" in paired.method
    assert paired.difference == pytest.approx(plain.difference)
    moved = join(*tables[:2], table(correlated(200, {"a": 0.6}, seed=2), seed=2))
    moved = join(moved, table(correlated(200, {"b": 0.5}, seed=2), seed=7))
    with pytest.raises(UserError, match="cannot be paired"):
        build(moved, Question(same_seeds=True))


def test_clusters_change_the_test_and_few_are_only_described() -> None:
    scores = correlated(200, {"a": 0.6, "b": 0.5})
    clusters = [f"p{i // 5}" for i in range(200)]
    (row,) = build(table(scores, clusters=clusters), Question()).rows
    assert row.clusters is not None
    assert row.clusters.clusters == 40
    assert row.method.startswith("cluster t")
    assert row.p == row.test.pvalue
    (few,) = build(table(scores, clusters=[f"p{i // 50}" for i in range(200)]), Question()).rows
    assert few.p is None
    assert "descriptive only" in " ".join(sentences(few))


def test_partial_credit_gets_sign_flip() -> None:
    rng = np.random.default_rng(0)
    a = rng.random(80)
    scores = {"a": list(a), "b": list(np.clip(a - 0.05 + rng.normal(0, 0.1, 80), 0, 1))}
    (row,) = build(table(scores, "drop"), Question()).rows
    assert row.checkpoint is None
    assert "sign-flip" in row.method
    assert row.significant


def test_samples_keep_the_item_as_unit() -> None:
    rng = np.random.default_rng(0)
    rows = [
        Outcome(student, "t", f"i{i}", float(rng.random() < 0.5), sample=k)
        for student in ("a", "b")
        for i in range(50)
        for k in range(4)
    ]
    (row,) = build(OutcomeTable.of(rows), Question()).rows
    assert row.n == 50
    assert row.samples is not None
    assert row.samples[0].samples == 4


def _sampled(answers: dict[str, list[list[str | None]]]) -> OutcomeTable:
    """Right answer everywhere: "7"."""
    return OutcomeTable.of(
        Outcome(student, "t", f"i{i}", float(answer == "7"), sample=k, extracted=answer)
        for student, items in answers.items()
        for i, row in enumerate(items)
        for k, answer in enumerate(row)
    )


def test_samples_as_majority_with_ties_and_as_pass_at_k() -> None:
    world = _sampled(
        {
            "a": [
                ["7", "7", "8", "9"],
                ["7", "8", "8", "7"],
                [None, None, None, None],
                [None, "7", None, "8"],
            ],
            "b": [["8", "8", "8", "7"], ["7", "7", "7", "7"], ["7", None, None, None], ["8", "8", "8", "8"]],
        }
    )
    (vote,) = build(world, Question(samples_as="majority")).rows
    assert vote.a.accuracy == pytest.approx((1 + 0.5 + 0 + 0.5) / 4)
    assert vote.b.accuracy == pytest.approx((0 + 1 + 1 + 0) / 4)
    (chance,) = build(world, Question(samples_as="pass@2")).rows
    assert chance.a.accuracy == pytest.approx((5 / 6 + 5 / 6 + 0 + 1 / 2) / 4)
    (best,) = build(world, Question(samples_as="pass@4")).rows
    assert (best.a.accuracy, best.b.accuracy) == (0.75, 0.75)
    with pytest.raises(UserError, match="at least 2 samples"):
        build(table({"a": A, "b": B}), Question(samples_as="pass@2"))
    (single,) = build(table({"a": A, "b": B}), Question(samples_as="majority")).rows
    assert single.a.accuracy == pytest.approx(2 / 3)
    for rule, message in (("pass@5", "at least 5"), ("vote", "cannot be read as")):
        with pytest.raises(UserError, match=message):
            build(world, Question(samples_as=rule))


def test_holm_runs_over_all_tests_of_the_report() -> None:
    both = join(
        table(correlated(200, {"a": 0.6, "b": 0.5, "c": 0.52}), "svamp"),
        table(correlated(150, {"a": 0.6, "b": 0.5, "c": 0.4}, 3), "gsm8k"),
    )
    report = build(both, Question())
    assert len(report.rows) == 6
    means = [across.mean.pvalue or 0 for across in report.across]
    adjusted = holm([*(row.p or 0 for row in report.rows), *means])
    assert [row.adjusted for row in report.rows] == pytest.approx(adjusted[:6])
    assert [across.adjusted for across in report.across] == pytest.approx(adjusted[6:])
    assert report.tests == 9
    assert len(build(both, Question(baseline="a")).rows) == 4


def test_ranks_letters_and_across() -> None:
    both = join(
        table(correlated(400, {"a": 0.7, "b": 0.5, "c": 0.3}), "svamp"),
        table(correlated(400, {"a": 0.7, "b": 0.5, "c": 0.3}, 3), "gsm8k"),
    )
    report = build(both, Question())
    assert [s.student for s in report.boards[0].standings] == ["a", "b", "c"]
    assert [s.rank.low for s in report.boards[0].standings] == [1, 2, 3]
    across = next(x for x in report.across if (x.a, x.b) == ("a", "c"))
    assert (across.better, across.worse) == (2, 0)
    assert across.mean.interval is not None
    assert across.mean.interval.low > 0


def test_bbh_is_one_suite_with_two_readings() -> None:
    names = ["boolean_expressions", "date_understanding", "snarks", "word_sorting", "navigate", "hyperbaton"]
    names += [f"logical_deduction_{k}_objects" for k in ("three", "five", "seven")]
    parts = [
        table(correlated(40, {"a": 0.7, "b": 0.5}, seed=k), f"bbh_cot_fewshot_{name}")
        for k, name in enumerate(names)
    ]
    (row,) = build(join(*parts), Question()).rows
    assert row.task == "bbh_cot_fewshot"
    assert row.at_large is not None
    assert (row.parts, row.at_large.parts, row.at_large.families) == (9, 9, 7)
    text = " ".join(sentences(row))
    assert "9 parts fixed" in text
    assert "7 families of bbh_cot_fewshot as a sample of tasks" in text


def test_a_suite_over_seeds_is_a_claim_about_methods_and_one_seed_makes_none() -> None:
    parts = [
        table(correlated(60, {"a": 0.7, "b": 0.5}, seed=10 * s + k), f"bbh_{name}", seed=s)
        for s in range(3)
        for k, name in enumerate(("navigate", "snarks", "hyperbaton"))
    ]
    (row,) = build(join(*parts), Question()).rows
    assert row.level == "method"
    assert row.seeds is not None
    assert "over training seeds" in " ".join(sentences(row))
    single = [
        table({"c": correlated(60, {"c": 0.6})["c"]}, f"bbh_{n}", seed=0)
        for n in ("navigate", "snarks", "hyperbaton")
    ]
    (lone,) = build(join(*parts, *single), Question(students=("a", "c"))).rows
    assert (lone.p, lone.level) == (None, "none")
    assert ONE_SEED in " ".join(sentences(lone))


def test_suites_by_name() -> None:
    tasks = [
        "bbh_date_understanding",
        "bbh_snarks",
        "smallsteps_bbh_cot_snarks",
        "smallsteps_bbh_cot_navigate",
    ]
    assert known_suites(tasks) == {
        "bbh": ["bbh_date_understanding", "bbh_snarks"],
        "smallsteps_bbh_cot": ["smallsteps_bbh_cot_snarks", "smallsteps_bbh_cot_navigate"],
    }
    assert benchmark_of("smallsteps_gsm_hard_cot") == "gsm_hard"
    assert benchmark_of("something_else") is None
    assert named_suites(["mine=t*,u"], ["t1", "t2", "u", "v"]) == {"mine": ["t1", "t2", "u"]}
    with pytest.raises(UserError, match="no task matches"):
        named_suites(["mine=x*"], ["t1"])
    with pytest.raises(UserError, match="NAME=PATTERN"):
        named_suites(["mine"], ["t1"])


A, B = [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]


def test_different_items_are_an_error_that_names_them() -> None:
    with pytest.raises(UserError, match=r"2 in common, 1 only in 'a'.*'i0002'"):
        build(join(table({"a": A}), table({"b": B[:2]})), Question())


def test_different_prompts_are_a_note() -> None:
    both = join(table({"a": A}, prompt="x"), table({"b": B}, prompt="y"))
    report = build(both, Question())
    assert "saw different prompts on 3 of 3 items" in report.notes[0]
    assert "different prompts" in layout.as_text(report)


def test_different_scoring_is_an_error_unless_allowed() -> None:
    both = join(table({"a": A}, scorer="v1"), table({"b": B}, scorer="v2"))
    with pytest.raises(UserError, match=r"scored by v1 .* by v2"):
        build(both, Question())
    assert build(both, Question(allow=("scoring",))).notes


def test_what_is_missing_is_named() -> None:
    two = table({"a": A, "b": B})
    with pytest.raises(UserError, match="only one student"):
        build(table({"a": A}), Question())
    with pytest.raises(UserError, match="did you mean 'svamp'"):
        build(two, Question(tasks=("svam",)))
    with pytest.raises(UserError, match="unknown student 'z'"):
        build(two, Question(baseline="z"))
    partly = build(join(two, table({"a": A}, "gsm8k")), Question())
    assert [row.task for row in partly.rows] == ["svamp"]
    assert "'b' has no outcomes of gsm8k" in partly.notes[0]
    with pytest.raises(UserError, match="no two students have outcomes of the same task"):
        build(join(table({"a": A}, "svamp"), table({"b": B}, "gsm8k")), Question())


def test_a_missing_seed_and_a_duplicate_are_named() -> None:
    ragged = join(table({"a": A, "b": B}, seed=1), table({"a": A[:2], "b": B}, seed=2))
    with pytest.raises(UserError, match="'i0002' has no outcome for seed 2"):
        build(ragged, Question())
    double = join(table({"a": A, "b": B}), table({"a": A}))
    with pytest.raises(UserError, match="is there twice"):
        build(double, Question())


def test_nan_scores_are_refused() -> None:
    with pytest.raises(UserError, match="missing or not finite"):
        build(table({"a": [float("nan"), 1.0], "b": [1.0, 1.0]}), Question())


@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("n", [1, 5, 200])
def test_all_right_all_wrong_and_one_item(value: float, n: int) -> None:
    report = build(table({"a": [value] * n, "b": [value] * n}), Question())
    (row,) = report.rows
    assert row.p == 1.0
    assert row.interval is not None
    assert row.interval.width > 0
    assert "No item tells the two apart" in layout.as_text(report)
    assert "±" not in layout.as_text(report)


def test_few_discordant_items_are_said_to_be_too_few() -> None:
    scores = {"a": [1.0] * 5 + [1.0] * 20, "b": [0.0] * 5 + [1.0] * 20}
    (row,) = build(table(scores), Question()).rows
    assert "5 discordant items no result could be significant" in " ".join(sentences(row))


def test_identical_scores_over_seeds_have_no_interval_of_zero() -> None:
    both = join(table({"a": A, "b": A}, seed=1), table({"a": A, "b": A}, seed=2))
    (row,) = build(both, Question()).rows
    assert (row.interval, row.p) == (None, None)
    assert "no test is possible" in " ".join(sentences(row))


def test_sentences_speak_in_the_direction_of_the_better_one() -> None:
    (row,) = build(table(correlated(400, {"a": 0.3, "b": 0.6})), Question()).rows
    text = sentences(row)[1]
    assert text.startswith("b is better than a by")
    assert "−" not in text.split(";")[0]


def test_unusable_answers_are_said() -> None:
    from smallsteps.outcomes import Status

    rows = [Outcome("a", "t", f"i{i}", 0.0, status=Status.UNPARSED) for i in range(4)]
    rows += [Outcome("b", "t", f"i{i}", 1.0) for i in range(4)]
    (row,) = build(OutcomeTable.of(rows), Question()).rows
    assert any("a: 100% of responses gave no usable answer" in text for text in sentences(row))


def test_json_and_text_are_the_same_to_the_byte_whatever_the_row_order() -> None:
    scores = correlated(120, {"a": 0.6, "b": 0.5, "c": 0.4})
    first = table(scores)
    mixed = np.random.default_rng(0).permutation(len(first))
    second = OutcomeTable({name: [column[i] for i in mixed] for name, column in first.columns.items()})
    question = Question(students=("a", "b", "c"))
    one, two = build(first, question), build(second, question)
    assert to_json(layout.as_json(one)) == to_json(layout.as_json(two))
    assert layout.as_text(one) == layout.as_text(two)
    assert layout.as_markdown(one) == layout.as_markdown(two)
    assert json.loads(to_json(layout.as_json(one)))["schema"] == layout.SCHEMA


def test_markdown_escapes_bars_in_names() -> None:
    report = build(table({"a|b": A, "c": B}), Question())
    assert "a\\|b" in layout.as_markdown(report)


def test_no_more_decimals_than_the_error_supports() -> None:
    (small,) = build(table(correlated(12, {"a": 0.8, "b": 0.3})), Question()).rows
    assert "." not in layout.cells(small)[6]
    (large,) = build(table(correlated(2000, {"a": 0.6, "b": 0.5})), Question()).rows
    assert len(layout.cells(large)[6].split(".")[1]) == 1
