"""Endpoints as parts of students: the grid of 2402.15000 against a loopback service that counts tokens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.prompts import Message, Prompt
from smallsteps.errors import ConfigError, UserError
from smallsteps.evaluation.endpoints import EndpointEngine, endpoint_data, read_endpoint
from smallsteps.files import write_json
from smallsteps.outcomes.run_folder import read_manifest
from smallsteps.students import read_student
from smallsteps.students.card import ENDPOINT
from smallsteps.studies.prepare import Prepared
from smallsteps.studies.recipe import load_recipe
from smallsteps.teachers.keys import confirm
from smallsteps.teachers.spec import EndpointSpec
from support.carried import carried_out
from support.scripted_service import Service

PRICES = "schema: smallsteps.prices/1\ndate: 2026-01-02\nmodels: {gpt: {input: 1000.0, output: 2000.0}}\n"
RECIPE = """
recipe: grid
scheme: divide
base: {path: baselines/micro/base}
corpus: {benchmark: micro_problems, limit: 30, decomposition: gold}
optimisation: {steps: 1, learning_rate: 1.0e-3, batch_tokens: 512}
"""
STUDY = """
study: grid
title: Decomposer and solver
matrix:
  - recipe: grid.yaml
    name: "{parts}"
    vary:
      parts:
        planned: {decomposer: {endpoint: ENDPOINT}}
        solved: {solver: {endpoint: ENDPOINT}, decomposer: {model: baselines/micro/base}}
