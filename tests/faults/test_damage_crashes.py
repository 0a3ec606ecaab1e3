"""No crash exits with 1 or 2, nothing is wrongly called a defect, and nothing reaches the terminal raw."""

from __future__ import annotations

import errno
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from damage_cases import make_run

from smallsteps.cli import main
from smallsteps.cli.main import VERBS
from smallsteps.crashes import Terminated

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process: exit code, output, errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return stopped.value.code, captured.out, captured.err

    return call


@pytest.fixture
def crash(monkeypatch: pytest.MonkeyPatch, run: Run) -> Callable[[BaseException], tuple[int, str]]:
    """A verb that raises; returns exit code and message."""

    def call(error: BaseException) -> tuple[int, str]:
        @click.command("boom")
        def command() -> None:
            raise error

        module = type(sys)("boom")
        module.command = command  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "boom", module)
        monkeypatch.setitem(VERBS, "boom", ("boom", ""))
        code, _, err = run("boom")
        return code, err

    return call


SQLITE = sqlite3.DatabaseError("database disk image is malformed")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyError("x"), 70, "internal error: KeyError"),
        (AssertionError(), 70, "a defect of smallsteps"),
        (MemoryError(), 71, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 71, "not enough memory"),
        (OSError(errno.ENOSPC, "No space left on device", "f"), 74, "no space left"),
        (sqlite3.OperationalError("database or disk is full"), 74, "no space left"),
        (OSError(errno.EMFILE, "Too many open files"), 71, "ulimit -n"),
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 300), 74, "File name too long"),
        (RecursionError("maximum recursion depth exceeded"), 65, "nested too deeply"),
        (SQLITE, 65, "SQLite) is damaged"),
        (ValueError("Exceeds the limit (4300 digits) for integer string conversion"), 65, "digits"),
        (ValueError("embedded null byte"), 65, "NUL"),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), 65, "surrogates"),
        (ImportError("libtorch.so: failed to map segment from shared object"), 71, "not enough memory"),
        (ImportError("No module named 'numpy'", name="numpy"), 69, "install smallsteps again"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Terminated(), 143, "terminated"),
        (EOFError(), 70, "EOFError"),
        (SystemExit(1), 70, ""),
        (SystemExit(2), 70, ""),
        (BrokenPipeError(), 0, ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_crash_has_its_code_and_message(
    crash: Callable[[BaseException], tuple[int, str]], error: BaseException, code: int, words: str
) -> None:
    found, message = crash(error)
    assert found == code
    assert words in message
    assert "Traceback" not in message
    if code != 70:
        assert "defect" not in message
    if "the traceback is in" in message:
        kept = Path(message.split("the traceback is in ")[1].split("\n")[0])
        assert type(error).__name__ in kept.read_text()
        kept.unlink()


def test_messages_show_control_characters(crash: Callable[[BaseException], tuple[int, str]]) -> None:
    _, message = crash(ValueError("a\x1b]0;PWN\x07b \udcff"))
    assert "a\\u001b]0;PWN\\u0007b \\udcff" in message


def test_names_of_outcomes_reach_the_terminal_as_text(tmp_path: Path, run: Run) -> None:
    for name, right in (("a", 3), ("b", 5)):
        rows = [
            {
                "student": f"{name}\x1b[31m\ud800",
                "task": "t\x1b]0;PWN\x07",
                "item": f"i{n}",
                "score": int(n < right),
            }
            for n in range(8)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, out, err = run("compare", tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert code == 0, err
    assert "\x1b" not in out + err
    assert "\\u001b]0;PWN\\u0007" in out


def test_json_for_machines_keeps_its_meaning(tmp_path: Path, run: Run) -> None:
    make_run(tmp_path / "a\x9b", "cot\x9b")
    code, out, _ = run("check", tmp_path / "a\x9b", "--json")
    assert code == 0
    assert json.loads(out)["folder"] == str(tmp_path / "a\x9b")


@pytest.mark.parametrize("place", ["a\0b", "x" * 5000, "/dev/null/x", "\ud800"])
@pytest.mark.parametrize("verb", ["recipes check", "check", "eval", "compare", "run"])
def test_impossible_paths_are_one_error(place: str, verb: str, run: Run, tmp_path: Path) -> None:
    more = ["--tasks", "smallsteps_micro_problems", "--out", tmp_path / "o"] if verb == "eval" else []
    more = ["b.jsonl"] if verb == "compare" else more
    code, _, err = run(*verb.split(), place, *more)
    assert code >= 64
    assert "defect" not in err


def child(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # type: ignore[call-overload,no-any-return]  # fmt: skip


def test_a_full_output_is_an_error_and_a_closed_one_is_not() -> None:
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [sys.executable, "-m", "smallsteps", "recipes", "ls"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
            )
        assert done.returncode == 74
        assert "no space left" in done.stderr
    command = f"{sys.executable} -m smallsteps recipes ls | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "0", done.stderr
    assert done.stderr == ""


POOL = """
import os, sys
from smallsteps.studies.pool import Job, Pool
if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    os.environ["PYTHONPATH"] = os.pathsep.join([sys.argv[1], os.environ.get("PYTHONPATH", "")])
    jobs = [Job(str(n), "damage_jobs:busy", {"pids": sys.argv[2]}) for n in range(2)]
    if sys.argv[3] == "main":
        import click
        from smallsteps.cli import main as entry
        from smallsteps.cli.main import VERBS
        @click.command("boom")
        def command():
            with Pool(2) as pool:
                list(pool.run(lambda: jobs.pop(0) if jobs else None))
        sys.modules["boom"] = type(sys)("boom")
        sys.modules["boom"].command = command
        VERBS["boom"] = ("boom", "")
        entry(["boom"])
    with Pool(2) as pool:
        list(pool.run(lambda: jobs.pop(0) if jobs else None))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize(("how", "number"), [("plain", signal.SIGKILL), ("main", signal.SIGTERM)])
def test_workers_end_with_their_parent(how: str, number: int, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(POOL)
    pids = tmp_path / "pids"
    parent = child(tmp_path / "script.py", Path(__file__).parent, pids, how)
    deadline = time.monotonic() + 60
    while not (pids.exists() and len(pids.read_text().split()) == 2):
        assert time.monotonic() < deadline
        assert parent.poll() is None, parent.stderr and parent.stderr.read()
        time.sleep(0.05)
    workers = [int(pid) for pid in pids.read_text().split()]
    os.kill(parent.pid, number)
    sent, late = time.monotonic(), 0.0
    while any(map(alive, workers)):
        began = time.monotonic()
        assert began - sent < 1 + 3 * late, "workers are left"
        time.sleep(0.02)
        late += time.monotonic() - began - 0.02  # what this process itself had to wait for a processor
    _, err = parent.communicate(timeout=20)
    assert "Traceback" not in err
    if number == signal.SIGTERM:
        assert parent.returncode == 143
        assert err.strip() == (
            "terminated: what was finished or saved is kept; run the same command again to go on"
        )
