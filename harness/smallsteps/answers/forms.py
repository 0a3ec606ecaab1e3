"""Whether an answer has the form that the benchmark's answers have.

`forms-1`: a bare number does not answer a question that asks for yes or no, for words or for brackets, even
where it could be read so (`1` for yes). A label that the benchmark does not have is not one of its answers.
An answer that cannot be read as the benchmark's kind, but is plainly of another, has another form. In all
other cases the answer keeps its verdict: right, wrong or unparsed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.answers.equality import equal
from smallsteps.answers.find_boolean import polarity
from smallsteps.answers.find_choice import gold_letter
from smallsteps.answers.find_text import extract_text
from smallsteps.answers.numbers import first_number
from smallsteps.problems import AnswerKind, Form, FormName

FORMS_VERSION = "forms-1"
_NUMERIC = re.compile(r"(?=\D*\d)[\d\s+\-*/=.,:%$€£()]{1,200}")  # a number, or a calculation
_LETTER = re.compile(r"\(?[A-Z]\)?")
_WORDS = re.compile(r"(?=[^a-zA-Z]*[a-zA-Z])\D+")  # letters somewhere, digits nowhere
_BRACKETS = re.compile(r"[\s()\[\]{}<>]*[()\[\]{}<>][\s()\[\]{}<>]*")
_NUMBERS = (FormName.NUMBER, FormName.INTEGER)


def is_malformed(
    response: str, answer: str | None, kind: AnswerKind, form: Form, options: Sequence[str] = ()
) -> bool:
    """Whether a response states an answer, and one of a form that this benchmark's answers never have.

    Args:
        response: what the model wrote.
        answer: what the flexible rule extracted as the item's kind; None when nothing.
        kind: the item's answer kind.
        form: of the benchmark's or subtask's answers.
        options: the answers that the item allows, where they are a closed set.
    """
    if form.name is FormName.TEXT:
        return False
    if kind in (AnswerKind.TEXT, AnswerKind.SPAN):
        return answer is not None and not has_form(answer, kind, form, options)
    stated = extract_text(response).value
    if stated is not None and kind is AnswerKind.BOOLEAN and is_numeric(stated):
        return True
    if answer is not None:
        return not has_form(answer, kind, form, options)
    plain = plain_form(stated) if stated is not None else None
    return plain is not None and plain is not form.name and not (plain in _NUMBERS and form.name in _NUMBERS)


def has_form(answer: str, kind: AnswerKind, form: Form, options: Sequence[str] = ()) -> bool:
    """Whether an extracted answer has a form. Labels are compared as the kind compares answers."""
    name = form.name
    if name in _NUMBERS:
        found = first_number(answer)
        return found is not None and (name is FormName.NUMBER or found.value.denominator == 1)
    if name is FormName.CHOICE:
        return gold_letter(answer, options) is not None or not is_numeric(answer)
    if name is FormName.YES_NO:
        return polarity(answer) is not None and not is_numeric(answer)
    if name is FormName.CLOSED:
        if form.labels:
            return any(equal(answer, label, kind) for label in form.labels)
        return all(map(is_numeric, options)) or not is_numeric(answer)
    if name is FormName.LIST:
        return _WORDS.fullmatch(answer) is not None
    if name is FormName.BRACKETS:
        return _BRACKETS.fullmatch(answer) is not None
    return True


def is_numeric(text: str) -> bool:
    """Whether a text is a number or a calculation, without words."""
    return _NUMERIC.fullmatch(text) is not None


def plain_form(text: str) -> FormName | None:
    """The form of a text that can have only one: a number, a letter, yes or no, brackets; else None."""
    if is_numeric(text):
        return FormName.NUMBER
    if _LETTER.fullmatch(text):
        return FormName.CHOICE
    if polarity(text) is not None:
        return FormName.YES_NO
    return FormName.BRACKETS if _BRACKETS.fullmatch(text) else None
