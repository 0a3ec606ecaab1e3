"""What the answers of a benchmark look like, and which answers an item allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from smallsteps.problems.model import AnswerKind, Problem


class FormName(StrEnum):
    """The form of an answer; `smallsteps.answers.forms` decides whether an answer has it."""

    NUMBER = "number"
    INTEGER = "integer"
    CHOICE = "choice"  # the letter of an option
    YES_NO = "yes_no"
    CLOSED = "closed"  # one of a fixed list of labels, or one of the answers that an item names
    LIST = "list"  # one or more words
    BRACKETS = "brackets"
    TEXT = "text"  # anything


@dataclass(frozen=True, slots=True)
class Form:
    """A form; `labels` are the answers of a closed form, empty where each item names its own."""

    name: FormName
    labels: tuple[str, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether the answer is one of a few that are known beforehand."""
        return self.name in (FormName.CHOICE, FormName.YES_NO, FormName.CLOSED)


DEFAULT: Mapping[AnswerKind, FormName] = {
    AnswerKind.NUMBER: FormName.NUMBER,
    AnswerKind.CHOICE: FormName.CHOICE,
    AnswerKind.BOOLEAN: FormName.YES_NO,
    AnswerKind.TEXT: FormName.TEXT,
    AnswerKind.SPAN: FormName.TEXT,
}


def form_of_entry(entry: str | Sequence[str]) -> Form:
    """A form as `benchmark.yaml` writes it: its name, or the list of labels of a closed one."""
    if isinstance(entry, str):
        return Form(FormName(entry))
    return Form(FormName.CLOSED, tuple(entry))


def options_of(problem: Problem, form: Form) -> tuple[str, ...]:
    """The answers that an item allows, in the benchmark's own words; empty where the answer is open."""
    if not form.closed:
        return ()
    if problem.options:
        return problem.options
    if form.name is FormName.CHOICE:
        return problem.choices
    if form.name is FormName.YES_NO:
        return ("Yes", "No") if problem.answer[:1].isupper() else ("yes", "no")
    return form.labels
