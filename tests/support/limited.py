"""Verbs with limits on memory and processor time: one process imports the libraries, each verb runs in a fork of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

_CHILD = """
import json, os, resource, signal, sys, time
import numpy, pyarrow.parquet, scipy.stats
from smallsteps.cli import main
for name in json.loads(sys.argv[1]):
    __import__(name)
for job in map(json.loads, sys.stdin):
    readers, writers = zip(*(os.pipe() for _ in range(2)))
    started = time.monotonic()
    if not (pid := os.fork()):
        os.dup2(writers[0], 1)
        os.dup2(writers[1], 2)
        sys.stdin, sys.stdout, sys.stderr = open(os.devnull), open(1, "w", closefd=False), open(2, "w", closefd=False)
        os.environ.update(job["environment"])
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + job["memory"], used + job["memory"]))
        resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"]))
        signal.alarm(job["seconds"])
        if job["file_size"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (job["file_size"], job["file_size"]))
        if job["user"] is not None:
            os.setgroups([])
            os.setgid(job["user"])
            os.setuid(job["user"])
        try:
            main(job["arguments"])
        except SystemExit as done:
            os._exit(done.code)
    for one in writers:
        os.close(one)
    said = [""] * 2
    import threading
    threads = [threading.Thread(target=lambda i: said.__setitem__(i, os.fdopen(readers[i], errors="replace").read()),
               args=(i,)) for i in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps([code, *said, time.monotonic() - started]), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One call of the command line.

    Attributes:
        arguments: of it.
        memory: bytes that it may take beyond its libraries; seconds: of processor time.
        file_size: bytes of the largest file that it may write, None for any; user: id that it runs as.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 384 << 20
    seconds: int = 60
    file_size: int | None = None
    user: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """How a call ended: exit code (negative: a signal), output, errors, seconds."""

    code: int
    out: str
    err: str
    seconds: float


class Limited:
    """A process that takes jobs one after the other.

    Args:
        modules: imported beforehand, so that their size does not count.
    """

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CHILD, json.dumps(modules)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
        )  # fmt: skip

    def run(self, job: Job) -> Done:
        """Run one job to its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
