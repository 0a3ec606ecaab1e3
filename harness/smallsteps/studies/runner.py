"""Carries out the stages of a plan: finished ones are kept, ready ones run side by side."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.files import read_object, write_atomic, write_json
from smallsteps.memory import has_gpu
from smallsteps.students.recorded import record_models
from smallsteps.studies.board import make_board
from smallsteps.studies.capacity import check_memory, workers_in_memory
from smallsteps.studies.pool import Event, Job, Pool
from smallsteps.studies.stages.base import Stage, Task

WORK = "smallsteps.studies.stages.base:carry_out_one"
TIMES = "times.json"


@dataclass(frozen=True, slots=True)
class Carried:
    """Result of a plan: how many stages were done before, and the seconds of those done now."""

    before: int
    now: dict[str, float]


def default_workers(stages: list[Stage] | None = None) -> int:
    """One process a core on a CPU, at most 8, as many as memory allows; one where there is a GPU to share."""
    if has_gpu():
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores, workers_in_memory(stages or [])))


def carry_out(stages: list[Stage], out: Path, *, workers: int | None = None) -> Carried:
    """Run every stage that is not done yet, respecting `needs`.

    A failed stage stops new ones from starting; those running are finished first, so nothing is lost.

    Raises:
        UserError: the first failure.
    """
    done = {stage.key for stage in stages if stage.is_done(out)}
    waiting = {stage.key: stage for stage in stages if stage.key not in done}
    before = len(done)
    named = {name: folder for stage in stages for name, folder in stage.models.items()}
    recorded = record_models(out, named)
    if not waiting:
        return Carried(before, {})
    check_memory(list(waiting.values()))
    by_key = dict(waiting)
    failures: list[tuple[Stage, Event]] = []
    times: dict[str, float] = {}
    board = make_board(len(waiting))

    def next_job() -> Job | None:
        if failures:
            return None
        for key, stage in waiting.items():
            if all(need in done for need in stage.needs):
                del waiting[key]
                board.started(stage)
                own = {folder: recorded[folder] for folder in stage.models.values()}
                return Job(key, WORK, Task(stage, out, own), stage.folder(out))
        return None

    try:
        with Pool(min(workers or default_workers(list(waiting.values())), len(waiting))) as pool:
            for event in pool.run(next_job):
                stage = by_key[event.key]
                if event.kind == "progress":
                    board.progress(stage, event)
                elif event.kind == "done":
                    stage.mark_done(out)
                    done.add(event.key)
                    times[stage.label] = round(event.seconds, 1)
                    board.finished(stage, event.seconds)
                else:
                    failures.append((stage, event))
                    board.failed(stage)
    finally:
        board.close()
        _keep_times(out, times)
    if failures:
        raise _failure(*failures[0], out)
    return Carried(before, times)


def _keep_times(out: Path, times: dict[str, float]) -> None:
    """Seconds per stage, apart from the results: those must be the same bytes each time."""
    if times:
        write_json(out / TIMES, {**recorded_times(out), **times})


def recorded_times(out: Path) -> dict[str, float]:
    """Seconds by the label of a stage, as measured in this folder; empty where they cannot be read."""
    path = out / TIMES
    try:
        found = read_object(path) if path.exists() else {}
    except UserError:  # the times of earlier runs are not part of the result
        return {}
    return {str(label): float(value) for label, value in found.items() if isinstance(value, int | float)}


def _failure(stage: Stage, event: Event, out: Path) -> UserError:
    error = event.error
    assert error is not None
    if event.trace:
        path = out / f"{stage.kind}-{stage.name}.traceback.txt"
        write_atomic(path, event.trace)
        error.fix = f"this is a defect of smallsteps: please report it; the traceback is in {path}"
    return UserError(f"{stage.label}: {error}", fix=None, code=error.code)
