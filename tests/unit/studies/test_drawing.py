"""The plan as a tree: counts, tokens and times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smallsteps.cli.main import main
from smallsteps.files import write_json
from smallsteps.studies.drawing import drawn, total
from smallsteps.studies.prepare import Prepared, prepare
from smallsteps.studies.runner import TIMES
from support.stages import NoteStage


@pytest.fixture
def smoke(repository: Path, tmp_path: Path) -> Prepared:
    return prepare(repository / "baselines" / "micro" / "smoke.yaml", tmp_path / "out")


def test_every_stage_once_below_what_it_reads(smoke: Prepared) -> None:
    rows = drawn(smoke.plan.stages(), smoke.out)
    assert sorted(row.stage.key for row in rows) == sorted(stage.key for stage in smoke.plan.stages())
    depths = {row.stage.label: row.depth for row in rows}
    assert depths["collect socratic"] == depths["evaluate base-target"] == 0
    assert depths["train socratic-s1"] == 1
    assert depths["evaluate socratic-s1-target"] == 2
    above = [row.stage.label for row in rows]
    assert above.index("train cot-s1") < above.index("evaluate cot-s1-target")


def test_counts_and_tokens(smoke: Prepared) -> None:
    lines = {row.stage.label: row.line() for row in drawn(smoke.plan.stages(), smoke.out)}
    assert "200 problems × 4 samples" in lines["collect socratic"]
    assert "6 steps + 6 steps, 12,288 tokens" in lines["train socratic-s1"]
    assert "3 tasks, at most 20 items each" in lines["evaluate cot-s1-transfer"]
    assert total(drawn(smoke.plan.stages(), smoke.out)).startswith(
        "39 stages, 39 to do; 61,440 tokens of training; time left unknown"
    )


def test_times_are_those_measured_here_and_their_mean(tmp_path: Path) -> None:
    first, second = NoteStage(name="one", shaped_by={"a": 1}), NoteStage(name="two")
    third = NoteStage(name="three", reads=(first, second))
    for stage in (first, second):
        stage.folder(tmp_path).mkdir(parents=True)
        stage.mark_done(tmp_path)
    write_json(tmp_path / TIMES, {"write one": 10, "write two": 20})
    rows = drawn([first, second, third], tmp_path)
    assert [(row.stage.name, row.depth, row.done, row.seconds) for row in rows] == [
        ("one", 0, True, 10),
        ("three", 1, False, 15),
        ("two", 0, True, 20),
    ]
    assert rows[1].line().endswith("about 15 s; also needs: write two")
    assert total(rows) == "3 stages, 1 to do; about 15 s of work left, one by one"
    write_json(tmp_path / TIMES, ["damaged"])
    assert {row.seconds for row in drawn([first, second, third], tmp_path)} == {None}


def test_the_verb_says_it_in_json_too(repository: Path, tmp_path: Path, capsys: Any) -> None:
    study = repository / "baselines" / "micro" / "smoke.yaml"
    with pytest.raises(SystemExit) as ended:
        main(["recipes", "plan", str(study), "--out", str(tmp_path / "out"), "--json"])
    assert ended.value.code in (0, None)
    told = json.loads(capsys.readouterr().out)
    row = next(row for row in told["stages"] if row["stage"] == "train cot-s1")
    assert (row["tokens"], row["done"], row["seconds"], len(row["needs"])) == (12288, False, None, 2)
