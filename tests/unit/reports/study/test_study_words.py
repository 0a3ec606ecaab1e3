"""The sentence for each situation a comparison can end in."""

from __future__ import annotations

import math
import random

import pytest
from study_inputs import CLAIM, TARGET, counted, rows, study

from smallsteps.outcomes import Outcome, Status
from smallsteps.reports.study import Claim, StudentInfo, TaskInfo, build, in_words
from smallsteps.reports.study.headlines import headlines
from smallsteps.reports.study.views import comparison_cells, kept_cell, notes_of
from smallsteps.reports.study.words import statements
from smallsteps.stats.model import Interval
from smallsteps.stats.tradeoff import AT_CHANCE, Ratio


def sentences(outcomes: list[Outcome], **options: object) -> dict[str, str]:
    report = build(study(outcomes, **options))  # type: ignore[arg-type]
    return {s.kind: s.text for s in statements(report)}


def test_a_significant_difference_is_said_with_points_interval_and_p() -> None:
    text = sentences(counted(100, 60, 10, 30))["better"]
    p = 2 * sum(math.comb(70, k) for k in range(11)) / 2**70  # b = 60, c = 10
    assert text.startswith("CoT is better than Answer only on Word problems by 25")
    assert f"p = {p:.1e}" in text


def test_a_difference_against_the_claim_is_called_the_opposite() -> None:
    text = sentences(counted(100, 10, 60, 30))["worse"]
    assert text.startswith("Answer only is better than CoT on Word problems by 25")
    assert text.endswith("the opposite of what was declared.")


def test_an_undecided_comparison_tells_what_it_could_have_found() -> None:
    text = sentences(counted(100, 22, 18, 60))["undecided"]
    assert "cannot be told apart on Word problems (+2" in text
    assert "80% power, before adjustment, for a difference of" in text


def test_too_few_discordant_items_for_any_test() -> None:
    text = sentences(counted(100, 5, 0, 95))["undecided"]
    assert "with 5 discordant items no result could be significant" in text


def test_one_discordant_item_is_singular() -> None:
    assert "with 1 discordant item no" in sentences(counted(100, 1, 0, 99))["undecided"]


def test_no_discordant_item_rules_out_large_differences_only() -> None:
    text = sentences(counted(150, 0, 0, 50))["undecided"]
    # Tango with no discordant item: z^2/(n + z^2) = 3.8415/203.84 = 1.9 points
    assert "exactly the same items" in text
    assert "excludes one of more than 1.9 points" in text


def test_all_wrong_says_that_nothing_can_be_said() -> None:
    text = sentences(counted(0, 0, 0, 80))["undecided"]
    head = "CoT and Answer only both have all 80 items of Word problems wrong"
    assert text == f"{head}, so they cannot be compared there."


def test_neither_is_shown_to_be_above_chance() -> None:
    task = TaskInfo("word_problems", "Letters", "target", chance=0.25)
    text = sentences(counted(10, 14, 16, 60), tasks=(task,))["chance"]
    assert (
        text
        == "CoT and Answer only cannot be told apart on Letters: neither is shown to be above chance there."
    )


def test_a_missing_run_keeps_its_place_in_the_family() -> None:
    other = TaskInfo("longer", "Longer", "transfer")
    claim = Claim("cot", "answer_only", ("word_problems", "longer"))
    outcomes = counted(100, 20, 7, 73)
    alone = build(study(outcomes)).claims[0].tests[0]
    report = build(study(outcomes, tasks=(TARGET, other), claims=(claim,)))
    tests = report.claims[0].tests
    assert tests[1].verdict == "missing"
    assert alone.holm is not None
    assert tests[0].holm == pytest.approx(2 * alone.holm)
    assert "has no test: outcomes are missing" in " ".join(in_words(report).split())


def test_one_seed_makes_no_method_level_claim() -> None:
    assert "1 seed: no method-level claim" in sentences(counted(100, 60, 10, 30))["limits"]


def seeded(student: str, rate: float, seeds: tuple[int, ...], n: int = 300) -> list[Outcome]:
    found = []
    for seed in seeds:
        draw = random.Random(f"{student} {seed}")
        found += rows(student, [int(draw.random() < rate) for _ in range(n)], seed=seed)
    return found


