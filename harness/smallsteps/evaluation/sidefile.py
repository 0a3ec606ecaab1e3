"""What lm-eval's sample files have no place for: sub-questions, sub-answers, tokens and stop reasons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smallsteps.evaluation.requests import Ask
from smallsteps.files import write_jsonl
from smallsteps.schemes import Solution


def solution_rows(asks: Sequence[Ask], solved: Sequence[Sequence[Solution]]) -> Iterator[dict[str, Any]]:
    """One object a sample, keyed by task, item hash and sample."""
    for ask, row in zip(asks, solved, strict=True):
        for sample, solution in enumerate(row):
            yield {"task": ask.task, "item": ask.item, "sample": sample, **asdict(solution)}


def write_solutions(path: Path, asks: Sequence[Ask], solved: Sequence[Sequence[Solution]]) -> None:
    """Write the side file as JSON lines."""
    write_jsonl(path, solution_rows(asks, solved))
