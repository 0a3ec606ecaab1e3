"""Own benchmarks in recipes, corpus files and studies; commented starts; the page of all keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smallsteps.corpora.teach import load_corpus_file
from smallsteps.errors import ConfigError, UserError
from smallsteps.evaluation.task_check import check_tasks
from smallsteps.problems import load_problems
from smallsteps.problems.finding import ENVIRONMENT
from smallsteps.studies import load_recipe, load_study
from smallsteps.studies.catalogue import check
from smallsteps.studies.places import resolve_base
from smallsteps.studies.plan import plan_study
from smallsteps.studies.reference import meanings, models, reference
from smallsteps.studies.starts import new_benchmark, new_recipe
from smallsteps.training import BaseSpec

RECIPE = """\
recipe: mine
scheme: cot
base: {path: baselines/micro/base}
corpus:
  benchmark: sums/benchmark.yaml
  split: train
  teacher: {kind: file, path: rationales.jsonl}
optimisation: {steps: 10, learning_rate: 1e-3}
"""
STUDY = """\
study: s
title: t
recipes: [r.yaml]
suites:
  target: {role: target, tasks: [smallsteps_sums]}
"""
BENCHMARK = """\
schema: 1
name: sums
kind: number
reader: jsonl
fields: {}
files: {all: {path: p.jsonl}}
splits: {test: {held_out: 2}, train: {without: test}}
"""


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "benchmark.yaml").write_text(BENCHMARK)
    rows = [{"question": f"What is {n} + 1?", "answer": n + 1} for n in range(6)]
    (tmp_path / "sums" / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "rationales.jsonl").write_text('{"question": "q?", "rationale": "The answer is 1."}\n')
    (tmp_path / "r.yaml").write_text(RECIPE)
    (tmp_path / "study.yaml").write_text(STUDY)
    return tmp_path / "r.yaml"


def test_a_path_in_a_recipe_becomes_the_name_of_the_benchmark(recipe: Path) -> None:
    spec = load_recipe(recipe).corpus
    assert spec is not None
    assert spec.benchmark == "sums"  # keys and cards must not depend on where the files lie
    assert len(load_problems(spec.benchmark, spec.split)) == 4


def test_a_path_on_the_command_line_starts_from_the_current_folder(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deeper = tmp_path / "recipes"
    deeper.mkdir()
    moved = recipe.rename(deeper / "r.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        load_recipe(moved)
    monkeypatch.chdir(tmp_path)
    spec = load_recipe(moved, ["corpus.benchmark=sums/benchmark.yaml"]).corpus
    assert spec is not None
    assert spec.benchmark == "sums"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("sums/benchmark.yaml", "gms8k", "r.yaml:5: corpus.benchmark: unknown benchmark 'gms8k'"),
        ("sums/benchmark.yaml", "gms8k", "did you mean 'gsm8k'?"),
        ("sums/benchmark.yaml", "sums/bench.yaml", "bench.yaml: no such file"),
        ("split: train", "split: trian", "r.yaml:6: corpus.split: unknown split of 'sums': 'trian'"),
        ("scheme: cot", "scheme: cto", "r.yaml:2: scheme: unknown scheme 'cto'; did you mean 'cot'?"),
    ],
)
def test_an_unknown_name_is_found_before_anything_runs(
    recipe: Path, before: str, after: str, message: str
) -> None:
    recipe.write_text(RECIPE.replace(before, after))
    with pytest.raises(UserError) as caught:
        check(recipe)
    assert message in str(caught.value)


def test_a_wrong_name_and_a_wrong_value_come_together(recipe: Path) -> None:
    recipe.write_text(RECIPE.replace("sums/benchmark.yaml", "gms8k").replace("steps: 10", "steps: -1"))
    with pytest.raises(ConfigError) as caught:
        load_recipe(recipe)
    assert len(caught.value.errors) == 2


def test_a_corpus_file_takes_a_path_too(recipe: Path) -> None:
    path = recipe.with_name("corpus.yaml")
    path.write_text("corpus: {benchmark: sums/benchmark.yaml}\n")
    assert load_corpus_file(path).benchmark == "sums"
    path.write_text("corpus: {benchmark: gms8k}\n")
    with pytest.raises(ConfigError, match="did you mean 'gsm8k'"):
        load_corpus_file(path)


def test_a_study_knows_the_tasks_of_its_recipes_and_of_its_benchmarks(recipe: Path) -> None:
    study = recipe.with_name("study.yaml")
    assert load_study(study)[0].suites["target"].tasks == ["smallsteps_sums"]
    other = recipe.parent / "more.yaml"
    other.write_text(BENCHMARK.replace("name: sums", "name: more").replace("p.jsonl", "sums/p.jsonl"))
    study.write_text(STUDY.replace("smallsteps_sums", "smallsteps_more"))
    with pytest.raises(ConfigError, match=r"study\.yaml:5: suites\.target\.tasks\.0: unknown task"):
        load_study(study)
    study.write_text(study.read_text() + "benchmarks: [more.yaml]\n")
    assert load_study(study)[0].benchmarks == ["more"]


def test_a_study_suggests_the_task_of_a_benchmark(recipe: Path) -> None:
    study = recipe.with_name("study.yaml")
    study.write_text(STUDY.replace("smallsteps_sums", "gsm8k") + "allow_overlap: [gms8k]\n")
    with pytest.raises(ConfigError) as caught:
        load_study(study)
    assert "did you mean 'smallsteps_gsm8k'?" in str(caught.value)
    assert "study.yaml:6: allow_overlap.0: unknown benchmark 'gms8k'" in str(caught.value)


def test_a_changed_problem_makes_new_stages_and_a_moved_folder_does_not(recipe: Path, tmp_path: Path) -> None:
    def keys() -> tuple[set[str], set[str]]:
        study, recipes = load_study(recipe.with_name("study.yaml"))
        plan = plan_study(study, recipes, recipe, tmp_path / "out", None, ["sums"])
        return {s.key for s in plan.students.values()}, {run.stage.key for run in plan.runs}

    before = keys()
    assert keys() == before
    path = recipe.parent / "sums" / "p.jsonl"
    path.write_text(path.read_text() + '{"question": "What is 9 + 1?", "answer": 10}\n')
    after = keys()
    assert not before[0] & after[0]
    assert not before[1] & after[1]


def test_shipped_baselines_are_found_by_their_name_from_anywhere(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    found = resolve_base(BaseSpec(path="baselines/micro/base"), recipe, None).path
    assert found is not None
    assert (Path(found) / "model.safetensors").exists()
    assert resolve_base(BaseSpec(path="some/hub-id"), recipe, None).path == "some/hub-id"


@pytest.mark.parametrize("kind", ["number", "choice", "boolean", "text"])
def test_a_new_benchmark_passes_its_check_as_it_is(kind: str, tmp_path: Path) -> None:
    new_benchmark("fresh", tmp_path / "fresh", kind)
    assert check_tasks(tmp_path / "fresh").problems == {"fresh": {"test": 2, "train": 2}}


@pytest.mark.parametrize("scheme", ["cot", "socratic", "answer_only"])
@pytest.mark.parametrize("own", [False, True])
def test_a_new_recipe_passes_its_check_as_it_is(
    scheme: str, own: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    new_benchmark("fresh", tmp_path / "fresh", "number")
    path = new_recipe("mine", Path("mine.yaml"), "fresh/benchmark.yaml" if own else "micro_problems", scheme)
    check(path)
    text = path.read_text()
    assert "@" not in text
    assert ("benchmark: fresh/benchmark.yaml" in text) == own


def test_a_start_never_overwrites(tmp_path: Path) -> None:
    new_benchmark("fresh", tmp_path, "number")
    (tmp_path / "benchmark.yaml").unlink()
    with pytest.raises(UserError, match="this file exists already"):
        new_benchmark("fresh", tmp_path, "number")
    assert not (tmp_path / "benchmark.yaml").exists()
    with pytest.raises(UserError, match="cannot name a benchmark"):
        new_benchmark("My Own", tmp_path / "other", "number")


def test_every_key_of_every_model_says_what_it_means() -> None:
    silent = [
        f"{model.__name__}.{key}" for model in models() for key, text in meanings(model).items() if not text
    ]
    assert silent == []


def test_the_page_of_all_keys_is_current(repository: Path) -> None:
    page = (repository / "docs" / "recipes.md").read_text()
    assert page == reference(), "run: smallsteps recipes reference > docs/recipes.md"
