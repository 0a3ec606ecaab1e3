"""lm-eval's logged samples as outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smallsteps.answers import FLEXIBLE_VERSION, STRICT_VERSION, Verdict
from smallsteps.evaluation.scoring import graded_once
from smallsteps.outcomes import Outcome, Status
from smallsteps.schemes import Solution

SCORER = f"{FLEXIBLE_VERSION} {STRICT_VERSION}"
METRICS = ("exact_match", "acc", "em", "f1")  # of tasks that are not ours, the first one present


@dataclass(frozen=True, slots=True)
class Label:
    """Whose outcomes these are."""

    student: str
    seed: int | None


def outcomes_of(
    samples: Mapping[str, Sequence[Mapping[str, Any]]],
    solutions: Mapping[tuple[str, str, str], Sequence[Solution]],
    label: Label,
) -> Iterator[Outcome]:
    """One outcome for each sample of each document; lm-eval's filters have no part in them.

    Args:
        samples: lm-eval's logged samples by task.
        solutions: what was generated, by (task, item, prompt).
    """
    for task, rows in samples.items():
        first = rows[0]["filter"] if rows else None
        for row in rows:
            if row["filter"] != first:
                continue
            doc = row["doc"]
            if (
                isinstance(doc, Mapping)
                and "item" in doc
                and "kind" in doc
                and isinstance(row["resps"][0][0], str)
            ):
                known = solutions.get((task, doc["item"], row["arguments"][0][0]), ())
                yield from _own(task, row, known, label)
            else:
                yield _foreign(task, row, label)


def _own(task: str, row: Mapping[str, Any], solutions: Sequence[Solution], label: Label) -> Iterator[Outcome]:
    doc = row["doc"]
    for sample, response in enumerate(row["resps"][0]):
        solution = solutions[sample] if sample < len(solutions) else None
        graded = graded_once(doc, response)
        right = graded.flexible is Verdict.RIGHT
        yield Outcome(
            student=label.student,
            seed=label.seed,
            task=task,
            item=doc["item"],
            sample=sample,
            score=float(right),
            strict=float(graded.strict is Verdict.RIGHT),
            status=_status(graded.flexible, solution),
            cluster=doc.get("cluster"),
            prompt=row["prompt_hash"][:16],
            extracted=graded.extracted,
            gold=doc["answer"],
            tokens=solution.tokens if solution else None,
            scorer=SCORER,
        )


def _status(verdict: Verdict, solution: Solution | None) -> Status:
    if verdict is Verdict.RIGHT:
        return Status.OK
    if solution is not None and solution.stop == "length":
        return Status.TRUNCATED
    return Status.UNPARSED if verdict is Verdict.UNPARSED else Status.OK


def _foreign(task: str, row: Mapping[str, Any], label: Label) -> Outcome:
    """A sample of a task that is not ours: lm-eval's own metric is the score."""
    names = [name for name in METRICS if name in row] or list(row["metrics"])
    value = row.get(names[0]) if names else None
    return Outcome(
        student=label.student,
        seed=label.seed,
        task=task,
        item=row["doc_hash"][:16],
        score=float(value) if isinstance(value, (int, float)) else 0.0,
        status=Status.OK if isinstance(value, (int, float)) else Status.ERROR,
        prompt=row["prompt_hash"][:16],
        gold=str(row["target"]),
        scorer=f"lm-eval:{names[0]}" if names else None,
    )