def test_three_seeds_are_compared_as_methods_and_seed_by_seed() -> None:
    report = build(study(seeded("cot", 0.8, (1, 2, 3)) + seeded("answer_only", 0.3, (1, 2, 3))))
    found = report.claims[0].tests[0].comparison
    assert found is not None
    assert found.level == "method"
    assert [(p.seed_a, p.seed_b) for p in found.pairs] == [(1, 1), (2, 2), (3, 3)]
    text = in_words(report)
    assert "3 seeds a student" in text
    assert "no method-level claim" not in text


def test_seeds_that_disagree_cannot_carry_a_method_claim_that_items_alone_would() -> None:
    rates = {1: 0.9, 2: 0.5, 3: 0.2}
    outcomes = [o for seed, rate in rates.items() for o in seeded("cot", rate, (seed,), 1000)]
    outcomes += seeded("answer_only", 0.3, (1, 2, 3), 1000)
    test = build(study(outcomes)).claims[0].tests[0]
    assert test.comparison is not None
    assert test.comparison.pairs[0].p < 1e-20
    assert test.verdict == "undecided"


def test_a_fixed_checkpoint_against_seeds_keeps_the_variance_of_the_seeds() -> None:
    outcomes = seeded("cot", 0.8, (1, 2, 3)) + rows(
        "answer_only", [k % 3 == 0 for k in range(300)], seed=None
    )
    found = build(study(outcomes)).claims[0].tests[0].comparison
    assert found is not None
    assert found.level == "method"
    assert len(found.pairs) == 3
    assert any("one given model" in note for note in found.notes)


SUBTASKS = ("logic", "coin")


def generic(student: str, scores: dict[str, list[int]], seed: int | None, status: Status) -> list[Outcome]:
    return [
        Outcome(
            student,
            "suite",
            f"{name}{k:03d}",
            float(s),
            seed=seed,
            cluster=name,
            status=Status.OK if s else status,
        )
        for name, values in scores.items()
        for k, s in enumerate(values)
    ]


def generic_study(after: dict[str, list[int]], status: Status = Status.OK) -> dict[str, str]:
    base = {"logic": [1] * 90 + [0] * 10, "coin": [1] * 52 + [0] * 48}
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot", 1000, 2000, 10))
    task = TaskInfo("suite", "Generic", "generic", {"logic": 0.5, "coin": 0.5})
    outcomes = generic("base", base, None, Status.OK) + generic("cot", after, 1, status)
    return sentences(outcomes, tasks=(task,), claims=(), reference="base", students=students)


def test_a_loss_is_over_the_whole_suite_and_separates_the_format() -> None:
    found = generic_study({"logic": [1] * 30 + [0] * 70, "coin": [0] * 100}, Status.UNPARSED)
    # 71 of 100 before, half of all items by guessing, 15 of 100 after: below chance
    head = "Lost on Generic (base 71.0, 21.0 above chance; 95% intervals): CoT 56.0 ("
    assert found["cost"].startswith(head)
    assert "CoT falls below chance, which a loss of ability alone does not explain" in found["cost"]
    assert "Share of the lost items without a usable answer: CoT 100%" in found["cost"]


def test_an_accuracy_whose_interval_holds_the_chance_level_is_not_called_below_it() -> None:
    # 48 % of 200 items where chance is 50 %
    found = generic_study({"logic": [1] * 48 + [0] * 52, "coin": [1] * 48 + [0] * 52})
    assert found["cost"].startswith("Lost on Generic")
    assert "below chance" not in found["cost"]


def test_an_interval_that_excludes_0_is_explained_where_nothing_is_decided() -> None:
    text = sentences(counted(2, 4, 0, 14))["undecided"]
    assert "; the interval, which is not adjusted, excludes 0; with 4 discordant items no result" in text


def test_no_change_is_not_called_equal() -> None:
    found = generic_study({"logic": [1] * 91 + [0] * 9, "coin": [1] * 50 + [0] * 50})
    assert found["kept"].startswith("No loss shown on Generic: CoT (−0.5 points")


def test_a_suite_wholly_at_chance_makes_no_claim() -> None:
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot"))
    task = TaskInfo("suite", "Generic", "generic", 0.5)
    coin = {"coin": [1] * 52 + [0] * 48}
    outcomes = generic("base", coin, None, Status.OK) + generic("cot", {"coin": [0] * 100}, 1, Status.OK)
    claim = Claim("base", "cot", ("suite",))
    report = build(study(outcomes, tasks=(task,), claims=(claim,), reference="base", students=students))
    assert report.claims[0].tests[0].verdict == "at_chance"
    assert "is not shown to be above chance: no loss of ability can show there" in " ".join(
        in_words(report).split()
    )


