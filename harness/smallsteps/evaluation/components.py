"""Our answer rules for any lm-eval task: the filter `smallsteps_answer` and the metric `smallsteps_match`.

    filter_list:
      - name: answer
        filter: [{function: smallsteps_answer, kind: number}, {function: take_first}]
    metric_list:
      - {metric: smallsteps_match, kind: number}

`smallsteps lm-eval` registers both; an lm-eval that reads entry points finds them by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import lm_eval.api.metrics  # noqa: F401  (registers the aggregation that a metric names)
from lm_eval.api.filter import Filter
from lm_eval.api.registry import register_filter, register_metric

from smallsteps.answers import extract
from smallsteps.answers.equality import equal
from smallsteps.errors import unknown_name
from smallsteps.problems import AnswerKind

UNPARSED = "[invalid]"  # lm-eval's own word for a response without an answer


@register_filter("smallsteps_answer")
class AnswerFilter(Filter):  # type: ignore[misc]
    """Replaces each response by the answer that the flexible rule finds, or by `[invalid]`.

    Args:
        kind: `number`, `choice`, `boolean`, `text` or `span`.
        choices: the field of the document that holds the texts of the options, for `choice`.
    """

    def __init__(self, kind: str = "number", choices: str = "choices", **options: Any) -> None:
        super().__init__(**options)
        self.kind, self.choices = answer_kind(kind), choices

    def apply(self, resps: Iterable[Sequence[str]], docs: Sequence[dict[str, Any]]) -> list[list[str]]:
        """Answers in the order of the responses, one list for each document."""
        return [
            [extract(text, self.kind, self._options(doc)).value or UNPARSED for text in texts]
            for texts, doc in zip(resps, docs, strict=True)
        ]

    def _options(self, doc: dict[str, Any]) -> Sequence[str]:
        found = doc.get(self.choices) or ()
        found = found.get("text", ()) if isinstance(found, dict) else found  # ARC's layout
        return [str(option) for option in found]


@register_metric(metric="smallsteps_match", higher_is_better=True, aggregation="mean")  # type: ignore[untyped-decorator]
def match(references: Sequence[str], predictions: Sequence[str], kind: str = "number") -> float:
    """1 where the prediction is one of the references by the rules of this kind of answer, else 0."""
    chosen = answer_kind(kind)
    return float(
        any(
            equal(str(prediction), str(gold), chosen)
            for prediction in predictions
            if prediction != UNPARSED
            for gold in references
        )
    )


def answer_kind(name: str) -> AnswerKind:
    """The kind of this name.

    Raises:
        UserError: there is none.
    """
    if name not in set(AnswerKind):
        raise unknown_name("kind of answer", name, AnswerKind)
    return AnswerKind(name)
