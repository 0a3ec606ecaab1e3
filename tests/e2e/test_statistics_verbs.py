"""compare, tradeoff, gate and power as a user types them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from outcome_tables import correlated
from smallsteps.cli import main

Smallsteps = Callable[..., subprocess.CompletedProcess[str]]


def _csv(path: Path, task_scores: dict[str, dict[str, list[float]]], students: list[str]) -> Path:
    lines = ["student,task,item,score"]
    for task, scores in task_scores.items():
        for student in students:
            lines += [f"{student},{task},i{i},{score:g}" for i, score in enumerate(scores[student])]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def world(tmp_path: Path) -> dict[str, Path]:
    scores = {
        "svamp": correlated(300, {"base": 0.3, "cot": 0.6, "again": 0.6}),
        "bbh_snarks": correlated(150, {"base": 0.5, "cot": 0.45, "again": 0.45}, 1),
    }
    everyone = list(scores["svamp"])
    files = {name: _csv(tmp_path / f"{name}.csv", scores, [name]) for name in everyone}
    return files | {"all": _csv(tmp_path / "all.csv", scores, everyone)}


def test_compare_prints_a_table_and_sentences(smallsteps: Smallsteps, world: dict[str, Path]) -> None:
    out = smallsteps("compare", world["all"], "--baseline", "base").stdout
    assert "cot is better than base by" in out
    assert "1 seed: no method-level claim" in out
    assert all(len(line) < 140 for line in out.splitlines())


def test_one_file_or_two_give_the_same_numbers(smallsteps: Smallsteps, world: dict[str, Path]) -> None:
    one = smallsteps("compare", world["all"], "--student", "cot", "--student", "base", "--json").stdout
    two = smallsteps("compare", world["cot"], world["base"], "--json").stdout
    assert json.loads(one)["rows"] == json.loads(two)["rows"]
    assert two == smallsteps("compare", world["cot"], world["base"], "--json").stdout


def test_numbers_do_not_depend_on_threads(smallsteps: Smallsteps, world: dict[str, Path]) -> None:
    one, two = (
        smallsteps("compare", world["all"], "--json", env={"OMP_NUM_THREADS": n}).stdout for n in ("1", "2")
    )
    assert one == two


def test_compare_writes_markdown(smallsteps: Smallsteps, world: dict[str, Path], tmp_path: Path) -> None:
    smallsteps("compare", world["all"], "--markdown", tmp_path / "r.md")
    assert (tmp_path / "r.md").read_text().startswith("# Comparison")


def test_gate_exit_codes_and_files(smallsteps: Smallsteps, world: dict[str, Path], tmp_path: Path) -> None:
    passing = smallsteps("gate", world["cot"], "--against", world["base"], "--margin", "15", check=False)
    assert passing.returncode == 0, passing.stdout
    failing = smallsteps(
        *("gate", world["base"], "--against", world["cot"], "--margin", "3"),
        *("--junit", tmp_path / "g.xml", "--markdown", tmp_path / "g.md"),
        check=False,
    )
    assert failing.returncode == 1
    assert "<failure" in (tmp_path / "g.xml").read_text()
    assert "FAIL" in (tmp_path / "g.md").read_text()
    undecided = ("gate", world["again"], "--against", world["cot"], "--margin", "1", "--json")
    data = smallsteps(*undecided, check=False)
    assert data.returncode == 2
    assert json.loads(data.stdout)["exit_code"] == 2


def test_tradeoff_uses_roles(smallsteps: Smallsteps, world: dict[str, Path]) -> None:
    out = smallsteps("tradeoff", world["all"], "--base", "base", "--target", "svamp", "--margin", "5").stdout
    out = " ".join(out.split())
    assert "generic points lost per target point gained" in out
    assert "Generic: bbh_snarks" in out


def test_power_prints_a_table(smallsteps: Smallsteps) -> None:
    out = smallsteps("power", "gsm8k", "--seeds", "3", "--discordance", "20").stdout
    assert "3.5" in out  # the published detectable difference of GSM8K at 20 % discordance
    assert json.loads(smallsteps("power", "50", "--json").stdout)["schema"] == "smallsteps.power/2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compare", "nowhere"), "no such file or folder"),
        (("compare", "all.csv", "--task", "svam"), "did you mean 'svamp'"),
        (("gate", "cot.csv", "--against", "base.csv", "--margin", "no"), "not a number of points"),
        (("gate", "cot.csv", "--against", "base.csv"), "margin"),
        (("tradeoff", "all.csv", "--base", "bse"), "did you mean 'base'"),
        (("tradeoff", "all.csv", "--base", "base", "--target", "svamp", "--chance", "x"), "NAME=NUMBER"),
        (("power", "gsm8"), "did you mean 'gsm8k'"),
    ],
)
def test_mistakes_are_one_message(
    world: dict[str, Path],
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(world["all"].parent)
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    assert int(str(stopped.value.code)) >= 64
    assert message in capsys.readouterr().err
