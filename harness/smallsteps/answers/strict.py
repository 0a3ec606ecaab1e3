"""The strict rule: the format that the prompt asked for, and nothing else.

`strict-1`: the response ends with `The answer is X.` or `So the answer is X.` (capitals as written, the full
stop optional, nothing but white space behind it), or the whole response is the bare X. X is, by kind:

* number: digits with an optional minus sign, well-formed thousands commas, decimals, or a fraction `3/4`;
* choice: one letter of the options, `B` or `(B)`;
* boolean: yes, no, true, false, valid or invalid, in any case;
* text and span: one line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.answers.find_boolean import polarity
from smallsteps.answers.find_choice import LETTERS
from smallsteps.answers.find_number import as_fraction
from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import tidy
from smallsteps.answers.numbers import canonical
from smallsteps.problems import AnswerKind

_MARK = re.compile(r"(?:^|(?<=\s))(?:The|So the) answer is ")
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+|\d{1,60})(?:\.\d{1,60})?|-?\d{1,40}/\d{1,40}")


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
        parsed = as_fraction(body)
        return canonical(parsed[0]) if parsed else None
    if kind is AnswerKind.CHOICE:
        match = re.fullmatch(r"\(([A-Z])\)|([A-Z])", body)
        letter = (match[1] or match[2]) if match else None
        return letter if letter and (not choices or LETTERS.index(letter) < len(choices)) else None
    if kind is AnswerKind.BOOLEAN:
        return (
            polarity(body) if re.fullmatch(r"yes|no|true|false|valid|invalid", body, re.IGNORECASE) else None
        )
    if bare and len(body.split()) > 12:
        return None  # a sentence or more: the bare answer was asked for
    return tidy(body) or None
