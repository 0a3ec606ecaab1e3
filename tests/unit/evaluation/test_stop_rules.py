"""A model that never learnt to stop is not scored for what it runs on with."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from smallsteps.engines import Decoding, Generation
from smallsteps.evaluation.requests import Ask
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.evaluation.system import load_system
from smallsteps.students import Student, hash_weights, write_student
from smallsteps.students.places import STOPS, stops_of


@pytest.fixture
def base(repository: Path) -> Path:
    return repository / "baselines/micro/base"


@pytest.fixture
def student(base: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "student"
    shutil.copytree(base, folder / "model")
    write_student(folder, Student("mine", "cot", {"model": "model"}, weights={"model": hash_weights(base)}))
    return folder


def test_only_an_untrained_model_has_them(base: Path, student: Path) -> None:
    assert stops_of(base) == STOPS
    assert stops_of("someone/base") == STOPS
    assert stops_of(student) == ()
    assert load_system(base).stop == STOPS
    assert load_system(base).identity["stop"] == list(STOPS)
    assert "stop" not in load_system(student).identity
    assert load_system(base, stop=()).identity == load_system(student).identity


class Running:
    """A model that answers and asks itself the next question."""

    def __init__(self) -> None:
        self.stops: list[tuple[str, ...]] = []

    def generate(self, prompts: Any, decoding: Decoding) -> list[list[Generation]]:
        self.stops.append(decoding.stop)
        return [[Generation("text", 1, 1, "stop")] for _ in prompts]


@pytest.mark.parametrize("wrapped", [True, False])
def test_they_are_added_to_our_own_prompts_alone(base: Path, wrapped: bool, monkeypatch: Any) -> None:
    """Few-shot prompts of a task come with the task's own stops."""
    system, engine = load_system(base), Running()
    monkeypatch.setattr(type(system.engines), "__getitem__", lambda self, part: engine)
    system.answer([Ask("t", "1", "How many?", wrapped, (), Decoding(stop=("\nQ:", "END")))])
    assert engine.stops == [("\nQ:", "END", *STOPS[1:]) if wrapped else ("\nQ:", "END")]


def test_they_are_declared_and_counted(base: Path, tmp_path: Path) -> None:
    settings = Settings(tasks=("smallsteps_micro",), limit=2, max_new_tokens=24, stop=("e",))
    evaluate(base, settings, tmp_path / "run")
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["system"]["stop"] == ["e"]
    texts = [
        json.loads(line)["resps"][0][0]
        for path in (tmp_path / "run").glob("samples_*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert all("e" not in text for text in texts)
    assert 0 < manifest["stopped_by_rule"] <= len(texts)


def test_runs_without_rules_keep_their_names(student: Path) -> None:
    named = Settings(tasks=("smallsteps_micro",)).named()
    assert set(asdict(Settings(tasks=()))) - set(named) == {"format", "stop", "split", "draw", "vote"}


def test_a_reference_declares_its_rules(repository: Path, tmp_path: Path) -> None:
    from smallsteps.studies.prepare import prepare

    study = repository / "baselines/micro/smoke.yaml"

    def stops(*more: str) -> Any:
        plan = prepare(study, tmp_path / "out", overrides=["reference.path=base", *more]).plan
        return next(run.stage.content().get("stop") for run in plan.runs if run.student is None)

    assert stops() == list(STOPS)
    assert stops("reference.stop=[END]") == ["END"]
    assert stops("reference.stop=[]") == []
