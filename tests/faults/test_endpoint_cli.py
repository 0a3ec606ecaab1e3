"""`smallsteps teach` against hostile endpoints, as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import KEY, Hostile, Scripted, body, raw

from smallsteps.problems import load_problems

pytestmark = pytest.mark.timeout(240)
SPEC = """
corpus:
  benchmark: micro_problems
  limit: LIMIT
  keep: all
  teacher:
    kind: openai
    model: MODEL
    base_url: URL
    key_env: REL_KEY
    limits: {timeout: 20, attempts: 2, concurrency: 8}
"""


def written(
    folder: Path, url: str, model: str = "gpt-4o-mini", limit: int = 40, key: str = "REL_KEY"
) -> Path:
    path = folder / "c.yaml"
    text = SPEC.replace("URL", url).replace("MODEL", model).replace("LIMIT", str(limit))
    path.write_text(text.replace("REL_KEY", key))
    return path


def environment(folder: Path, **more: str) -> dict[str, str]:
    own = {"OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(folder / "settings"), "REL_KEY": KEY}
    return {**os.environ, **own, **more}


def smallsteps(folder: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "smallsteps", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(folder, **more),
        timeout=200,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert KEY not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done


def test_one_bad_answer_among_many(tmp_path: Path) -> None:
    """9 requests were paid and 4 rows kept; then the run ended with a UnicodeEncodeError."""

    def script(asked: dict[str, Any], number: int) -> Scripted:
        answer = body()
        if number == 7:
            answer["choices"][0]["finish_reason"] = "\udfff"
        return Scripted(raw(answer))

    with Hostile(script=script) as server:
        spec = written(tmp_path, server.url)
        refused = smallsteps(tmp_path, "teach", spec, "--out", "m", "--no-overlap")
        assert refused.returncode == 64
        assert not server.times
        command = refused.stderr.split("run once: smallsteps ")[1].strip().replace("'", "").split(" ")
        done = smallsteps(tmp_path, *command, spec, "--out", "m", "--no-overlap")
        assert done.returncode == 0, done.stderr
        assert "samples    40 stored" in done.stdout
        assert len(server.times) == 40
        assert "(lone surrogates, NUL), 1 in all, are stored written out" in done.stderr


def test_a_secret_of_the_environment_stays(tmp_path: Path) -> None:
    with Hostile() as server:
        spec = written(tmp_path, server.url, limit=1, key="AWS_SECRET_ACCESS_KEY")
        done = smallsteps(tmp_path, "teach", spec, "--out", "e", "--no-overlap", AWS_SECRET_ACCESS_KEY="x")
        assert done.returncode == 64
        assert "AWS_SECRET_ACCESS_KEY would be sent to 127.0.0.1:" in done.stderr
        assert not server.times


def test_an_error_with_control_sequences(tmp_path: Path) -> None:
    message = {"error": {"message": f"\x1b[31m\x1b]0;PWN\x07 bad key Bearer {KEY}"}}
    with Hostile(script=lambda asked, number: Scripted(raw(message), 401)) as server:
        spec = written(tmp_path, server.url)
        allow = f"REL_KEY={server.url}"
        done = smallsteps(tmp_path, "teach", spec, "--out", "e", "--no-overlap", "--allow-key", allow)
    assert done.returncode == 64
    assert "\\u001b]0;PWN\\u0007 bad key Bearer [key]" in done.stderr


def test_sigterm_says_what_is_kept_and_how_to_go_on(tmp_path: Path) -> None:
    """It ended the process without a word."""
    with Hostile(delay=0.3) as server:
        spec = written(tmp_path, server.url)
        smallsteps(tmp_path, "teach", "--allow-key", f"REL_KEY={server.url}")
        command = [sys.executable, "-m", "smallsteps", "teach", str(spec), "--out", "a", "--no-overlap"]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
        ) as run:
            until = time.monotonic() + 100
            while len(server.times) < 12 and time.monotonic() < until:
                time.sleep(0.02)
            run.send_signal(signal.SIGTERM)
            _, said = run.communicate(timeout=40)
        assert run.returncode == 143
        assert "Traceback" not in said
        asked = len(server.times)
        assert f"stopped by SIGTERM: {asked} of 40 samples are stored" in said
        assert "requests in flight have 8 s to end" in said
        assert "run the same command again to go on" in said
        done = smallsteps(tmp_path, "teach", spec, "--out", "a", "--no-overlap")
        assert done.returncode == 0
        assert len(server.times) == 40, "nothing was asked for twice"


def test_estimates_without_an_endpoint(tmp_path: Path) -> None:
    """A file is asked nothing, a server on this machine needs no price, and the time is always there."""
    problems = load_problems("micro_problems", "train")[:5]
    rows = [json.dumps({"question": p.question, "text": f"The answer is {p.answer}."}) for p in problems]
    (tmp_path / "r.jsonl").write_text("\n".join(rows) + "\n")
    file = tmp_path / "f.yaml"
    file.write_text("corpus: {benchmark: micro_problems, limit: 7, teacher: {kind: file, path: r.jsonl}}\n")
    done = smallsteps(tmp_path, "teach", file, "--estimate")
    assert done.stdout.splitlines() == [
        "samples    5 to read, 2 absent, 0 stored already",
        "cost       none: stored rationales are read from a file, and no teacher is asked",
        "time       seconds",
    ]
    with Hostile() as server:
        spec = written(tmp_path, server.url, model="my-own-model", limit=128)
        done = smallsteps(tmp_path, "teach", spec, "--estimate")
        assert "cost       none: the endpoint is on this machine" in done.stdout
        assert (
            "time       about 1.3 minutes (if an answer takes 5 s, 8 at once; no limit is set)" in done.stdout
        )
        options = ("--out", "a", "--no-overlap", "--budget-usd", "1", "--allow-key", f"REL_KEY={server.url}")
        assert smallsteps(tmp_path, "teach", spec, *options).returncode == 0
        more = smallsteps(tmp_path, "teach", spec, "--out", "a", "--estimate", "--set", "corpus.limit=300")
        assert "samples    172 to ask for, 128 stored already" in more.stdout
        assert "samples a second, as in the last run)" in more.stdout
