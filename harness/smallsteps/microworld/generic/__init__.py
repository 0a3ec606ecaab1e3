"""The generic suite: what a student can do beside word problems, and may lose when it specialises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from smallsteps.microworld.generic import lists, numbers, symbols
from smallsteps.microworld.generic.task import GenericTask
from smallsteps.problems import AnswerKind, Problem

TASKS: dict[str, GenericTask] = {
    task.name: task
    for task in sorted((*symbols.TASKS, *lists.TASKS, *numbers.TASKS), key=lambda task: task.name)
}


def stream(
    task: GenericTask, seed: str, owns: Callable[[str], bool], *, distinct: bool = True
) -> Iterator[Problem]:
    """Problems of one task without end (with `distinct`: until none is left, see `source`).

    Args:
        task: the task.
        seed: names the stream.
        owns: whether a signature (task and question) belongs to the wanted split.
        distinct: never the same question twice.
    """
    rng = Random(seed)
    seen: set[str] = set()
    misses, latest = 0, ""
    while misses < 20_000:  # a task with few questions runs dry instead of spinning
        misses += 1
        question, rationale, answer = task.make(rng)
        if task.kind is AnswerKind.BOOLEAN and answer == latest:
            continue  # yes and no in turn: exactly half of each
        if not owns(f"{task.name}:{question}") or (distinct and question in seen):
            continue
        latest = answer
        misses = 0
        name = f"{len(seen):05d}" if distinct else ""
        seen.add(question)
        yield Problem(
            id=name,
            question=question,
            answer=answer,
            kind=task.kind,
            rationale=rationale,
            cluster=task.name,
            options=task.options(question) if task.options else (),
            tags={"task": task.name},
        )


__all__ = ["TASKS", "GenericTask", "stream"]
