"""Kill -9 at random moments: the corpus ends up the same, and hardly anything is paid twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from smallsteps.corpora import Store, collect, plan
from smallsteps.problems import AnswerKind, Problem
from smallsteps.teachers import Sampling, Status, dispatch
from smallsteps.teachers.openai import OpenAITeacher
from smallsteps.teachers.prompting import Template
from smallsteps.teachers.spec import LimitsSpec, OpenAISpec

SERVER = Path(__file__).parents[1] / "teachers" / "hostile_server.py"
CONCURRENCY = 12
assert dispatch  # loaded before the fork: the kills are to hit the work, not the imports


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Address and bill of an endpoint in a process of its own."""
    bill = tmp_path / "bill"
    bill.touch()
    command = [sys.executable, str(SERVER), "--log", str(bill), "--delay", "0.03", "--fault-rate", "0.03"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1", bill
        process.kill()


def collect_all(url: str, path: Path, count: int, rate: float) -> None:
    limits = LimitsSpec(
        requests_per_minute=60 * rate, concurrency=CONCURRENCY, retries=5.0, attempts=20, timeout=5
    )
    teacher = OpenAITeacher(OpenAISpec(kind="openai", model="m", base_url=url, limits=limits))
    problems = [Problem(str(i), f"What is {i} + 1?", str(i + 1), AnswerKind.NUMBER) for i in range(count)]
    sampling = Sampling(temperature=0.7, max_tokens=64)
    with Store(path) as store:
        collect(teacher, plan(teacher.name, problems, Template("t", "{{ question }}"), sampling, 2), store)


def killed(url: str, path: Path, count: int, rate: float, after: float) -> bool:
    """Collect in a child and kill it; whether it was still at work."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            collect_all(url, path, count, rate)
            status = 0
        finally:
            os._exit(status)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.full)])
def test_killed_at_random_moments(tmp_path: Path, server: tuple[str, Path], kills: int) -> None:
    url, bill = server
    count, rate = 40 * kills, 60.0  # more work than all the children together have time for
    rng = random.Random(kills)
    hit = sum(killed(url, tmp_path / "k", count, rate, rng.uniform(0.05, 0.8)) for _ in range(kills))
    collect_all(url, tmp_path / "k", count, rate)
    billed = sum(len(line) for line in bill.read_text().split())
    collect_all(url, tmp_path / "k", count, rate)
    assert sum(len(line) for line in bill.read_text().split()) == billed, "a finished store asks for nothing"
    collect_all(url, tmp_path / "u", count, 1000.0)
    with Store(tmp_path / "k") as disturbed, Store(tmp_path / "u") as undisturbed:
        assert disturbed.counts() == {Status.OK: 2 * count}
        assert disturbed.hash() == undisturbed.hash()
    print(f"{hit} of {kills} kills hit; {billed} billed for {2 * count} rows")
    assert hit >= kills // 2
    assert billed - 2 * count <= hit * CONCURRENCY * 2
