"""The closing answer sentence of a rationale: found, and cut off, since every scheme appends its own."""

from __future__ import annotations

import re

_LEAD = re.compile(r"\A\s*(?:A:|Answer:|Solution:|Rationale:|Proof:)\s*", re.IGNORECASE)
_MARK = re.compile(r"(?:####|-->)[^\n]{0,200}\Z")
_BREAK = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")
_CLOSING = re.compile(
    r"(?:[*_#\[]{0,4})"
    r"(?:(?:So|Thus|Therefore|Hence|Then|And|In conclusion|Finally|Conclusion)\b,?:?\s*)?(?:so\s+)?"
    r"(?:(?:the|your|our|my)\s+)?(?:final\s+|correct\s+|right\s+)?(?:answer|choice|option)"
    r"(?:\s*\([^()\n]{0,40}\))?[\]*_]{0,3}"
    r"(?:\s+(?:is|was|would be|must be|should be)\b|\s*[:=])",
    re.IGNORECASE,
)
_TAIL = 800  # characters from the end that can hold closing sentences; keeps the search linear


def trim_lead(text: str) -> str:
    """The text without an opening label such as `A:` or `Solution:`."""
    return _LEAD.sub("", text).strip()


def cut_closing(text: str) -> str:
    """The reasoning without its last sentences, where these state the answer (`The answer is 5.`).

    A sentence that answers in the problem's own words (`Melissa played 3 games.`) is reasoning and stays.
    """
    for _ in range(3):  # "So the answer is 5.\nThe answer is 5." and the like
        text = text.rstrip()
        start = max(0, len(text) - _TAIL)
        tail = text[start:]
        marked = _MARK.search(tail)
        if marked:
            text = text[: start + marked.start()]
            continue
        begins = [0, *(b.end() for b in _BREAK.finditer(tail) if b.end() < len(tail))]
        last = tail[begins[-1] :]
        before = tail[begins[-2] : begins[-1]].rstrip() if len(begins) > 1 else ""
        stated = _CLOSING.match(before)
        if stated and before[stated.end() :].strip(" :*") == "":  # "Answer:" and the answer on its own line
            text = text[: start + begins[-2]]
        elif _CLOSING.match(last):
            text = text[: start + begins[-1]]
        else:
            break
    return text.rstrip()