def test_a_gain_over_a_base_that_is_not_above_chance_is_said() -> None:
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot"))
    task = TaskInfo("suite", "Generic", "generic", 0.5)
    outcomes = rows("base", [1] * 52 + [0] * 48, "suite", None) + rows("cot", [1] * 90 + [0] * 10, "suite")
    found = sentences(outcomes, tasks=(task,), claims=(), reference="base", students=students)
    assert "not shown to be above chance" in found["chance"]
    assert found["gained"].startswith("Gained on Generic: CoT (+38")


def test_unreadable_responses_worth_knowing_are_said() -> None:
    a = rows("cot", [1] * 50) + rows("answer_only", [0] * 50, status=Status.TRUNCATED)
    assert "100% of Answer only on Word problems" in sentences(a)["format"]


def test_unequal_compute_is_said_and_equal_compute_too() -> None:
    students = (
        StudentInfo("answer_only", "Answer only", "answer_only", 1, 1_000_000),
        StudentInfo("cot", "CoT", "cot", 1, 2_500_000),
    )
    unequal = in_words(build(study(counted(1, 1, 1, 1), students=students)))
    assert "not matched: from 1 M (Answer only) to 2.5 M (CoT), 2.5 times" in " ".join(unequal.split())
    assert "are matched" in in_words(build(study(counted(1, 1, 1, 1))))


def test_the_claim_text_defaults_to_the_titles() -> None:
    report = build(study(counted(1, 1, 1, 1), claims=(Claim("cot", "answer_only"),)))
    assert report.claims[0].text == "CoT is better than Answer only"
    assert CLAIM.text == "Steps help"


def test_seed_0_is_named_as_any_other() -> None:
    students = (StudentInfo("base", "Base", "cot"), StudentInfo("cot", "CoT", "cot"))
    outcomes = rows("base", [1, 0] * 20, seed=None)
    outcomes += [row for seed in (0, 1) for row in rows("cot", [1] * 30 + [0] * 10, seed=seed)]
    claim = Claim("cot", "base", ("word_problems",))
    report = build(study(outcomes, claims=(claim,), reference="base", students=students))
    (test,) = report.claims[0].tests
    assert comparison_cells(test.comparison)["discordant"] == "15 / 5 (seed 0)"
    assert any(note.startswith("Seed by seed, not adjusted: 0: ") for note in notes_of(test))


def _by_likelihood(lost: list[int], kept: list[int]) -> str:
    """The third headline of two students that lost all generated answers, given their likelihood scores."""
    generated, chosen = "smallsteps_micro_generic", "smallsteps_micro_generic_likelihood"
    tasks = tuple(TaskInfo(name, name, "generic", 0.25) for name in (generated, chosen))
    students = tuple(StudentInfo(name, name, "cot") for name in ("base", "lost", "kept"))
    base = [1] * 90 + [0] * 10
    outcomes = rows("base", base, generated, None) + rows("base", base, chosen, None)
    for name, scores in (("lost", lost), ("kept", kept)):
        outcomes += rows(name, [0] * 100, generated) + rows(name, scores, chosen)
    report = build(study(outcomes, tasks=tasks, claims=(), reference="base", students=students))
    return headlines(report)[2].text


def test_the_headline_names_losses_by_likelihood_and_counts_the_rest() -> None:
    part, all_of_it, none = [1] * 55 + [0] * 45, [1] * 90 + [0] * 10, [1] * 20 + [0] * 80
    text = _by_likelihood(part, all_of_it)
    assert "format plays no part, lost kept 46% (95% interval" in text
    assert text.endswith("of the base's ability above chance; no loss is shown for 1 other.")
    assert _by_likelihood(all_of_it, all_of_it).endswith(
        "By likelihood, where format plays no part, no loss is shown."
    )
    text = _by_likelihood(part, none)
    assert text.endswith("of the base's ability above chance; 1 other student is not shown to have kept any.")
    assert _by_likelihood(none, none).endswith(
        "2 students are not shown to have kept any of the base's ability above chance."
    )


def test_an_ability_that_is_wholly_gone_is_none_in_every_place() -> None:
    assert kept_cell(Ratio(-0.45, Interval(-0.47, -0.44))) == ("none", "−47 to −44")
    assert kept_cell(Ratio(0.06, Interval(-0.01, 0.12))) == ("6%", "−1 to 12")
    assert kept_cell(Ratio(None, None, AT_CHANCE)) == ("–", "base not shown to be above chance")
