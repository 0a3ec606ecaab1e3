"""kill -9 in the middle of a slow evaluation: half a minute is lost at most, and nobody waits in silence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from smallsteps.engines.journal import SAVE_EVERY
from smallsteps.evaluation.progress import LINE_EVERY
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.files import read_json

# Each token of the batch takes a third of a second: one chunk of 23 texts, minutes long.
SLOW = """
import sys, time
from smallsteps.cli import main
from smallsteps.engines.fast.llama import LlamaForward
forward = LlamaForward.__call__
def slow(self, *arguments, **options):
    time.sleep(0.33)
    return forward(self, *arguments, **options)
LlamaForward.__call__ = slow
main(sys.argv[1:])
"""
LOST_AT_MOST = 30.0


def test_a_killed_evaluation_loses_half_a_minute_at_most(llama: Path, tasks: Path, tmp_path: Path) -> None:
    settings = Settings(("toy",), max_new_tokens=200, precision="exact")
    options = ["--max-new-tokens", "200", "--precision", "exact", "--include-path", str(tasks)]
    out, errors = tmp_path / "killed", tmp_path / "stderr"
    command = [sys.executable, "-c", SLOW, "eval", str(llama), "--tasks", "toy", "--out", str(out), *options]
    with errors.open("w") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 240
    while not (found := list(out.glob("responses/*.partial.json"))) and time.monotonic() < deadline:
        assert process.poll() is None, errors.read_text()
        time.sleep(0.2)
    (partial,) = found
    time.sleep(LINE_EVERY / 2)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert time.time() - partial.stat().st_mtime <= SAVE_EVERY + 10 <= LOST_AT_MOST
    assert "of 23 items" in errors.read_text()
    saved = read_json(partial)["answers"]
    assert sum(len(tokens) for tokens, _, _ in saved.values()) > 23
    assert not (out / "manifest.json").exists()
    resumed = evaluate(llama, settings, out, include=[tasks])
    whole = evaluate(llama, settings, tmp_path / "whole", include=[tasks])
    assert resumed.columns == whole.columns
    for name in ("solutions.jsonl", "outcomes.parquet"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not (out / "responses").exists()
