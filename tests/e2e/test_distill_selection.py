"""`smallsteps distill` of a recipe that chooses among checkpoints, killed and run again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smallsteps.students import hash_weights, read_student
from support.sums import SELECTION, make_sums, write_recipe

SPEC = {**SELECTION, "every": 1000, "best_on": "target_dev"}
OPTIMISATION = {"steps": 8, "learning_rate": 0.002, "batch_tokens": 512, "save_every": 2}


def distill(recipe: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "smallsteps", "distill", str(recipe), "--out", str(out)]


@pytest.mark.full  # four processes that import everything: about 20 s on a quiet machine
def test_a_killed_distillation_goes_on_to_the_same_choice(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, make_sums(tmp_path), selection=SPEC, optimisation=OPTIMISATION)
    process = subprocess.Popen(
        distill(recipe, tmp_path / "killed"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    seen: list[Path] = []
    while len(seen) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
        seen = sorted((tmp_path / "killed").glob("students/*/watch/tokens-*/checkpoint.json"))
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert len(seen) >= 3
    base = seen[0].stat().st_mtime_ns
    assert not list((tmp_path / "killed").glob("students/*/student.json"))
    for out in ("killed", "whole"):
        done = subprocess.run(distill(recipe, tmp_path / out), capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    (killed,), (whole,) = ((tmp_path / out).glob("students/*") for out in ("killed", "whole"))
    assert seen[0].stat().st_mtime_ns == base  # the base was not measured again
    assert read_student(killed).selection == read_student(whole).selection
    assert hash_weights(killed / "model") == hash_weights(whole / "model")
    assert len(read_student(whole).selection["trajectory"]) == 5
    assert not list(killed.glob("watch/*/model"))
