"""Bodies without end: cut off at what the request could bring, in little memory, and Ctrl-C works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import BAD, SAMPLING, Hostile, body, collected, only_for_bad, raw, teacher_of

from smallsteps.teachers import Sampling, Status
from smallsteps.teachers.transport import LONGEST_BODY, most_bytes

pytestmark = pytest.mark.timeout(120)
LIMIT = 700 << 20  # address space of the children: the interpreter and its libraries take half of it


def bomb(size: int) -> bytes:
    """The start of a gzip stream of so many zeros, 1,000 times smaller: one flushed block, over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * ((size >> 20) - 1)


CHILD = f"""
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
import smallsteps.teachers.dispatch
resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))
from endpoint_cases import collected, teacher_of
server = type("Server", (), {{"url": sys.argv[1]}})
print("ready", flush=True)
rows = collected(teacher_of(server), Path(sys.argv[2]))
print([str(row.status) for row in rows])
print(rows[2].error)
"""


def child(server: Hostile, path: Path) -> subprocess.Popen[str]:
    arguments = [server.url, str(path), str(Path(__file__).parent)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


CASES = {
    "3 MB of gzip that are 3 GB": (lambda: bomb(3 << 30), {"content-encoding": "gzip"}),
    "200 MB of text": (lambda: raw(body("a b 1 " * 33_000_000)), {}),
    "20 MB of text": (lambda: raw(body("a b 1 " * 3_300_000)), {}),
    "100,000 choices": (lambda: raw(body(choices=body()["choices"] * 100_000)), {}),
    "another compression": (lambda: b"x" * 100, {"content-encoding": "br"}),
    "gzip in gzip": (lambda: b"x" * 100, {"content-encoding": "gzip, gzip"}),
    "no gzip at all": (lambda: b"x" * 100, {"content-encoding": "gzip"}),
}


@pytest.mark.parametrize("name", CASES)
def test_a_body_is_cut_off_in_little_memory(tmp_path: Path, name: str) -> None:
    """3 MB of gzip took 9.3 GB; 20 MB of text kept the process busy for minutes, deaf to Ctrl-C."""
    make, headers = CASES[name]
    with (
        Hostile(script=only_for_bad(make(), headers=headers)) as server,
        child(server, tmp_path / "s") as run,
    ):
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        started = time.monotonic()
        out, err = run.communicate(timeout=100)
        assert time.monotonic() - started < 40, "the machine may be busy, the run must not be"
        assert "Traceback" not in err, err
        statuses, error = out.strip().split("\n")
    assert statuses == str(["error" if i == BAD else "ok" for i in range(6)])
    assert "longer than" in error or "content encoding" in error or "damaged" in error


def test_an_oversized_answer_is_paid_for_once(tmp_path: Path) -> None:
    with Hostile(script=only_for_bad(body("x" * 200_000))) as server:
        teacher = teacher_of(server, limits={"attempts": 6, "concurrency": 4})
        rows = collected(teacher, tmp_path / "s")
        assert len(server.times) == 6, "asked again it would be as long again"
    assert rows[BAD].status is Status.ERROR
    assert rows[BAD].completion_tokens == SAMPLING.max_tokens, "it may have been billed"


def test_ctrl_c_stops_a_run_whose_bodies_never_end(tmp_path: Path) -> None:
    server = Hostile(fault_rate=1.0, faults=("slow",), slow=60.0)
    with server, child(server, tmp_path / "s") as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        until = time.monotonic() + 60
        while not server.times and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)  # waits for what is in flight
        time.sleep(0.5)
        run.send_signal(signal.SIGINT)  # drops it
        _, err = run.communicate(timeout=20)
    assert "KeyboardInterrupt" in err


def test_the_limit_follows_what_was_asked_for() -> None:
    """Long samples and log-probabilities are longer in bytes, and none of them is cut."""
    small, large = most_bytes(Sampling(max_tokens=64)), most_bytes(Sampling(max_tokens=4096))
    assert 64 << 10 < small < large < 2 << 20
    assert most_bytes(Sampling(max_tokens=64), 8) - (64 << 10) == 8 * (small - (64 << 10))
    assert most_bytes(Sampling(max_tokens=64, logprobs=20)) > 64 * 20 * 300
    assert most_bytes(Sampling(max_tokens=10**9)) == LONGEST_BODY


@pytest.mark.parametrize("text", ["語" * 64, "\U0001f600" * 64, " " * 64 * 128, "\n" * 64 * 100])
def test_the_longest_true_answers_fit(tmp_path: Path, text: str) -> None:
    """64 tokens of any script, escaped in JSON, and tokens of 128 spaces."""
    with Hostile(
        script=only_for_bad(body(text, usage={"prompt_tokens": 8, "completion_tokens": 64}))
    ) as server:
        rows = collected(teacher_of(server), tmp_path / "s")
    assert rows[BAD].text == text
