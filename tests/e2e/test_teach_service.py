"""`smallsteps teach` against a service that keeps to the rules: batch jobs, evolution, plans."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from support.scripted_service import Service

Smallsteps = Callable[..., subprocess.CompletedProcess[str]]
KEY = "sk-batchkey-0123456789abcdef"
SPEC = """
corpus:
  benchmark: micro_problems
  limit: 30
  teacher: {kind: openai, model: gpt-4o-mini, base_url: URL, batch: true}
  sampling: {max_tokens: 100}
  keep: all
"""


def write(path: Path, service: Service, text: str = SPEC) -> Path:
    path.write_text(text.replace("URL", service.url))
    return path


def test_batch_jobs_within_a_budget(smallsteps: Smallsteps, tmp_path: Path) -> None:
    """A twentieth of what all may cost bears one or two requests at a time."""
    options = {"env": {"OPENAI_API_KEY": KEY}}
    with Service(lambda prompt, seed: "One step. The answer is 5.") as service:
        spec = write(tmp_path / "c.yaml", service)
        told = smallsteps("teach", spec, "--out", "a", "--estimate", "--json")
        most = json.loads(told.stdout)["most_dollars"]
        allow = ("--allow-key", f"OPENAI_API_KEY={service.url}", "--budget-usd", str(most / 20))
        poor = smallsteps("teach", spec, "--out", "a", *allow, check=False, **options)
        assert poor.returncode == 2
        assert "budget reached" in poor.stderr
        assert 0 < sum(service.jobs) < 30
        stored = sum(service.jobs)
        rich = smallsteps("teach", spec, "--out", "a", "--budget-usd", "1", "--no-overlap", **options)
        assert "samples    30 stored" in rich.stdout
        assert sum(service.jobs) == 30, "nothing was asked for twice"
        assert service.jobs[-1] == 30 - stored
        assert service.keys == {f"Bearer {KEY}"}
        said = poor.stdout + poor.stderr + rich.stdout + rich.stderr
    assert KEY not in said
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and KEY.encode() in p.read_bytes()]


@pytest.mark.parametrize("batch", [True, False])
def test_a_key_that_no_header_can_carry(smallsteps: Smallsteps, tmp_path: Path, batch: bool) -> None:
    """It came back in an error message, or in a traceback."""
    text = SPEC if batch else SPEC.replace(", batch: true", "")
    with Service(lambda prompt, seed: "The answer is 5.") as service:
        spec = write(tmp_path / "c.yaml", service, text)
        smallsteps("teach", "--allow-key", f"OPENAI_API_KEY={service.url}")
        for key in ("sk-secret12 345678", "sk-secret12345\r\nX: y", "sk-secret12345ключ"):
            done = smallsteps("teach", spec, check=False, env={"OPENAI_API_KEY": key})
            assert done.returncode == 64
            assert "OPENAI_API_KEY holds a space" in done.stderr
            assert "secret" not in done.stdout + done.stderr
        assert not service.keys
        few = ("--out", "a", "--no-overlap", "--set", "corpus.limit=2")
        smallsteps("teach", spec, *few, env={"OPENAI_API_KEY": f" {KEY}\n"})
        assert service.keys == {f"Bearer {KEY}"}, "space around a key is not part of it"


def evolving(prompt: str, seed: int) -> str:
    """A harder problem of every problem; the judge says no to those about 3; all samples agree on 12."""
    last = prompt.strip().split("\n")[-1]
    if last == "New problem:":
        return "Harder: " + re.findall(r"Problem: (.*)", prompt)[-1]
    if last.startswith("Second:"):
        return "No" if "3" in last else "Yes"
    return "Think. The answer is 12."


def test_problems_evolve_and_a_second_run_asks_for_nothing(smallsteps: Smallsteps, tmp_path: Path) -> None:
    text = SPEC.replace(", batch: true", "").replace("limit: 30", "limit: 12\n  samples: 3")
    with Service(evolving) as service:
        spec = write(tmp_path / "c.yaml", service, text)
        first = json.loads(smallsteps("teach", spec, "--out", "a", "--evolve", "2", "--json").stdout)
        asked = service.chats
        again = json.loads(smallsteps("teach", spec, "--out", "a", "--evolve", "2", "--json").stdout)
        assert service.chats == asked > 0
    assert first == again
    made = [json.loads(line) for line in (tmp_path / "a" / "evolved.jsonl").read_text().splitlines()]
    assert len(made) == first["problems"] > 0
    assert first["dropped"]["refused by the judge"] > 0
    assert {row["answer"] for row in made} == {"12"}
    assert {row["round"] for row in made} == {"1", "2"}
    assert all(row["question"].startswith("Harder: ") and "3" not in row["question"] for row in made)


def planning(prompt: str, seed: int) -> str:
    if prompt.rstrip().endswith("Questions:"):
        return "1. How many are there first?\n2. How many are there in the end?"
    return "1. There are 2.\n2. There are 7.\nThe answer is 7."


def test_plans_first_then_their_answers(smallsteps: Smallsteps, tmp_path: Path) -> None:
    text = SPEC.replace(", batch: true", "") + "  decomposition: plan\n  screen: true\n"
    with Service(planning) as service:
        spec = write(tmp_path / "c.yaml", service, text)
        done = smallsteps("teach", spec, "--out", "a", "--no-overlap", "--set", "corpus.limit=200")
        assert service.chats == 400
        again = smallsteps(
            "teach", spec, "--out", "a", "--no-overlap", "--set", "corpus.limit=300",
            "--budget-usd", "0.004", check=False, env={"OPENAI_API_KEY": KEY},
        )  # fmt: skip
    rows = [json.loads(line) for line in (tmp_path / "a" / "rationales.jsonl").read_text().splitlines()]
    assert f"kept       {len(rows)} " in done.stdout
    assert "plan does not help" in done.stdout
    quality = json.loads((tmp_path / "a" / "quality.json").read_text())
    written = 200 * (14 + 12)  # words of plans and of answers
    assert quality["completion_tokens"] == written
    assert quality["dollars"] == (quality["prompt_tokens"] * 0.15 + written * 0.6) / 1e6
    assert quality["dollars"] > 0.004
    assert again.returncode == 2, "what screening cost in former runs counts too"
    assert all(row["answer"] == "7" for row in rows)
    assert [step["answer"] for step in rows[0]["steps"]] == ["2", "7"]
