"""A side file for what lm-eval's samples cannot hold: sub-questions, sub-answers, tokens, stop reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from smallsteps.files import write_jsonl
from smallsteps.schemes import Solution

Answer = tuple[str, str, Sequence[Solution]]


def write_solutions(path: Path, answers: Iterable[Answer]) -> None:
    """Write one JSON line a sample, keyed by task, item hash and sample number.

    Args:
        answers: (task, item, its samples).
    """
    rows = (
        {"task": task, "item": item, "sample": sample, **solution.as_dict()}
        for task, item, solutions in answers
        for sample, solution in enumerate(solutions)
    )
    write_jsonl(path, rows)
