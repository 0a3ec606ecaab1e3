"""Contenders of a benchmark, each in a process of its own as users would have it, called in turns."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Round:
    """One run: seconds, processor seconds, and what it returned."""

    seconds: float
    processor: float
    result: Any


class Contender:
    """A process in which `make(*arguments)` is called once, and what that returns at each `run`."""

    def __init__(self, make: Callable[..., Callable[[], Any]], *arguments: Any) -> None:
        processes = multiprocessing.get_context("spawn")
        self.line, theirs = processes.Pipe()
        self.process = processes.Process(target=_serve, args=(make, arguments, theirs), daemon=True)
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


def _serve(make: Callable[..., Callable[[], Any]], arguments: tuple[Any, ...], line: Any) -> None:
    run = make(*arguments)
    while line.recv():
        start, used = time.perf_counter(), time.process_time()
        result = run()
        line.send(Round(time.perf_counter() - start, time.process_time() - used, result))
