"""Recipes, studies and their plans."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.errors import NO_INPUT, ConfigError, UserError
from smallsteps.studies import load_recipe, load_study
from smallsteps.studies.plan import plan_study
from smallsteps.studies.prepare import first_seeds

RECIPE = """
recipe: {name}
scheme: {scheme}
base: {{path: some/hub-id}}
corpus: {{benchmark: micro_problems, samples: 2}}
optimisation: {{steps: 10, learning_rate: 1e-3}}
"""
STUDY = """
study: s
title: t
recipes: [a.yaml, b.yaml]
seeds: [1, 2]
suites:
  target: {role: target, tasks: [smallsteps_micro_problems]}
  generic: {role: generic, tasks: [smallsteps_micro_generic_cot]}
gold_plans: [b]
claims: [{better: b, than: a, on: [target]}]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(RECIPE.format(name="a", scheme="cot"))
    (tmp_path / "b.yaml").write_text(
        RECIPE.format(name="b", scheme="socratic") + "parts: {solver: {epochs: 2}}\n"
    )
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def plan(path: Path, *overrides: str):  # type: ignore[no-untyped-def]
    loaded, recipes = load_study(path, overrides)
    return plan_study(loaded, recipes, path, path.parent / "out", None)


def test_plan_shares_the_corpus_and_keeps_the_order_of_needs(study: Path) -> None:
    made = plan(study)
    assert len(made.corpora) == 1
    assert len(made.students) == 4
    # target: a and b and b's gold plans, generic: a and b; two seeds each
    assert len(made.runs) == (3 + 2) * 2
    seen: set[str] = set()
    for stage in made.stages():
        assert set(stage.needs) <= seen
        seen.add(stage.key)


def test_keys_follow_content_not_words(study: Path) -> None:
    before = {s.name: s.key for s in plan(study).stages()}
    recipe = study.parent / "a.yaml"
    recipe.write_text(recipe.read_text() + "title: Another title\n")
    assert {s.name: s.key for s in plan(study).stages()} == before
    recipe.write_text(recipe.read_text().replace("steps: 10", "steps: 11"))
    after = {s.name: s.key for s in plan(study).stages()}
    assert after["a-s1"] != before["a-s1"]
    assert after["a-s1-target"] != before["a-s1-target"]
    assert after["b-s1"] == before["b-s1"]


