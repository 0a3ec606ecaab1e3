"""Self-consistency as a recipe: a student of another recipe, asked several times."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.studies.plan import plan_study
from smallsteps.studies.recipe import DecodingSpec
from smallsteps.studies.study import load_study

STUDY = """\
study: votes
title: Votes
recipes: [own.yaml, votes.yaml]
suites:
  target: {role: target, limit: 2, tasks: [smallsteps_micro_problems]}
  ability: {role: generic, limit: 2, tasks: [smallsteps_micro_generic_likelihood]}
"""
OWN = """\
recipe: own
scheme: cot
base: {path: baselines/micro/base}
corpus: {benchmark: micro_problems, limit: 8}
optimisation: {steps: 1, learning_rate: 1e-3}
"""
VOTES = """\
extends: own.yaml
recipe: votes
corpus: null
parts: {model: {from: own}}
decoding: {votes: 5, temperature: 0.7, max_tokens: 99}
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    for name, text in (("study", STUDY), ("own", OWN), ("votes", VOTES)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path / "study.yaml"


def test_a_vote_needs_no_training_of_its_own(study: Path) -> None:
    read, recipes = load_study(study)
    plan = plan_study(read, recipes, study, study.parent / "out", None)
    runs = {(run.label, run.suite): run.stage for run in plan.runs}
    assert runs["votes", "target"].voting == {"votes": 5, "temperature": 0.7}
    assert runs["votes", "target"].max_tokens == 99
    assert "× 5 texts" in runs["votes", "target"].size().words
    assert runs["votes", "ability"].voting == {}, "likelihoods are not drawn"
    assert runs["own", "target"].voting == {}
    assert not {"voting", "max_tokens"} & set(runs["own", "target"].content()), "keys stay as they were"
    assert plan.students["votes", 1].size().words == "nothing to train"


@pytest.mark.parametrize("wrong", [{"votes": 5}, {"temperature": 0.7}])
def test_votes_and_temperature_go_together(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="go together"):
        DecodingSpec.model_validate(wrong)


def test_what_cannot_be_borrowed_is_an_error(study: Path) -> None:
    (study.parent / "votes.yaml").write_text(VOTES.replace("from: own", "from: onw"))
    with pytest.raises(UserError) as caught:
        load_study(study)
    assert "did you mean 'own'" in str(caught.value)
