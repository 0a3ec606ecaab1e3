"""Contenders of a benchmark, each in a process of its own as users would have it, called in turns."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Round:
    """One run: seconds, processor seconds, what it returned, and peak memory so far in bytes."""

    seconds: float
    processor: float
    result: Any
    peak: int = 0


class Contender:
    """A process in which `make(*arguments)` is called once, and what that returns at each `run`."""

    def __init__(
        self,
        make: Callable[..., Callable[[], Any]],
        *arguments: Any,
        environment: Mapping[str, str] | None = None,
        start: str = "spawn",
    ) -> None:
        processes: Any = multiprocessing.get_context(start)
        self.line, theirs = processes.Pipe()
        self.process = processes.Process(
            target=_serve, args=(make, arguments, theirs, dict(environment or {})), daemon=True
        )
        self.process.start()
        theirs.close()  # so that a dead process ends `run` with EOFError

    def run(self) -> Round:
        """One run."""
        self.line.send(True)
        done: Round = self.line.recv()
        return done

    def stop(self) -> None:
        """End the process."""
        self.line.send(False)
        self.process.join()


def _serve(
    make: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...], line: Any, environment: dict[str, str]
) -> None:
    os.environ.update(environment)
    run = make(*arguments)
    while line.recv():
        start, used = time.perf_counter(), time.process_time()
        result = run()
        seconds, processor = time.perf_counter() - start, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kilobytes on Linux
        line.send(Round(seconds, processor, result, peak))