def test_part_overrides_replace_steps_by_epochs(study: Path) -> None:
    recipe = load_recipe(study.parent / "b.yaml")
    solver = recipe.optimisation_of("solver")
    assert (solver.steps, solver.epochs) == (None, 2)
    assert recipe.optimisation_of("decomposer").steps == 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("scheme: cot", "scheme: cott"), "unknown scheme 'cott'; did you mean 'cot'"),
        (("learning_rate", "lerning_rate"), "did you mean 'learning_rate'"),
        (("corpus: {benchmark", "corpus: {benchmrk"), "did you mean 'benchmark'"),
        (
            ("samples: 2", "samples: 2, teacher: {kind: orcale}"),
            "unknown kind 'orcale'\n  did you mean 'oracle'?",
        ),
        (("samples: 2", "samples: 0"), "greater than or equal to 1"),
        (("steps: 10,", "steps: 10, epochs: 2,"), "exactly one of 'steps' and 'epochs'"),
    ],
)
def test_mistakes_in_a_recipe_name_file_and_line(study: Path, change: tuple[str, str], message: str) -> None:
    recipe = study.parent / "a.yaml"
    recipe.write_text(recipe.read_text().replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_study(study)
    assert message in str(caught.value)
    assert f"{recipe}:" in str(caught.value)


def test_claims_about_nobody(study: Path) -> None:
    with pytest.raises(UserError, match=r"unknown student 'c'"):
        plan(study, "claims=[{better: c, than: a, on: [target]}]")


def test_all_mistakes_at_once_each_with_its_line(study: Path) -> None:
    """Names too, although keys are wrong and one recipe is."""
    text = study.read_text().replace("seeds:", "seedz:").replace("on: [target]", "on: [targit]")
    text = text.replace("smallsteps_micro_problems", "smallsteps_micro_problem")
    study.write_text(text)
    recipe = study.parent / "a.yaml"
    recipe.write_text(recipe.read_text().replace("scheme: cot", "scheme: cott"))
    with pytest.raises(ConfigError) as caught:
        load_study(study)
    lines = text.splitlines()
    for part, words in (
        ("seedz", "unknown key 'seedz'"),
        (
            "micro_problem",
            "unknown task 'smallsteps_micro_problem'\n  did you mean 'smallsteps_micro_problems'",
        ),
        ("targit", "unknown task or suite 'targit'\n  did you mean 'target'?"),
    ):
        line = next(number for number, each in enumerate(lines, start=1) if part in each)
        assert any(
            str(error).startswith(f"{study}:{line}: ") and words in str(error)
            for error in caught.value.errors
        ), part
    assert any(f"{recipe}:" in str(error) for error in caught.value.errors)
    assert "unknown student" not in str(caught.value)  # the recipe that is wrong may be the one


def test_recipe_that_is_not_there(study: Path) -> None:
    study.write_text(study.read_text().replace("b.yaml", "c.yaml"))
    with pytest.raises(UserError, match=r"study\.yaml:\d+: recipes\.1: .*c\.yaml: no such file") as caught:
        load_study(study, ["gold_plans=[]", "claims=[]"])
    assert caught.value.code == NO_INPUT


def test_one_name_for_two_recipes(study: Path) -> None:
    recipe = study.parent / "b.yaml"
    recipe.write_text(recipe.read_text().replace("recipe: b", "recipe: a"))
    with pytest.raises(ConfigError, match="two recipes are called 'a'"):
        load_study(study, ["gold_plans=[]", "claims=[]"])


def test_overrides_are_blamed_on_the_command_line(study: Path) -> None:
    with pytest.raises(ConfigError, match=r"--set: claims\.0\.than: unknown student 'c'"):
        load_study(study, ["claims=[{better: a, than: c, on: [target]}]"])


def test_gold_plans_need_a_scheme_that_answers_them(study: Path) -> None:
    with pytest.raises(UserError, match="the scheme of 'a' answers no given sub-questions"):
        plan(study, "gold_plans=[a]")


def test_missing_study_points_to_the_list(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="recipes ls"):
        load_study(tmp_path / "nothing.yaml")


def test_seeds_beyond_the_declared_ones() -> None:
    assert first_seeds([5, 1], 1) == [5]
    assert first_seeds([5, 1], 4) == [5, 1, 2, 3]


def test_examples_come_from_registered_makers_only(study: Path) -> None:
    recipe = study.parent / "a.yaml"
    text = recipe.read_text().replace(
        "corpus: {benchmark: micro_problems, samples: 2}", "examples: {source: os:system}"
    )
    recipe.write_text(text)
    with pytest.raises(ConfigError, match="unknown example maker 'os:system'"):
        load_recipe(recipe)


def test_what_two_recipes_share_has_one_folder(study: Path) -> None:
    """The report looks for each recipe's overlap where the one stage wrote it."""
    (study.parent / "b.yaml").write_text(RECIPE.format(name="b", scheme="cot"))
    study.write_text(STUDY.replace("gold_plans: [b]\n", ""))
    made = plan(study)
    done = {stage.folder(study.parent) for stage in made.stages()}
    asked = [*made.corpora.values(), *made.overlaps.values()]
    assert {stage.folder(study.parent) for stage in asked} <= done
    assert len(made.overlaps) == 2
    assert len({stage.key for stage in made.overlaps.values()}) == 1


def test_an_own_maker_is_known_once_registered(study: Path) -> None:
    from smallsteps.schemes import Example
    from smallsteps.studies.makers import code_of_maker, make_examples, register_maker

    def own(seed: int) -> list[Example]:
        return [Example(f"Q{seed}", "A")]

    register_maker("own_examples", own)
    recipe = study.parent / "a.yaml"
    corpus, examples = "corpus: {benchmark: micro_problems, samples: 2}", "examples: {source: own_examples}"
    recipe.write_text(recipe.read_text().replace(corpus, examples))
    assert load_recipe(recipe).examples is not None
    assert list(make_examples("own_examples", {"seed": 3})) == [Example("Q3", "A")]
    assert len(code_of_maker("own_examples") or "") == 64
    assert code_of_maker("smallsteps.microworld.corpus:replay") is None
    with pytest.raises(UserError, match="wrong arguments for 'own_examples'"):
        make_examples("own_examples", {"sead": 3})
    with pytest.raises(UserError, match="example maker called"):
        register_maker("smallsteps.microworld.corpus:replay", own)
