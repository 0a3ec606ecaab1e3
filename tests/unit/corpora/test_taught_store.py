"""A store of `smallsteps teach` serves later runs of the same recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from smallsteps.corpora import CorpusSpec, Store, build_corpus
from smallsteps.corpora.build import STORE, taught_folder
from smallsteps.problems import load_problems
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.stages import corpus_stage
from smallsteps.teachers.model import Emit, Request
from smallsteps.teachers.oracle import OracleTeacher


def test_samples_of_teach_are_not_requested_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`teach` and then `distill` paid the teacher twice."""
    problems = load_problems("micro_problems", "train")[:30]

    def spec(limit: int) -> CorpusSpec:
        return CorpusSpec.model_validate({"benchmark": "micro_problems", "samples": 2, "limit": limit})

    build_corpus(spec(20), problems, tmp_path / "taught")
    asked: list[Request] = []
    answer = OracleTeacher.answer

    def counted(self: OracleTeacher, requests: Sequence[Request], emit: Emit) -> None:
        asked.extend(requests)
        answer(self, requests, emit)

    monkeypatch.setattr(OracleTeacher, "answer", counted)
    taught = tmp_path / "taught" / STORE
    again = build_corpus(spec(20), problems, tmp_path / "run", taught=taught)
    assert asked == []
    assert again.hash == build_corpus(spec(20), problems, tmp_path / "alone").hash
    asked.clear()
    build_corpus(spec(30), problems, tmp_path / "more", taught=taught)
    assert {request.problem.id for request in asked} == {problem.id for problem in problems[20:]}
    with Store(taught, readonly=True) as rows:
        assert len(rows) == 40


def test_a_recipe_s_stage_looks_where_teach_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "recipe: other_name\nscheme: cot\nbase: {path: some/hub-id}\ncorpus: {benchmark: micro_problems}\n"
        "optimisation: {steps: 1, learning_rate: 1e-3}\n"
    )
    recipe = load_recipe(tmp_path / "mine.yaml")
    assert recipe.corpus is not None
    stage = corpus_stage(
        recipe.recipe, recipe.corpus, tmp_path / "mine.yaml", tmp_path / "runs" / "mine", None
    )
    assert stage.taught == tmp_path / taught_folder(Path("mine.yaml")) / STORE
