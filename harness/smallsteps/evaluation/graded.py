"""lm-eval's logged samples as outcomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from smallsteps.answers.thoughts import unfinished
from smallsteps.evaluation.scoring import LIKELIHOODS, SCORER, Graded, graded_once, voted
from smallsteps.outcomes import Outcome, Status
from smallsteps.problems import load_benchmark
from smallsteps.problems.tasks import LIKELIHOOD, parse_task
from smallsteps.schemes import Solution

METRICS = ("exact_match", "acc", "em", "f1")  # of tasks that are not ours, the first one present


@dataclass(frozen=True, slots=True)
class Label:
    """The student, seed and label of the outcomes."""

    student: str
    seed: int | None


def outcomes_of(
    samples: Mapping[str, Sequence[Mapping[str, Any]]],
    solutions: Mapping[tuple[str, str, str], Sequence[Solution]],
    label: Label,
    vote: bool = False,
) -> Iterator[Outcome]:
    """One outcome for each sample of each document; lm-eval's filters do not affect them.

    Args:
        samples: lm-eval's logged samples by task.
        solutions: what was generated, by (task, item, prompt).
        vote: one outcome for all samples of a document instead: their most frequent answer, the first of
            tied ones, with the tokens of all.
    """
    for task, rows in samples.items():
        first = rows[0]["filter"] if rows else None
        metric = likelihood_metric(task)
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
                found = list(_own(task, row, known, label))
                yield from [_voted(row, found)] if vote else found
            elif isinstance(doc, Mapping) and doc.get("options") and "item" in doc:
                yield _most_likely(task, row, label, metric)
            else:
                yield _foreign(task, row, label)


def _own(task: str, row: Mapping[str, Any], solutions: Sequence[Solution], label: Label) -> Iterator[Outcome]:
    doc = row["doc"]
    for sample, response in enumerate(row["resps"][0]):
        solution = solutions[sample] if sample < len(solutions) else None
        graded = graded_once(doc, response)
        yield Outcome(
            student=label.student,
            seed=label.seed,
            task=task,
            item=doc["item"],
            sample=sample,
            score=float(graded.right),
            strict=float(graded.strict),
            status=_status(graded, solution, response),
            cluster=doc.get("cluster"),
            prompt=row["prompt_hash"][:16],
            extracted=graded.extracted,
            gold=doc["answer"],
            tokens=solution.tokens if solution else None,
            scorer=SCORER,
        )


def _voted(row: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome whose answer most samples gave, as if it were the only one."""
    responses = list(row["resps"][0])
    winner = outcomes[responses.index(voted(row["doc"], responses)[0])]
    tokens = [outcome.tokens for outcome in outcomes if outcome.tokens is not None]
    return replace(winner, sample=0, tokens=sum(tokens) if len(tokens) == len(outcomes) else None)


def response_of(row: Mapping[str, Any]) -> str:
    """The answer in a logged sample: its text, or each option with its log-likelihood."""
    first = row["resps"][0][0]
    if isinstance(first, str):
        return first
    options = row["doc"].get("options") or [pair[1] for pair in _arguments(row)]
    return "\n".join(
        f"{float(answer[0][0]):9.3f}  {option}" for option, answer in zip(options, row["resps"], strict=True)
    )


def _arguments(row: Mapping[str, Any]) -> list[Sequence[Any]]:
    """Contexts and continuations, as lm-eval holds them or as it writes them."""
    asked = row["arguments"]
    return [list(one.values()) for one in asked.values()] if isinstance(asked, Mapping) else list(asked)


def _status(graded: Graded, solution: Solution | None, response: str) -> Status:
    if graded.right:
        return Status.OK
    if (solution is not None and solution.stop == "length") or unfinished(response):
        return Status.TRUNCATED
    if graded.malformed:
        return Status.MALFORMED
    return Status.UNPARSED if graded.unparsed else Status.OK


def likelihood_metric(task: str) -> str:
    """lm-eval's metric of items whose options are scored: the benchmark's, `acc` for tasks of others."""
    parts = parse_task(task)
    if parts is None or parts.variant != LIKELIHOOD:
        return METRICS[1]
    return load_benchmark(parts.benchmark).variant(LIKELIHOOD).metric


def _most_likely(task: str, row: Mapping[str, Any], label: Label, metric: str) -> Outcome:
    """An item whose options were scored: right if the most likely one is, by the metric of its benchmark.

    lm-eval's other metrics of the same item stay in its samples.
    """
    doc = row["doc"]
    sums = [float(one[0][0]) for one in row["resps"]]
    lengths = [len(option) if metric == "acc_norm" else 1 for option in doc["options"]]
    values = [total / length for total, length in zip(sums, lengths, strict=True)]
    return Outcome(
        student=label.student,
        seed=label.seed,
        task=task,
        item=doc["item"],
        score=float(row[metric]),
        status=Status.OK,
        cluster=doc.get("cluster"),
        prompt=row["prompt_hash"][:16],
        extracted=doc["options"][values.index(max(values))],
        gold=doc["options"][doc["gold"]],
        scorer=f"{LIKELIHOODS} {metric}",
    )


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
