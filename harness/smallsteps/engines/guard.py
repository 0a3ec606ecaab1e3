"""Limits on time and memory for work that untrusted text controls, such as a Jinja template."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SECONDS = 10.0  # of the processor; templates of published models take a thousandth
BYTES = 1 << 30  # beyond what the process has


class OutOfTimeError(Exception):
    """The work took more time than allowed."""


@contextlib.contextmanager
def bounded(seconds: float | None = None, more: int | None = None) -> Iterator[None]:
    """Stop the work after `seconds` of processor time, or when it takes `more` bytes of memory.

    Time is limited in the main thread only, since only it receives signals; memory on Linux only, where the
    memory of a process is known.

    Raises:
        OutOfTimeError: out of time. MemoryError: out of memory.
    """
    with contextlib.ExitStack() as bounds:
        bounds.enter_context(_memory(BYTES if more is None else more))
        bounds.enter_context(_time(SECONDS if seconds is None else seconds))
        yield


@contextlib.contextmanager
def _time(seconds: float) -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: Any) -> None:
        raise OutOfTimeError(f"it took more than {seconds:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@contextlib.contextmanager
def _memory(more: int) -> Iterator[None]:
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    held = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = held + more
    if any(known != resource.RLIM_INFINITY and known < limit for known in (soft, hard)):
        yield  # the user's own bound is the lower one
        return
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
