"""Scores that follow from responses, by the code that scores a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.docs import Document
from smallsteps.evaluation.graded import Label, likelihood_metric, outcomes_of
from smallsteps.leaderboard.answers import Answer
from smallsteps.outcomes import Outcome
from smallsteps.problems.tasks import LIKELIHOOD, parse_task
from smallsteps.schemes import Solution

TOLERANCE = 1e-9


def regrade(task: str, answers: Sequence[Answer], documents: Mapping[str, Document]) -> list[Outcome]:
    """Outcomes of the answers of one task and seed, in their order; each must have a response.

    The question, the right answer and the rules are the benchmark's; of an entry only the response counts.

    Raises:
        UserError: an item that the task does not have, or likelihoods that do not fit its options.
    """
    rows, solutions = [], {}
    metric, parts = likelihood_metric(task), parse_task(task)
    by_likelihood = parts is not None and parts.variant == LIKELIHOOD
    for item, group in groupby(answers, key=lambda answer: answer.item):
        if item not in documents:
            raise UserError(f"item '{item}' is not an item of task '{task}'", code=DATA)
        doc, samples = documents[item], list(group)
        for sample in samples:
            _check_kind(task, sample, by_likelihood)
        if by_likelihood:
            rows.append(_likelihood_row(metric, doc, samples[0]))
            continue
        texts = [sample.response or "" for sample in samples]
        rows.append({"filter": "none", "doc": doc, "resps": [texts], "arguments": [[""]], "prompt_hash": ""})
        solutions[task, item, ""] = [
            Solution(text, sample.tokens or 0, "length" if sample.stop == "length" else "eos")
            for text, sample in zip(texts, samples, strict=True)
        ]
    found = outcomes_of({task: rows}, solutions, Label("", answers[0].seed if answers else None))
    return list(found)


def _check_kind(task: str, answer: Answer, by_likelihood: bool) -> None:
    """Refuse a text where a task compares likelihoods, likelihoods where it asks for a text, and both.

    Raises:
        UserError: see above; or several samples of one item of a task that compares likelihoods.
    """
    given = (answer.response is None, answer.likelihoods is not None)
    if given != (by_likelihood, by_likelihood) or (by_likelihood and answer.sample):
        asked = (
            "the log-likelihood of each option, once" if by_likelihood else "a response, and no likelihoods"
        )
        raise UserError(f"item '{answer.item}' of {task} must have {asked}", code=DATA)


def _likelihood_row(metric: str, doc: Document, answer: Answer) -> dict[str, object]:
    """A row as lm-eval logs it; its metric is right where the most likely option is the right one."""
    sums = list(answer.likelihoods or ())
    options = doc["options"]
    if len(sums) != len(options):
        raise UserError(
            f"item '{answer.item}' has {len(sums)} log-likelihoods for {len(options)} options", code=DATA
        )
    lengths = [len(option) if metric == "acc_norm" else 1 for option in options]
    values = [total / length for total, length in zip(sums, lengths, strict=True)]
    right = float(values.index(max(values)) == doc["gold"])
    return {
        "filter": "none",
        "doc": doc,
        "resps": [[[total, "False"]] for total in sums],
        "arguments": [],
        "prompt_hash": "",
        metric: right,
    }


def first_lie(answers: Sequence[Answer], outcomes: Sequence[Outcome]) -> str | None:
    """The first score or status that does not follow from its response, in words; None where all do."""
    for claimed, found in zip(answers, outcomes, strict=True):
        if abs(claimed.score - found.score) > TOLERANCE or claimed.status != found.status:
            return (
                f"item '{claimed.item}' of {claimed.task} (seed {claimed.seed}, sample {claimed.sample}) "
                f"claims score {claimed.score:g} ({claimed.status}), but its response scores "
                f"{found.score:g} ({found.status})"
            )
    return None
