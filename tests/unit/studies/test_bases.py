"""A base that is not there is found before anything is collected, paid or trained."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import NO_INPUT
from support.commands import call


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data directory without models, whatever the machine's own one holds."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("SMALLSTEPS_DATA", str(tmp_path / "data"))


@pytest.fixture
def recipe(repository: Path, tmp_path: Path) -> Any:
    """A recipe over the micro one whose base is given as YAML."""

    def write(base: str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(f"extends: {repository}/baselines/micro/cot.yaml\nbase: {base}\n")
        return path

    return write


@pytest.mark.parametrize("verb", ["check", "plan", "distill", "run"])
@pytest.mark.parametrize(
    ("base", "message"),
    [
        ("{path: ./bases}", "did you mean 'base'?"),
        ("{path: models/small/hf}", "no such model"),
        ("{path: mine.yaml}", "is a file, not a folder"),
        ("{path: empty}", "no *.safetensors weights"),
        ("{path: bare}", "no tokenizer"),
        ("{path: plain}", "no config.json"),
        ("{path: base, tokenizer: ./nowhere}", "no such tokenizer"),
    ],
)
def test_a_base_that_is_not_there(
    verb: str, base: str, message: str, recipe: Any, repository: Path, tmp_path: Path, capsys: Any
) -> None:
    shipped = repository / "baselines/micro/base"
    shutil.copytree(shipped, tmp_path / "base")
    (tmp_path / "empty").mkdir()
    for name, left_out in (("bare", "tokenizer*"), ("plain", "config.json")):
        shutil.copytree(
            shipped, tmp_path / name, ignore=shutil.ignore_patterns(left_out, "vocab*", "special*")
        )
    path = recipe(base)
    out = () if verb == "check" else ("--out", tmp_path / "out")
    code, _, err = call(capsys, *(("recipes", verb) if verb in ("check", "plan") else (verb,)), path, *out)
    assert code >= 64
    assert message in err
    assert f"{path}:2: base." in err
    assert not (tmp_path / "out").exists()


def test_a_hub_id_is_said_to_be_unchecked(recipe: Any, tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    path = recipe("{path: nobody/no-such-model}")
    code, out, _ = call(capsys, "recipes", "check", path)
    assert code == 0
    assert "'nobody/no-such-model' is taken for a hub id; whether the hub has it was not checked" in out
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, _, err = call(capsys, "distill", path, "--out", tmp_path / "out")
    assert code == NO_INPUT
    assert "not in the hub's cache" in err
    assert not (tmp_path / "out").exists()


def test_a_folder_of_the_data_directory_is_looked_for_there(
    recipe: Any, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.delenv("SMALLSTEPS_DATA", raising=False)
    path = recipe("{path: models/mine}")
    (tmp_path / "data" / "models").mkdir(parents=True)
    code, out, _ = call(capsys, "recipes", "check", path, "--data", tmp_path / "data" / "models" / "..")
    assert code >= 64
    code, out, _ = call(capsys, "recipes", "check", path)
    assert code == 0
    assert "was not checked: it may be in the data directory" in out


def test_a_study_names_the_reference_that_is_missing(repository: Path, tmp_path: Path, capsys: Any) -> None:
    study = repository / "baselines/micro/smoke.yaml"
    override = "reference={name: base, path: ./nowhere}"
    code, _, err = call(capsys, "run", study, "--out", tmp_path / "out", "--set", override)
    assert code == NO_INPUT
    assert "--set: reference.path" in err
    assert "no such model" in err


def test_plan_takes_a_recipe(repository: Path, tmp_path: Path, capsys: Any) -> None:
    recipe = repository / "baselines/micro/cot.yaml"
    code, out, _ = call(capsys, "recipes", "plan", recipe, "--out", tmp_path / "out", "--seeds", 2)
    assert code == 0
    *lines, total, cost = out.splitlines()
    assert cost.startswith("cost  ")
    assert total.startswith("3 stages, 3 to do; 1,228,800 tokens of training")
    assert [line.split("  ")[0] for line in lines] == ["to do"] * 3
    assert "collect cot" in lines[0]
    assert ["train cot-s1" in lines[1], "train cot-s2" in lines[2]] == [True, True]
    assert not (tmp_path / "out").exists()


def test_exact_decoding_is_on_the_card_and_in_the_plan(repository: Path, tmp_path: Path) -> None:
    from smallsteps.studies.prepare import prepare

    study = repository / "baselines/micro/smoke.yaml"
    plain = prepare(study, tmp_path / "out").plan
    exact = prepare(study, tmp_path / "out", overrides=["suites.target.precision=exact"]).plan
    before, after = ({run.suite: run.stage.content() for run in plan.runs} for plan in (plain, exact))
    assert before["target"]["numerics"]["batch_size"] == 1024
    assert after["target"]["precision"] == "exact"
    assert after["target"]["numerics"] == {
        "dtype": "float32",
        "device": before["target"]["numerics"]["device"],
    }
    others = [suite for suite in before if suite != "target"]
    assert all(after[suite] == before[suite] for suite in others)
