"""Worker processes that carry out stages side by side and report progress; a dead worker loses one stage."""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from smallsteps.crashes import circumstance, explain
from smallsteps.errors import SOFTWARE, UserError
from smallsteps.memory import SHARERS, give_back_freed_memory, has_gpu

# One torch thread a process: two threads collapse when another process holds a core, two processes do not.
# oneDNN keeps a compiled kernel for every shape it has met, 1,024 of them by default, which can take a
# gigabyte. A training uses about 400 (`training.batches.MULTIPLE`).
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "512",
}


# Compiled kernels, caches and fragments stay with a process; starting a new one takes three seconds. With a
# GPU its libraries alone take 2 GiB, and starting takes ten seconds and more.
_GROWN = 1 << 30
_GROWN_WITH_GPU = 8 << 30


@dataclass(frozen=True, slots=True)
class Job:
    """One call of `function` (dotted path `module:name`) with a payload that can be pickled.

    The function is called as `function(payload, report)` where `report(done, total, note)` moves the
    progress bar. `folder` is where it writes, for messages about a full or read-only disk.
    """

    key: str
    function: str
    payload: Any
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A message of a worker: `progress` (done, total, note), `done` (seconds) or `failed` (error).

    `last` says that the worker has grown and ends itself; a fresh one takes its place.
    """

    kind: str
    key: str
    done: float = 0
    total: float = 0
    note: str = ""
    seconds: float = 0
    error: UserError | None = None
    trace: str = ""
    last: bool = False


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    connection: Connection
    job: Job | None = None


class Pool:
    """A fixed number of worker processes. Use as a context manager: leaving it ends them."""

    def __init__(self, workers: int, threads: int = 1) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._threads = threads
        self._workers: list[_Worker] = []
        self._size = workers

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join(5)
            worker.connection.close()

    def _free_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.job is None:
                return worker
        if len(self._workers) == self._size:
            return None
        here, there = self._context.Pipe()
        environment = {**_ENVIRONMENT, "OMP_NUM_THREADS": str(self._threads), SHARERS: str(self._size)}
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(
            environment
        )  # libraries read these when they are loaded, so before the process starts
        try:
            process = self._context.Process(target=_serve, args=(there, os.getpid()), daemon=True)
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        there.close()
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker

    def run(self, next_job: Callable[[], Job | None]) -> Iterator[Event]:
        """Yield events until `next_job` has nothing more and every worker is idle.

        `next_job` is asked after each event whenever a worker is free; None means nothing is ready now.
        """
        while True:
            while (worker := self._free_worker()) is not None and (job := next_job()) is not None:
                worker.job = job
                worker.connection.send(job)
            busy = {w.connection: w for w in self._workers if w.job is not None}
            if not busy:
                return
            for connection in wait(list(busy)):
                assert isinstance(connection, Connection)
                yield from self._receive(busy[connection])

    def _receive(self, worker: _Worker) -> Iterator[Event]:
        assert worker.job is not None
        try:
            event: Event = worker.connection.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join(5)
            self._workers.remove(worker)
            code = worker.process.exitcode
            if code == -signal.SIGTERM:
                time.sleep(0.5)  # sent to all processes: ours arrives now, and says what there is to say
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            error = UserError(
                f"its process ended without an answer ({how}); the system may have run out of memory",
                fix="run the same command again: what was saved is kept",
                code=SOFTWARE,
            )
            event = Event("failed", worker.job.key, error=error)
        if event.kind != "progress":
            worker.job = None
            if event.last:
                self._workers.remove(worker)
                worker.process.join(10)
                worker.connection.close()
        yield event


def _serve(connection: Connection, parent: int) -> None:
    """The loop of a worker: receive a job, run it, send the result; stop when the parent has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # ends at once without a message; saved work stays
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the parent has ended
        while _work_once(connection):
            pass


def _end_with(parent: int) -> None:
    """End this process soon after its parent, even during a job, since its result is no longer needed."""
    while os.getppid() == parent:
        time.sleep(0.25)
    os._exit(1)


def _work_once(connection: Connection) -> bool:
    """Carry out the next job and answer; False when this worker has grown and should end."""
    job: Job = connection.recv()
    started = time.monotonic()
    try:
        _carry_out(job, connection)
        give_back_freed_memory()
        grown = _resident() > (_GROWN_WITH_GPU if has_gpu() else _GROWN)
        connection.send(Event("done", job.key, seconds=time.monotonic() - started, last=grown))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except UserError as error:
        connection.send(Event("failed", job.key, error=error))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 -- handed to the parent whole, which prints it and stops
        place = str(job.folder) if job.folder is not None else None
        if circumstance(error, place) is not None:
            connection.send(Event("failed", job.key, error=explain(error, place=place)))
        else:
            defect = UserError(f"internal error: {type(error).__name__}: {error}", code=SOFTWARE)
            connection.send(Event("failed", job.key, error=defect, trace=traceback.format_exc()))
    else:
        return not grown
    return True


def _resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _carry_out(job: Job, connection: Connection) -> None:
    module, _, name = job.function.partition(":")
    function = getattr(importlib.import_module(module), name)
    last = 0.0

    def report(done: float, total: float, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= 0.2 or done >= total:
            last = now
            connection.send(Event("progress", job.key, done, total, note))

    function(job.payload, report)
