"""Scores of one lm-eval document: the `process_results` of every task file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from smallsteps.answers import FLEXIBLE_VERSION, STRICT_VERSION, Verdict, majority, score
from smallsteps.answers.compat import compat
from smallsteps.answers.drop import STOCK_RULE as DROP
from smallsteps.answers.drop import drop_scores
from smallsteps.answers.forms import FORMS_VERSION, is_malformed
from smallsteps.problems import AnswerKind, Form, FormName

SCORER = f"{FLEXIBLE_VERSION} {STRICT_VERSION} {FORMS_VERSION}"  # of generated text
LIKELIHOODS = "likelihood-1"
STATUSES = "status-2"  # thoughts that do not end are truncated
RULES = f"{SCORER} {LIKELIHOODS} {STATUSES}"  # a run graded by other rules is graded again


@dataclass(frozen=True, slots=True)
class Graded:
    """The verdict of the rules on one response.

    Attributes:
        right: under the flexible rule; strict: under the strict rule.
        malformed: it states an answer of a form that the task's answers never have, and is wrong.
        unparsed: it states no answer.
        extracted: the flexible rule's canonical answer, None when there is none.
    """

    right: bool
    strict: bool
    malformed: bool
    unparsed: bool
    extracted: str | None


def process_results(doc: dict[str, Any], results: Sequence[Any]) -> dict[str, float]:
    """`flexible`, `strict`, `malformed` and `unparsed` (0 or 1) of the response; several samples vote first.

    `tied` (0 or 1): a vote of several samples had no single winner; the first of the tied answers counts.
    `flexible_macro` is `flexible` again; groups of subtasks average it over subtasks, not over items.
    `em` and `f1` are DROP's published metric of the extracted answer, where the benchmark is scored by it.
    `compatible` is the verdict of stock lm-eval's rule, for benchmarks that it has.

    Args:
        doc: a document of `smallsteps.evaluation.docs`.
        results: the filtered response, or the list of all samples where the filter keeps them.
    """
    answer = results[0]
    response, tied = (answer, None) if isinstance(answer, str) else voted(doc, list(answer))
    graded = graded_once(doc, response)
    metrics = {
        "flexible": float(graded.right),
        "strict": float(graded.strict),
        "unparsed": float(graded.unparsed),
        "malformed": float(graded.malformed),
    }
    if tied is not None:
        metrics["tied"] = float(tied)
    if doc.get("stock"):
        metrics["compatible"] = float(compat(doc["stock"], response, doc["stock_gold"]).right)
    if doc.get("stock") == DROP:
        metrics["em"], metrics["f1"] = drop_scores(graded.extracted, doc["stock_gold"])
    if doc.get("averaged") == "subtasks":
        metrics["flexible_macro"] = metrics["flexible"]
    return metrics


def graded_once(doc: Mapping[str, Any], response: str) -> Graded:
    """The verdict on a response to a document, computed once for lm-eval's columns and our outcomes."""
    form = Form(FormName(doc.get("form") or FormName.TEXT), tuple(doc.get("labels") or ()))
    lists = (tuple(doc.get(name) or ()) for name in ("choices", "aliases", "options"))
    return _graded(response, doc["answer"], doc["kind"], form, *lists)


@lru_cache(maxsize=8192)
def _graded(
    response: str,
    answer: str,
    kind: str,
    form: Form,
    choices: tuple[str, ...],
    aliases: tuple[str, ...],
    options: tuple[str, ...],
) -> Graded:
    found = score(response, answer, AnswerKind(kind), choices, aliases)
    malformed = is_malformed(response, found.extracted, AnswerKind(kind), form, options)
    return Graded(
        right=found.flexible is Verdict.RIGHT and not malformed,
        strict=found.strict is Verdict.RIGHT and not malformed,
        malformed=malformed,
        unparsed=found.flexible is Verdict.UNPARSED and not malformed,
        extracted=found.extracted,
    )


def voted(doc: dict[str, Any], samples: Sequence[str]) -> tuple[str, bool]:
    """The first sample that gives the most frequent answer, and whether other answers are as frequent.

    Samples without an answer, or with one of a form that the task never has, do not vote, as everywhere else
    (`compare --samples-as majority`, the last line of `eval`). Without a vote the first sample counts.
    """
    graded = [graded_once(doc, sample) for sample in samples]
    answers = [None if one.malformed else one.extracted for one in graded]
    vote = majority(answers, AnswerKind(doc["kind"]))
    winner = samples[answers.index(vote.value)] if vote.value is not None else samples[0]
    return winner, len(vote.tied) > 1
