"""`smallsteps leaderboard` and `smallsteps export` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import board_cases as cases
from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.answers import parts_of, read_answers, rows_of, write_answers
from smallsteps.problems.finding import ENVIRONMENT
from smallsteps.students import Student, hash_weights, write_student

Smallsteps = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A board's folder, and where its benchmarks are."""
    board = cases.make_board(tmp_path, monkeypatch)
    return board.folder, os.environ[ENVIRONMENT]


def forge(entry: Path) -> str:
    """A wrong answer turned into a right one, all digests made to fit; the item."""
    path = entry / "answers.parquet"
    table = read_answers(path)
    rows = [row for part in parts_of(table) for row in rows_of(table, part)]
    place = next(i for i, row in enumerate(rows) if row.score == 0)
    write_answers(path, [*rows[:place], replace(rows[place], score=1.0), *rows[place + 1 :]])
    record = json.loads((entry / "runs.json").read_text())
    del record["digest"]
    write_sealed(entry / "runs.json", {**record, "answers": sha256_file(path)})
    return rows[place].item


def test_from_runs_to_a_site_and_back(
    smallsteps: Smallsteps, world: tuple[Path, str], tmp_path: Path
) -> None:
    board, tasks = world
    named = {"env": {ENVIRONMENT: tasks}}
    for number, name in enumerate(("one", "two")):
        run = cases.whole_run(tmp_path / name, name, 0.4 + 0.4 * number, number)
        done = smallsteps("leaderboard", "add", board, run, "--who", "Ann", **named)
        assert f"entries/{name}: 2 of 2 tasks complete; 2: scores from responses" in done.stdout
    built = smallsteps("leaderboard", "build", board, "--out", "site", "--release", "r1", "--json", **named)
    assert json.loads(built.stdout)["entries"] == 2
    same = smallsteps("leaderboard", "diff", "r1", tmp_path / "site", "--board", board)
    assert same.stdout == "no difference\n"
    item = forge(board / "entries" / "one")
    bad = smallsteps("leaderboard", "check", board, check=False, **named)
    assert bad.returncode == 1
    assert f"one: REJECTED: {board}/entries/one/answers.parquet: item '{item}'" in bad.stdout
    assert "two: 2 of 2 tasks complete" in bad.stdout
    page = (tmp_path / "site" / "index.html").read_bytes()
    refused = smallsteps("leaderboard", "build", board, "--out", "site", check=False, **named)
    assert refused.returncode == 65
    assert f"entry 'one' is rejected: item '{item}'" in refused.stderr
    assert (tmp_path / "site" / "index.html").read_bytes() == page


def test_a_board_starts_with_a_commented_file(smallsteps: Smallsteps, tmp_path: Path) -> None:
    done = smallsteps("leaderboard", "init", "mine")
    assert "3 item sets pinned" in done.stdout
    assert (tmp_path / "mine" / "board.yaml").read_text().startswith("# A leaderboard")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("x")
    done = smallsteps("leaderboard", "init", "full", check=False)
    assert (done.returncode, "not a leaderboard" in done.stderr) == (73, True)


def test_an_exported_student_has_a_card_that_the_hub_reads(
    smallsteps: Smallsteps, world: tuple[Path, str], tmp_path: Path
) -> None:
    from huggingface_hub import ModelCard

    folder = tmp_path / "student"
    (folder / "model").mkdir(parents=True)
    save_file({"w": np.zeros(3, dtype=np.float32)}, folder / "model" / "model.safetensors")
    (folder / "model" / "config.json").write_text("{}")
    weights = {"model": hash_weights(folder / "model")}
    write_student(folder, Student("cot", "cot", {"model": "model"}, base="org/base", seed=1, weights=weights))
    run = cases.whole_run(tmp_path / "run", "cot", 0.6, 1)
    manifest = json.loads((run / "manifest.json").read_text())
    del manifest["digest"]
    named = {"env": {ENVIRONMENT: world[1]}}
    other = smallsteps("export", folder, "--to", "out", "--run", run, check=False, **named)
    assert "this run evaluated other weights" in other.stderr
    assert not (tmp_path / "out").exists()
    manifest["student"]["weights"] = weights
    write_sealed(run / "manifest.json", manifest)
    smallsteps("export", folder, "--to", "out", "--run", run, **named)
    card = ModelCard.load(tmp_path / "out" / "README.md")
    results = {one.dataset_name: one for one in card.data.eval_results}
    assert set(results) == {"The sums", "The lists"}
    texts = cases.responses(cases.TARGET, 0.6, 1)
    assert results["The sums"].metric_value == sum("1000000" not in text for text in texts) / cases.ITEMS
    assert card.data.base_model == "org/base"
    assert (tmp_path / "out" / "model" / "model.safetensors").read_bytes()
    again = smallsteps("export", folder, "--to", "out", check=False)
    assert "there is something already" in again.stderr


def test_a_hidden_benchmark_leaves_no_trace_on_the_site(
    smallsteps: Smallsteps, world: tuple[Path, str], tmp_path: Path
) -> None:
    board, tasks = world
    file = board / "board.yaml"
    texts = [f"The answer is {7 * i}." for i in range(cases.ITEMS)]
    run = cases.write_run(tmp_path / "one", "one", {cases.TARGET: texts, cases.GENERIC: texts})
    smallsteps("leaderboard", "add", board, run, env={ENVIRONMENT: tasks})
    smallsteps("leaderboard", "build", board, "--out", "site", env={ENVIRONMENT: tasks})
    docs = cases.docs_of(cases.TARGET)
    shown = (tmp_path / "site" / "benchmarks" / f"{cases.TARGET}.html").read_text()
    assert any(doc["item"] in shown for doc in docs)
    file.write_text(file.read_text().replace("    title: Sums", "    hidden: true\n    title: Sums"))
    smallsteps("leaderboard", "build", board, "--out", "site", env={ENVIRONMENT: tasks})
    public = "".join(
        p.read_text() for p in sorted((tmp_path / "site").rglob("*")) if p.suffix in (".html", ".json")
    )
    for text in (public, (board / "items.json").read_text()):
        assert not [doc for doc in docs if doc["item"] in text or doc["question"] in text]
