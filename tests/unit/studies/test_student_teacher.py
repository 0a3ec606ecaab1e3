"""A student that teaches: its texts, and its distributions where a recipe asks for them."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from smallsteps.errors import ConfigError
from smallsteps.problems import load_problems
from smallsteps.schemes import get_scheme
from smallsteps.schemes.base import only_prompt
from smallsteps.students import Student, hash_weights, write_student
from smallsteps.studies import load_study
from smallsteps.studies.teaching import StudentTeacher
from smallsteps.teachers.model import Request, Sample, Sampling, sample_key

RECIPE = """\
recipe: {name}
scheme: {scheme}
base: {{path: baselines/micro/base}}
corpus: {{benchmark: micro_problems, limit: 4, {corpus}}}
optimisation: {{steps: 1, learning_rate: 1e-3}}
"""
STUDY = """\
study: taught
title: Taught
recipes: [first.yaml, taught.yaml]
suites: {target: {role: target, limit: 2, tasks: [smallsteps_micro_problems]}}
"""


@pytest.fixture(scope="module")
def teacher(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> StudentTeacher:
    folder = tmp_path_factory.mktemp("student")
    shutil.copytree(repository / "baselines" / "micro" / "base", folder / "model")
    weights = {"model": hash_weights(folder / "model")}
    write_student(folder, Student("first", "cot", {"model": "model"}, seed=1, weights=weights))
    return StudentTeacher(folder)


def answers(teacher: StudentTeacher, sampling: Sampling, count: int) -> list[Sample]:
    requests = [
        Request(sample_key("first", p.question, sampling.canonical(), 0), p, p.question, sampling, 0)
        for p in load_problems("micro_problems", "dev")[:count]
    ]
    found: list[Sample] = []
    teacher.answer(requests, found.extend)
    assert {sample.key for sample in found} == {request.key for request in requests}
    assert all(s.prompt == r.prompt for r in requests for s in found if s.key == r.key)
    return sorted(found, key=lambda sample: sample.key)


def test_distributions_come_with_the_same_texts(teacher: StudentTeacher) -> None:
    plain = answers(teacher, Sampling(max_tokens=60), 4)
    told = answers(teacher, Sampling(max_tokens=60, logprobs=4), 4)
    texts = {sample.problem_id: sample.text for sample in plain}
    assert {sample.problem_id: sample.text.strip() for sample in told} == texts
    assert {sample.teacher for sample in told} == {teacher.name}
    for sample in told:
        assert "".join(token.token for token in sample.tokens).strip() == sample.text.strip()
        assert all(len(token.top) == 4 for token in sample.tokens)
        assert all(sum(math.exp(value) for _, value in token.top) <= 1 + 1e-6 for token in sample.tokens)


def test_the_prompt_of_a_scheme_that_asks_once() -> None:
    assert only_prompt(get_scheme("cot"), "How many?") == "Q: How many?\nA:"
    assert only_prompt(get_scheme("socratic"), "How many?") is None


@pytest.mark.parametrize(
    ("scheme", "logprobs", "accepted"),
    [("cot", 4, True), ("socratic", 4, False), ("socratic_unified", 4, False), ("socratic", 0, True)],
)
def test_distributions_that_no_student_gives_are_refused_before_anything_is_trained(
    scheme: str, logprobs: int, accepted: bool, tmp_path: Path
) -> None:
    own = "decomposition: gold" if scheme.startswith("socratic") else "teacher: {kind: oracle}"
    taught = f"teacher: {{kind: student, recipe: first}}, sampling: {{logprobs: {logprobs}}}"
    (tmp_path / "first.yaml").write_text(RECIPE.format(name="first", scheme=scheme, corpus=own))
    (tmp_path / "taught.yaml").write_text(RECIPE.format(name="taught", scheme="cot", corpus=taught))
    (tmp_path / "study.yaml").write_text(STUDY)
    if accepted:
        load_study(tmp_path / "study.yaml")
        return
    with pytest.raises(ConfigError, match="'first' gives no distributions") as caught:
        load_study(tmp_path / "study.yaml")
    assert "taught.yaml:4" in str(caught.value)
    assert "logprobs: 0" in str(caught.value)
