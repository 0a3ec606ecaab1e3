"""Verbs with limits on memory, time and files: one process imports the libraries, each call is a fork."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from tempfile import TemporaryFile

_CHILD = """
import json, os, resource, signal, sys
import numpy, pyarrow.parquet, scipy.stats
from smallsteps.cli import main
for name in json.loads(sys.argv[1]):
    __import__(name)
for line in sys.stdin:
    job = json.loads(line)
    if not (pid := os.fork()):
        for name, target in (("out", 1), ("err", 2)):
            os.dup2(os.open(job[name], os.O_WRONLY | os.O_TRUNC), target)
        sys.stdin, sys.stdout, sys.stderr = open(os.devnull), open(1, "w"), open(2, "w")
        os.environ.update(job["environment"])
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + job["memory"], used + job["memory"]))
        resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"]))
        signal.alarm(2 * job["seconds"])
        if job["file_size"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_size"], job["file_size"]))
        try:
            main(job["arguments"])
        except SystemExit as done:
            os._exit(done.code)
    print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One call of the command line.

    Attributes:
        arguments: of it; environment: variables besides those of this process.
        memory: bytes that it may take beyond its libraries; seconds: of processor time.
        file_size: bytes of the largest file that it may write, as on a disk that is full; None for any.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 384 << 20
    seconds: int = 30
    file_size: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How a call ended: exit code (negative: a signal), output, errors."""

    code: int
    out: str
    err: str


class Limited:
    """A process that takes calls one after the other.

    Args:
        modules: imported beforehand, so that their size does not count.
    """

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, json.dumps(modules)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, job: Job) -> Done:
        """Run one call to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with TemporaryFile("w+", errors="replace") as out, TemporaryFile("w+", errors="replace") as err:
            me = f"/proc/{os.getpid()}/fd"
            places = {"out": f"{me}/{out.fileno()}", "err": f"{me}/{err.fileno()}"}
            self._process.stdin.write(json.dumps({**asdict(job), **places}) + "\n")
            self._process.stdin.flush()
            code = json.loads(self._process.stdout.readline())
            return Done(code, out.read(), err.read())

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
