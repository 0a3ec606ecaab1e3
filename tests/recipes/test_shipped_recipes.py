"""Every shipped study and recipe is sound, and every recipe trains a student, made small."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.files import sha256_file
from smallsteps.schemes import get_scheme
from smallsteps.students import read_student
from smallsteps.studies.catalogue import Entry, check, entries, filled_in
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.run import run_recipe

SHIPPED = entries()
RECIPES = [entry for entry in SHIPPED if entry.kind == "recipe"]
SMALL = ["optimisation={steps: 2, epochs: null, batch_tokens: 1024}"]


def named(entry: Entry) -> str:
    return entry.path


@pytest.mark.parametrize("entry", SHIPPED, ids=named)
def test_shipped_files_are_sound(entry: Entry, repository: Path) -> None:
    check(repository / entry.path)
    assert entry.title
    assert filled_in(repository / entry.path).startswith(entry.kind)


@pytest.mark.parametrize("entry", RECIPES, ids=named)
def test_recipe_trains_a_student(
    entry: Entry, repository: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path = repository / entry.path
    recipe = load_recipe(path)
    overrides = [*SMALL]
    data = None
    if recipe.parts:
        overrides.append("parts={" + ", ".join(f"{part}: {{steps: 2}}" for part in recipe.parts) + "}")
    if recipe.examples is not None:
        overrides.append("examples.arguments.examples=200")
    if recipe.corpus is not None:
        overrides.append("corpus.limit=30")
        if recipe.corpus.teacher.kind == "file":
            data = request.getfixturevalue("data_dir")
    folder = run_recipe(path, tmp_path / "out", overrides=overrides, data=data, workers=1)
    student = read_student(folder)
    assert student.scheme == recipe.scheme
    for part in get_scheme(recipe.scheme).parts:
        assert (folder / part / "model.safetensors").stat().st_size > 10_000
        assert student.training[part]["steps"] == 2
        assert student.training[part]["unknown_tokens"] == 0


def test_committed_bases_are_those_the_readme_names(repository: Path) -> None:
    folder = repository / "baselines/micro"
    text = (folder / "README.md").read_text()
    for base in ("base", "base_t5"):
        weights = folder / base / "model.safetensors"
        assert weights.stat().st_size <= 4_000_000
        assert f"`{base}` `{sha256_file(weights)}`" in text
