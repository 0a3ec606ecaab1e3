"""Which fields of a row hold what: the `fields` section of a `benchmark.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smallsteps.config import Strict

AnswerAs = Literal["auto", "letter", "index", "index_from_1", "text"]


class StepFields(Strict):
    """Names of the fields of one gold step, where `steps` holds objects.

    Attributes:
        question: the sub-question.
        solution: the sentence that answers it.
        answer: the bare answer of the step.
        equation: its arithmetic without the result.
    """

    question: str = "question"
    solution: str = "solution"
    answer: str = "answer"
    equation: str = "equation"


class Fields(Strict):
    """Names of the fields of a row. A dot goes inside: `meta.id`, `question.stem`, `answers.0`.

    Attributes:
        question: the question; several fields (passage, question) are joined by a line break.
        answer: the gold answer. Of a text with `####`, the answer is what follows the last one; what precedes
            it is the gold rationale. Of a list, the first is the answer and the rest are accepted too.
        answer_as: how `answer` names the right option, for `kind: choice`: by its `letter` or label, by its
            `index` (from 0) or `index_from_1`, or by its `text`. `auto` takes a whole number as an index from
            0, a label or letter as such, anything else as the text; it refuses what can be read in two ways.
        choices: the options, for `kind: choice`: a list of texts, a list of objects with `label` and `text`,
            an object with the lists `label` and `text`, or an object of texts by label.
        rationale: gold reasoning as text.
        steps: gold sub-questions, in order: a list of texts, or of objects (see `step`).
        step: names of the fields of one step.
        cluster: problems with the same value vary together (one passage, one template).
        id: a name that is unique in its file; without it, problems are numbered.
        aliases: further accepted answers: a list, or one text.
        tags: labels to keep with a problem, as `tag: field`.
    """

    question: str | list[str] = "question"
    answer: str = "answer"
    answer_as: AnswerAs = "auto"
    choices: str | None = None
    rationale: str | None = None
    steps: str | None = None
    step: StepFields = StepFields()
    cluster: str | None = None
    id: str | None = None
    aliases: str | None = None
    tags: dict[str, str] = Field(default={})