suites: {target: {role: target, limit: 2, tasks: [smallsteps_micro_problems]}}
claims: [{better: solved, than: planned, on: [target]}]
"""


def says(prompt: str, seed: int) -> str:
    if prompt.startswith("Name the sub-questions"):
        return "1. How many are there?\n2. How many are left?"
    return "Five.\nThe answer is 5."


@dataclass
class Grid:
    """A finished study, what the service saw, and how it would be started again."""

    prepared: Prepared
    service: Service
    report: dict[str, Any]

    def again(self) -> None:
        carried_out(self.prepared.out.parent / "study.yaml", self.prepared.out)


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    folder = tmp_path_factory.mktemp("grid")
    (folder / "prices.yaml").write_text(PRICES)
    with Service(says) as service, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "sk-not-for-loopback-0123456789")
        endpoint = {"model": "gpt", "base_url": service.url, "prices": str(folder / "prices.yaml")}
        (folder / "grid.yaml").write_text(RECIPE)
        (folder / "study.yaml").write_text(STUDY.replace("ENDPOINT", json.dumps(endpoint)))
        prepared, finished = carried_out(folder / "study.yaml", folder / "out")
        yield Grid(prepared, service, json.loads(finished.json_text))


def test_the_costs_of_the_report_are_the_tokens_that_the_service_counted(grid: Grid) -> None:
    costs = grid.report["costs"]
    assert {(one["student"], one["part"]) for one in costs} == {
        ("planned", "decomposer"),
        ("solved", "solver"),
    }
    assert sum(one["prompt_tokens"] for one in costs) == grid.service.read > 0
    assert sum(one["completion_tokens"] for one in costs) == grid.service.written > 0
    assert sum(one["requests"] for one in costs) == grid.service.chats
    dollars = (1000 * grid.service.read + 2000 * grid.service.written) / 1e6
    assert sum(one["dollars"] for one in costs) == pytest.approx(dollars)
    page = (grid.prepared.out / "report.md").read_text()
    assert "## What endpoints cost" in page
    assert f"{dollars:.4f}" in page
    assert "What endpoints cost" in (grid.prepared.out / "report.html").read_text()


def test_every_run_says_what_its_endpoints_were_asked(grid: Grid) -> None:
    bills = [
        read_manifest(run.stage.folder(grid.prepared.out))["endpoints"] for run in grid.prepared.plan.runs
    ]
    assert [list(bill) for bill in bills] == [["decomposer"], ["solver"]]
    assert sum(one["prompt_tokens"] for bill in bills for one in bill.values()) == grid.service.read


def test_answers_that_were_paid_are_never_asked_for_again(grid: Grid) -> None:
    before = grid.service.chats
    grid.again()
    assert grid.service.chats == before
    for run in grid.prepared.plan.runs:  # as after a crash in the middle of an evaluation
        folder = run.stage.folder(grid.prepared.out)
        for path in folder.iterdir():
            if path.is_file() and not path.name.startswith("endpoint-"):
                path.unlink()
    grid.again()
    assert grid.service.chats == before


def test_an_endpoint_is_no_weights_and_its_key_is_nowhere(grid: Grid) -> None:
    stage = grid.prepared.plan.students["solved", 1]
    folder = stage.folder(grid.prepared.out)
    card = read_student(folder)
    assert list(card.weights) == ["decomposer"]
    assert card.training == {}
    assert (folder / "decomposer" / "model.safetensors").exists()
    assert "sk-not-for" not in (folder / "solver" / ENDPOINT).read_text()
    assert all(key == "Bearer none" for key in grid.service.keys), (
        "no key goes to a host it was not meant for"
    )


def test_a_student_reads_the_plan_of_the_endpoint(grid: Grid) -> None:
    rows = (grid.prepared.plan.runs[0].stage.folder(grid.prepared.out) / "solutions.jsonl").read_text()
    assert "How many are left?" in rows


def test_a_dialogue_is_sent_as_turns(tmp_path: Path) -> None:
    turns = [Message("user", "a?"), Message("assistant", "b"), Message("user", "c?")]
    with Service(lambda prompt, seed: "d###e") as service:
        engine = EndpointEngine(EndpointSpec(model="gpt", base_url=service.url), tmp_path / "kept.sqlite")
        ((text,),) = engine.generate([Prompt("Q: a?", turns)], Decoding(stop=("###",)))
        assert [one["role"] for one in service.bodies[0]["messages"]] == ["user", "assistant", "user"]
        assert (text.text, text.stop) == ("d", "stop")
        drawn = engine.generate(["x"], Decoding(samples=2, temperature=1.0))
        assert len(drawn[0]) == 2
        with pytest.raises(UserError, match="no likelihoods"):
            engine.loglikelihood([("a", "b")])


def test_the_budget_stops_before_it_is_passed(tmp_path: Path) -> None:
    (tmp_path / "prices.yaml").write_text(PRICES)
    given: dict[str, Any] = {"model": "gpt", "budget_usd": 0.02, "prices": str(tmp_path / "prices.yaml")}
    with Service(lambda prompt, seed: "ok") as service:
        engine = EndpointEngine(EndpointSpec(base_url=service.url, **given), tmp_path / "kept.sqlite")
        with pytest.raises(UserError, match="budget reached"):
            engine.generate(["one", "two"], Decoding(max_new_tokens=4000))
        assert service.chats == 0
        unknown = EndpointSpec(model="nobody-knows", base_url=service.url, budget_usd=1)
        with pytest.raises(UserError, match="a budget needs the price"):
            EndpointEngine(unknown, tmp_path / "other.sqlite").generate(["one"], Decoding())


def test_a_card_cannot_send_questions_to_a_host_that_nobody_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    spec = EndpointSpec(model="gpt", base_url="https://elsewhere.example/v1")
    with pytest.raises(UserError, match="would be sent every question") as refused:
        EndpointEngine(spec, tmp_path / "kept.sqlite")
    assert "--allow-key 'OPENAI_API_KEY=elsewhere.example'" in str(refused.value.fix)
    confirm("OPENAI_API_KEY=elsewhere.example")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-for-this-host-0123456789")
    EndpointEngine(spec, tmp_path / "kept.sqlite")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("{solver: {endpoint: {model: m}, steps: 3}}", "'steps' has no effect"),
        ("{solver: {endpoint: {modell: m}}}", "modell"),
        ("{solver: {endpoint: {model: m, batch: true}}}", "'batch' is for teachers"),
        ("{solver: {model: m, steps: 3}}", "steps"),
    ],
)
def test_wrong_parts_are_refused(tmp_path: Path, parts: str, message: str) -> None:
    path = tmp_path / "grid.yaml"
    path.write_text(f"{RECIPE}parts: {parts}\n")
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_recipe(path)


def test_a_damaged_description_is_an_error(tmp_path: Path) -> None:
    for content in ({}, {"schema": "smallsteps.endpoint-part/1", "endpoint": {"model": 3}}):
        write_json(tmp_path / ENDPOINT, content)
        with pytest.raises(UserError, match="not the description of an endpoint"):
            read_endpoint(tmp_path)
    spec = EndpointSpec(model="gpt", budget_usd=2)
    write_json(tmp_path / ENDPOINT, endpoint_data(spec))
    assert read_endpoint(tmp_path) == spec
