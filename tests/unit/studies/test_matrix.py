"""The matrix of a study: recipes in all combinations, readable names, mistakes with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.studies import load_study
from smallsteps.studies.plan import plan_study

RECIPE = """
recipe: a
title: An A
scheme: cot
base: {path: some/hub-id}
corpus: {benchmark: micro_problems, samples: 2}
optimisation: {steps: 10, learning_rate: 1e-3}
"""
STUDY = """
study: s
title: t
seeds: [1, 2]
suites:
  target: {role: target, tasks: [smallsteps_micro_problems]}
matrix:
  - recipe: a.yaml
    vary:
      corpus.samples: [1, 30]
      optimisation: {gentle: {learning_rate: 1e-4}, steep: {learning_rate: 1e-2}}
claims: [{better: a-samples30-gentle, than: a-samples1-steep, on: [target]}]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "a.yaml").write_text(RECIPE)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "study.yaml"


def failure(study: Path, before: str, after: str) -> str:
    text = study.read_text()
    assert before in text
    study.write_text(text.replace(before, after))
    with pytest.raises(UserError) as caught:
        load_study(study)
    return str(caught.value)


def test_every_combination_is_a_recipe_of_its_own(study: Path) -> None:
    loaded, recipes = load_study(study)
    found = {
        recipe.recipe: (recipe.corpus.samples, recipe.optimisation.learning_rate, recipe.optimisation.steps)
        for recipe in recipes.values()
    }
    assert found == {
        "a-samples1-gentle": (1, 1e-4, 10),
        "a-samples1-steep": (1, 1e-2, 10),
        "a-samples30-gentle": (30, 1e-4, 10),
        "a-samples30-steep": (30, 1e-2, 10),
    }
    assert next(iter(recipes.values())).title == "An A, samples1, gentle"
    plan = plan_study(loaded, recipes, study, study.parent / "out", None)
    assert len(plan.corpora) == 2, "the rates share the samples"
    assert len(plan.students) == 8
    assert len({stage.folder(study.parent) for stage in plan.stages()}) == len(plan.stages())


def test_a_combination_is_the_recipe_that_one_would_write(study: Path) -> None:
    """Its key is that of a file with the same keys: a study may go from files to a matrix."""
    loaded, recipes = load_study(study)
    made = plan_study(loaded, recipes, study, study.parent / "out", None)
    text = RECIPE.replace("recipe: a", "recipe: a-samples30-gentle").replace("samples: 2", "samples: 30")
    (study.parent / "b.yaml").write_text(text.replace("1e-3", "1e-4"))
    study.write_text(STUDY.partition("matrix:")[0] + "recipes: [b.yaml]\n")
    loaded, recipes = load_study(study)
    written = plan_study(loaded, recipes, study, study.parent / "out", None)
    name = ("a-samples30-gentle", 1)
    assert written.students[name].key == made.students[name].key


def test_names_of_one_s_own_and_of_paths(study: Path) -> None:
    text = STUDY.partition("claims")[0].partition("    vary:")[0]
    own = "    name: 'n{corpus.samples}-{base.path}'\n"
    vary = "    vary: {corpus.samples: [1], base.path: [x/Big-1.5B]}\n"
    study.write_text(text + own + vary)
    assert [recipe.recipe for recipe in load_study(study)[1].values()] == ["n1-big-1.5b"]
    study.write_text(text + vary)
    assert [recipe.recipe for recipe in load_study(study)[1].values()] == ["a-samples1-big-1.5b"]


@pytest.mark.parametrize(
    ("before", "after", "line", "message"),
    [
        ("corpus.samples:", "corpus.sampels:", 10, "unknown key 'sampels'\n  did you mean 'samples'?"),
        ("[1, 30]", "[1, 0]", 10, "greater than or equal to 1"),
        ("a-samples30-gentle, than", "a-samples3-gentle, than", 12, "did you mean 'a-samples30-gentle'?"),
        ("[1, 30]", "[]", 8, "a key without values"),
        ("[1, 30]", "[{a: 1}]", 10, "needs a name"),
        ("[1, 30]", "5", 10, "vary"),
        ("recipe: a.yaml", "recipe: b.yaml", 8, "no such file"),
        ("    vary:", "    name: 'x{corpus.sample}'\n    vary:", 9, "'{corpus.sample}' in a name"),
        ("    vary:", "    name: same\n    vary:", 8, "two recipes are called 'same'"),
        ("[1, 30]", f"{list(range(1, 400))}", 8, "798 combinations, more than 500"),
    ],
)
def test_mistakes_have_their_line_in_the_study(
    study: Path, before: str, after: str, line: int, message: str
) -> None:
    told = failure(study, before, after)
    assert message in told
    assert f"{study}:{line}: " in told


def test_a_study_without_students(study: Path) -> None:
    study.write_text(STUDY.partition("matrix:")[0])
    with pytest.raises(ConfigError, match="give 'recipes', 'matrix' or 'rounds'"):
        load_study(study)


def test_a_study_lays_keys_over_every_recipe(study: Path) -> None:
    """Those of files and of the matrix alike; a mistake is blamed on the study's line."""
    study.write_text(STUDY + "recipes: [a.yaml]\noverrides: {optimisation: {accumulate: 2, steps: 5}}\n")
    _, recipes = load_study(study)
    assert len(recipes) == 5
    assert {(r.optimisation.accumulate, r.optimisation.steps) for r in recipes.values()} == {(2, 5)}
    _, recipes = load_study(study, ["overrides.optimisation.accumulate=3"])
    assert {r.optimisation.accumulate for r in recipes.values()} == {3}
    assert "study.yaml:14: overrides.optimisation.stepz" in failure(study, "steps: 5", "stepz: 5")


def test_a_name_is_the_title_too(study: Path) -> None:
    study.write_text(
        STUDY.replace(
            "  - recipe: a.yaml", '  - recipe: a.yaml\n    name: "gold_{corpus.samples}-{optimisation}"'
        )
    )
    study.write_text(study.read_text().partition("claims:")[0])
    _, recipes = load_study(study)
    assert next(iter(recipes.values())).title == "Gold 1-gentle"


def test_a_title_of_one_s_own_has_the_values_too(study: Path) -> None:
    entry = 'vary: {optimisation.steps: [5, 50]}\n    name: "short-{optimisation.steps}"\n'
    text = study.read_text()
    start = text.index("    vary:")
    study.write_text(
        f'{text[:start]}    {entry}    title: "An A, {{optimisation.steps}} steps"\n'
        "claims: [{better: short-5, than: short-50, on: [target]}]\n"
    )
    _, recipes = load_study(study)
    assert {recipe.recipe: recipe.title for recipe in recipes.values()} == {
        "short-5": "An A, 5 steps",
        "short-50": "An A, 50 steps",
    }
    said = failure(study, "{optimisation.steps} steps", "{steps} steps")
    assert "study.yaml:11: matrix.0.title: '{steps}' in a title is not a key of 'vary'" in said
