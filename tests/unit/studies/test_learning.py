"""What finished students say of their training, and what the study's report makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smallsteps.files import write_jsonl
from smallsteps.students import Student
from smallsteps.studies.learning import ROWS, budgets, choice_sentence, dev_path, loss_curves
from smallsteps.studies.recipe import Recipe

SELECTION: dict[str, Any] = {
    "rule": "the best on target dev",
    "split": "dev",
    "tokens": 2000,
    "step": 4,
    "within_margin": None,
    "trajectory": [
        {"step": 0, "tokens": 0, "supervised_tokens": 0, "scores": {"target": 0.1}},
        {
            "step": 4,
            "tokens": 2000,
            "supervised_tokens": 800,
            "scores": {"target": 0.5, "generic": 0.25, "generic_likelihood": 0.4},
        },
        {"step": 8, "tokens": 4000, "supervised_tokens": 1600, "scores": {"target": 0.4}},
    ],
}


def student(**changes: Any) -> Student:
    figures = {"supervised_tokens": 1600, "real_tokens": 4000}
    return Student(
        **{
            "name": "cot",
            "scheme": "cot",
            "parts": {"model": "model"},
            "training": {"model": figures},
            **changes,
        }
    )


def recipe(name: str, **changes: Any) -> Recipe:
    base = {
        "recipe": name,
        "scheme": "cot",
        "base": {"path": "baselines/micro/base"},
        "corpus": {"benchmark": "micro_problems", "limit": 100, "samples": 4},
        "optimisation": {"steps": 10, "learning_rate": 0.01},
    }
    for key, value in changes.items():
        base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
    return Recipe.model_validate(base)


def named(*recipes: Recipe) -> dict[str, Recipe]:
    return {one.recipe: one for one in recipes}


def test_a_choice_is_said_with_its_rule_tokens_and_scores() -> None:
    assert choice_sentence("cot", 3, SELECTION) == (
        "cot, seed 3: the checkpoint at 2,000 of 4,000 tokens, the best on target dev (dev split: "
        "target 50.0 %, generic 25.0 %, generic by likelihood 40.0 %); not the test split"
    )


def test_a_choice_outside_the_margin_is_said() -> None:
    assert "40.0 %; none was within the margin)" in choice_sentence(
        "cot", 3, {**SELECTION, "within_margin": False}
    )
    assert "margin" not in choice_sentence("cot", 3, {**SELECTION, "within_margin": True})


def test_checkpoints_become_a_path() -> None:
    path = dev_path(student(selection=SELECTION), "cot", 3)
    assert path is not None
    assert [(stop.supervised_tokens, stop.chosen) for stop in path.stops] == [
        (0, False),
        (800, True),
        (1600, False),
    ]
    assert dev_path(student(), "cot", 3) is None


@pytest.mark.parametrize("count", [3, 1000])
def test_a_long_log_is_averaged(tmp_path: Path, count: int) -> None:
    rows = [
        {"step": n, "loss": float(n), "tokens": 10 * n, "supervised_tokens": 4 * n}
        for n in range(1, count + 1)
    ]
    write_jsonl(tmp_path / "model" / "loss.jsonl", rows)
    (curve,) = loss_curves(student(), tmp_path, "cot", 1)
    assert curve.supervised_tokens[-1] == 4 * count
    assert len(curve.losses) == min(count, ROWS)
    assert curve.losses[0] == (1 if count == 3 else 13)  # the mean of 1 to 25
    assert curve.part == ""


def test_a_log_of_an_earlier_version_has_the_share_of_the_whole_training(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "model" / "loss.jsonl", [{"step": 1, "loss": 2.0, "tokens": 1000}])
    (curve,) = loss_curves(student(), tmp_path, "cot", 1)
    assert curve.supervised_tokens == (400,)
    assert loss_curves(student(), tmp_path / "nothing", "cot", 1) == []


def test_students_that_differ_in_one_quantity_are_a_budget() -> None:
    found = named(*(recipe(f"n{n}", corpus={"limit": n}) for n in (400, 100, 200)))
    (budget,) = budgets(found, {})
    assert (budget.key, budget.title) == ("corpus.limit", "training problems")
    assert budget.lines == ((("n100", 100.0), ("n200", 200.0), ("n400", 400.0)),)


def test_two_quantities_or_two_values_are_none() -> None:
    both = named(*(recipe(f"n{n}", corpus={"limit": n}, optimisation={"steps": n}) for n in (1, 2, 3)))
    assert budgets(both, {}) == []
    assert budgets(named(recipe("a"), recipe("b", corpus={"limit": 7})), {}) == []


def test_each_scheme_has_its_own_line() -> None:
    found = named(
        *(
            recipe(f"{scheme}{n}", scheme=scheme, optimisation={"steps": n})
            for scheme in ("cot", "answer_only")
            for n in (10, 20, 30)
        )
    )
    (budget,) = budgets(found, {})
    assert [line[0][0] for line in budget.lines] == ["cot10", "answer_only10"]


def test_the_steps_of_all_parts_are_one_budget_beside_those_of_one_model() -> None:
    pairs = [
        recipe(f"s{n}", scheme="socratic", parts={"decomposer": {"steps": n}, "solver": {"steps": 2 * n}})
        for n in (1, 2, 4)
    ]
    singles = [recipe(f"c{n}", optimisation={"steps": n}) for n in (3, 6, 12)]
    watched = {"tasks": {"target": ["smallsteps_micro_problems"]}, "every": 1000}
    singles[1] = recipe(
        "c6", optimisation={"steps": 6}, selection=watched
    )  # without a rule nothing is chosen
    (found,) = budgets(named(*pairs, *singles), {})
    assert found.lines == (
        (("s1", 3.0), ("s2", 6.0), ("s4", 12.0)),
        (("c3", 3.0), ("c6", 6.0), ("c12", 12.0)),
    )


def test_sizes_may_differ_in_what_goes_with_a_base() -> None:
    sizes = named(
        *(
            recipe(name, base={"path": name}, optimisation={"learning_rate": rate})
            for name, rate in (("small", 0.01), ("middle", 0.005), ("big", 0.001))
        )
    )
    (budget,) = budgets(sizes, {"small": 10, "middle": 20, "big": 30})
    assert budget.key == "parameters"
    assert budget.lines == ((("small", 10.0), ("middle", 20.0), ("big", 30.0)),)
