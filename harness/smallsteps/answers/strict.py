"""The strict rule: the format that the prompt asked for, and nothing else.

`strict-1`: the response ends with `The answer is X.` or `So the answer is X.` (capitals as written, the full
stop optional, nothing but white space behind it), or the whole response is the bare X. X is, by kind:

* number: digits with an optional minus sign, well-formed thousands commas, decimals, or a fraction `3/4`;
* choice: one letter of the options, `B` or `(B)`;
* boolean: yes, no, true, false, valid or invalid, in any case;
* text and span: one line; bare, at most 40 words that are not sentences.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.answers.find_boolean import polarity
from smallsteps.answers.find_choice import LETTERS
from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import tidy
from smallsteps.answers.numbers import canonical, first_number
from smallsteps.problems import AnswerKind

_MARK = re.compile(r"(?<![^\s.!?:;)\]。])(?:The|So the) answer is ")
_TALK = re.compile(r"[.!?] +[A-Z]|\banswer is\b|\banswer:", re.IGNORECASE)  # a statement about the answer
_LONGEST_BARE = 40  # words
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,60})(?:\.\d{1,60})?|-?\d{1,40}/[1-9]\d{0,39}", re.ASCII)


def extract_strict(response: str, kind: AnswerKind, choices: Sequence[str] = ()) -> Extraction:
    """The answer when the response has exactly the format asked for, else None."""
    text = response.strip()
    mark = next(reversed(list(_MARK.finditer(text))), None)
    body, how = (text[mark.end() :], "The answer is") if mark else (text, "bare answer")
    if not body or "\n" in body:
        return Extraction(None, "format")
    if body.endswith(".") and body != ".":
        body = body[:-1]
    value = _value(body, kind, choices, bare=mark is None)
    return Extraction(value, how if value is not None else "format")


def _value(body: str, kind: AnswerKind, choices: Sequence[str], bare: bool) -> str | None:
    if kind is AnswerKind.NUMBER:
        if not _NUMBER.fullmatch(body):
            return None
        number = first_number(body)
        return canonical(number.value) if number else None
    if kind is AnswerKind.CHOICE:
        match = re.fullmatch(r"\(([A-Z])\)|([A-Z])", body)
        letter = (match[1] or match[2]) if match else None
        return letter if letter and (not choices or LETTERS.index(letter) < len(choices)) else None
    if kind is AnswerKind.BOOLEAN:
        return (
            polarity(body) if re.fullmatch(r"yes|no|true|false|valid|invalid", body, re.IGNORECASE) else None
        )
    if bare and (_TALK.search(body) or len(body.split()) > _LONGEST_BARE):
        return None
    value = tidy(body)
    return value if value.strip(" .,;:!?") else None
