"""Every shipped study and recipe is sound, and every recipe trains a student, made small."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.files import sha256_file
from smallsteps.resources import shipped
from smallsteps.schemes import get_scheme
from smallsteps.students import read_student
from smallsteps.students.offline import ENVIRONMENT, is_hub_id
from smallsteps.studies.catalogue import Entry, check, entries, filled_in
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.run import recipe_stages
from support.carried import carry
from support.chat_base import make_chat_base

SHIPPED = entries()
# recipes of one sweep differ in numbers that `check` reads; two of them are trained
SWEEP, TRAINED = "smollm2/rationales/", ("steps_1.yaml", "epoch_2.yaml")
# recipes of a published system are trained by its smoke study; some of them ask paid teachers
SMOKED = {path.parent.name for path in shipped("baselines").glob("*/smoke.yaml")} - {"micro", "smollm2"}
ALIKE = "micro/trajectory/by_transfer.yaml"  # trains as `by_target.yaml` does
RECIPES = [
    entry
    for entry in SHIPPED
    if entry.kind == "recipe"
    and (SWEEP not in entry.path or entry.path.endswith(TRAINED))
    and entry.path.split("/")[1] not in SMOKED
    and not entry.path.endswith(ALIKE)
]
SMALL = ["optimisation={steps: 2, epochs: null, batch_tokens: 1024}"]


def named(entry: Entry) -> str:
    return entry.path


@pytest.mark.parametrize("entry", SHIPPED, ids=named)
def test_shipped_files_are_sound(entry: Entry, repository: Path) -> None:
    check(repository / entry.path)
    assert entry.title
    assert filled_in(repository / entry.path).startswith(entry.kind)


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory, filled by `stand_in`."""
    return tmp_path_factory.mktemp("models")


def stand_in(base: str, models: Path, data_dir: Path) -> None:
    """A tiny Llama with ChatML under the name of a base that is on the hub."""
    if not (models / base).exists():
        make_chat_base(data_dir, models / base, positions=2048)


@pytest.mark.parametrize("entry", RECIPES, ids=named)
def test_recipe_trains_a_student(
    entry: Entry,
    repository: Path,
    tmp_path: Path,
    stand_ins: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = repository / entry.path
    recipe = load_recipe(path)
    overrides = [*SMALL]
    data = None
    if recipe.parts:
        overrides.append("parts={" + ", ".join(f"{part}: {{steps: 2}}" for part in recipe.parts) + "}")
    if recipe.selection is not None:  # its checkpoints are later than two steps
        overrides.append("selection=null")
    if recipe.examples is not None:
        overrides.append("examples.arguments.examples=200")
    if recipe.corpus is not None:
        overrides.append("corpus.limit=30")
        if recipe.corpus.teacher.kind == "file":
            data = request.getfixturevalue("data_dir")
    base = recipe.base.path
    if base is not None and is_hub_id(base) and not (path.parent / base).exists():
        stand_in(base, stand_ins, request.getfixturevalue("data_dir"))
        monkeypatch.setenv(ENVIRONMENT, str(stand_ins))
        overrides.append("optimisation.too_long=drop")  # its tokens are short
    _, out, stages = recipe_stages(path, tmp_path / "out", overrides=overrides, data=data)
    carry(stages, out)
    folder = stages[-1].folder(out)
    student = read_student(folder)
    assert student.scheme == recipe.scheme
    for part in get_scheme(recipe.scheme).parts:
        assert (folder / part / "model.safetensors").stat().st_size > 10_000
        assert student.training[part]["steps"] == 2
        assert student.training[part]["unknown_tokens"] == 0


def test_committed_bases_are_those_the_readme_names(repository: Path) -> None:
    folder = repository / "baselines/micro"
    text = (folder / "README.md").read_text()
    for base in ("base", "base_t5", "base_forms"):
        weights = folder / base / "model.safetensors"
        assert weights.stat().st_size <= 4_000_000
        assert f"`{base}` `{sha256_file(weights)}`" in text
