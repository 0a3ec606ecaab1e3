"""The main job, small: run it, run it again, kill it, and make mistakes."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smallsteps.errors import CANNOT_CREATE, DATA, IO_ERROR, NO_INPUT, USAGE

SMOKE = "baselines/micro/smoke.yaml"
FEW = """
study: few
title: Stages of every kind, few of each
recipes: [{smoke}/answer_only.yaml, {smoke}/socratic.yaml]
suites:
  target: {{role: target, limit: 40, tasks: [smallsteps_micro_problems]}}
  generic: {{role: generic, limit: 48, tasks: [smallsteps_micro_generic_cot]}}
claims: [{{better: socratic, than: answer_only, on: [target]}}]
"""


def results(out: Path) -> dict[str, str]:
    """sha256 of everything that must be the same bytes each time."""
    names = ["report.html", "report.json", "report.md"]
    paths = [out / name for name in names] + sorted(out.glob("runs/*/outcomes.parquet"))
    assert len(paths) > len(names)
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Path:
    """One finished smoke study."""
    out = tmp_path_factory.mktemp("smoke") / "out"
    command = [sys.executable, "-m", "smallsteps", "run", str(repository / SMOKE), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert "1 seed: no method-level claim" in done.stdout
    assert "report:" in done.stdout
    return out


def test_run_holds_what_lm_eval_writes_and_ours(smoke: Path) -> None:
    run = next(smoke.glob("runs/cot-s1-target-*"))
    names = {path.name for path in run.iterdir()}
    assert {"outcomes.parquet", "manifest.json", "stage.json"} <= names
    (aggregated,) = run.glob("results_*.json")
    assert "flexible,none" in json.loads(aggregated.read_text())["results"]["smallsteps_micro_problems"]
    (samples,) = run.glob("samples_smallsteps_micro_problems_*.jsonl")
    assert len(samples.read_text().splitlines()) == 40


def test_a_second_run_does_nothing(smoke: Path, smallsteps, repository: Path) -> None:  # type: ignore[no-untyped-def]
    before = results(smoke)
    stages = {p: p.stat().st_mtime_ns for p in smoke.glob("*/*/stage.json")}
    started = time.monotonic()
    done = smallsteps("run", repository / SMOKE, "--out", smoke)
    assert "nothing to do" in done.stdout
    assert time.monotonic() - started < 60
    assert results(smoke) == before
    assert {p: p.stat().st_mtime_ns for p in smoke.glob("*/*/stage.json")} == stages


def test_json_is_the_report(smoke: Path, smallsteps, repository: Path) -> None:  # type: ignore[no-untyped-def]
    done = smallsteps("run", repository / SMOKE, "--out", smoke, "--json")
    assert json.loads(done.stdout) == json.loads((smoke / "report.json").read_text())


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> tuple[Path, Path]:
    """A study of ten stages: its file, and the folder where it is finished."""
    folder = tmp_path_factory.mktemp("few")
    study = folder / "few.yaml"
    study.write_text(FEW.format(smoke=repository / "baselines/micro/smoke"))
    command = [sys.executable, "-m", "smallsteps", "run", str(study), "--out", str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return study, folder / "out"


def killed_until_done(study: Path, out: Path, kills: int, seed: int) -> int:
    """Run a study, killing it with all its workers at random moments; how many kills hit."""
    draw = random.Random(seed)
    command = [sys.executable, "-m", "smallsteps", "run", str(study), "--out", str(out)]
    hits = 0
    for _ in range(kills):
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            process.wait(draw.uniform(2, 20))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hits += 1
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    return hits


def test_killed_and_resumed_gives_the_same_bytes(few: tuple[Path, Path], tmp_path: Path) -> None:
    study, whole = few
    assert killed_until_done(study, tmp_path / "out", kills=2, seed=1) >= 1
    assert results(tmp_path / "out") == results(whole)


@pytest.mark.full
def test_killed_ten_times_gives_the_same_bytes(smoke: Path, repository: Path, tmp_path: Path) -> None:
    hits = killed_until_done(repository / SMOKE, tmp_path / "out", kills=10, seed=2)
    assert hits >= 5
    assert results(tmp_path / "out") == results(smoke)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seds=[1]", "unknown key 'seds'"),
        ("suites.target.tasks=[smallsteps_micro_problem]", "did you mean 'smallsteps_micro_problems'?"),
        ("claims=[{better: cott, than: cot, on: [target]}]", "did you mean 'cot'?"),
        ("seeds=one", "seeds: input should be a valid list"),
    ],
)
def test_mistakes_before_any_work(  # type: ignore[no-untyped-def]
    override: str, message: str, smallsteps, repository: Path, tmp_path: Path
) -> None:
    done = smallsteps("run", repository / SMOKE, "--out", "out", "--set", override, check=False)
    assert done.returncode == USAGE
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_of_another_study_is_left_alone(smoke: Path, smallsteps, repository: Path) -> None:  # type: ignore[no-untyped-def]
    before = results(smoke)
    done = smallsteps("run", repository / SMOKE, "--out", smoke, "--set", "study=other", check=False)
    assert done.returncode == CANNOT_CREATE
    assert "holds the study 'micro-smoke', not 'other'" in done.stderr
    assert results(smoke) == before


def test_missing_data_says_which_file_and_where(  # type: ignore[no-untyped-def]
    smallsteps, repository: Path, tmp_path: Path, data_dir: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "models").symlink_to(data_dir / "models")  # a missing base would be named first
    study = repository / "baselines/svamp_local/study.yaml"
    done = smallsteps("run", study, "--out", "out", "--data", tmp_path / "data", check=False)
    assert done.returncode in (NO_INPUT, DATA)
    assert f"{tmp_path}/data/" in done.stderr
    assert "smallsteps tasks data fetch svamp --to" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_base_of_pickles_is_refused(smallsteps, repository: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    base = tmp_path / "base"
    shutil.copytree(repository / "baselines/micro/base", base)
    (base / "model.safetensors").rename(base / "pytorch_model.bin")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"extends: {repository}/baselines/micro/cot.yaml\nbase: {{path: base}}\n")
    done = smallsteps("run", recipe, "--out", "out", check=False)
    assert done.returncode == DATA
    assert "pickle" in done.stderr
    assert "safetensors" in done.stderr


def test_a_full_disk_keeps_what_was_finished(  # type: ignore[no-untyped-def]
    few: tuple[Path, Path], smallsteps, tmp_path: Path
) -> None:
    study, whole = few
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", small], capture_output=True
    ).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        done = smallsteps("run", study, "--out", small / "out", check=False)
        assert done.returncode == IO_ERROR, done.stderr
        assert "no space left" in done.stderr
        finished = list(small.glob("out/*/*/stage.json"))
        assert finished
        subprocess.run(["mount", "-o", "remount,size=200m", small], check=True)
        smallsteps("run", study, "--out", small / "out")
        assert results(small / "out") == results(whole)
    finally:
        subprocess.run(["umount", small], check=True)


def test_help_is_fast_and_names_every_verb(smallsteps) -> None:  # type: ignore[no-untyped-def]
    text = smallsteps("--help").stdout
    for verb in (
        "run",
        "teach",
        "distill",
        "eval",
        "compare",
        "tradeoff",
        "gate",
        "tasks",
        "recipes",
        "lm-eval",
    ):
        assert f"  {verb}" in text
    seconds = []
    for _ in range(5):
        started = time.monotonic()
        smallsteps("--help")
        seconds.append(time.monotonic() - started)
    assert min(seconds) < 0.3


def test_unknown_verb_names_the_nearest(smallsteps) -> None:  # type: ignore[no-untyped-def]
    done = smallsteps("comapre", check=False)
    assert done.returncode == USAGE
    assert "Did you mean 'compare'?" in done.stderr
