"""Where a response states its answer: markers such as `The answer is`, `####`, `\\boxed{}`, `Final answer:`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TRIGGER = re.compile(
    # "the answer is", "the final answer (arabic numerals) is:", "the correct option would be"
    r"\b(?:the|my|our|final|correct) {1,2}(?:(?:final|correct|right|best|overall|numerical|most likely) ){0,2}"
    r"(?:answer|choice|option|result)(?: ?\([^()\n]{0,60}\))?(?: (?:to|for) (?:the|this|that|your) (?:question|problem))?"
    r"(?: (?:is|are|was|would be|should be|will be|must be|comes to|equals)\b| ?=)(?: ?:)?"
    # "Answer:", "Final answer -", "**Answer**:"
    r"|(?:^|(?<=[\n.!?*#>;,(]))[ \t*_#>]{0,8}(?:(?:the|so|my) )?(?:final |correct |short )?(?:answer|solution|ans|result)"
    r"(?: ?\([^()\n]{0,60}\))?[ *_]{0,4}(?:[:=]|->| -)"
    # a line "A: 18" as in GSM8K's example solutions
    r"|(?:^|(?<=\n))A ?:",
    re.IGNORECASE,
)
_HASHES = re.compile(r"####(?!#)")
_BOXED = re.compile(r"\\(?:boxed|fbox)(?: |\{)")
_BLANK_LINE_QUESTION = re.compile(
    r"\n[ \t]{0,8}\n[ \t]{0,8}(?:Q|Question|Problem|Input|Instruction|Human|User|### ?[A-Z][a-z]+)[ \t]?:|<\|im_(?:end|start)\|>|</s>|<\|endoftext\|>"
)
_LEAD = re.compile(r"[\s:*_\"'`=>-]{0,40}")
_SENTENCE_END = re.compile(
    r"(?<![A-Z])(?:(?<!\be\.g)(?<!\bi\.e)(?<!\bapprox)(?<!\bSt)(?<!\bMr)(?<!\bDr)(?<!\bMrs)(?<!\bNo))[.!?](?=[\s\"')\]*]|$)|\n"
)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of the response that states the answer.

    Attributes:
        text: from behind the marker to the end of its sentence or line.
        rest: everything behind the marker.
        how: the marker's name.
        start: the marker's place; later markers overrule earlier ones.
    """

    text: str
    rest: str
    how: str
    start: int


def cut_follow_on(response: str) -> str:
    """The response up to the point where the model goes on to invent the next question of the prompt.

    Only a question behind a blank line counts, since sub-questions of one solution follow each other
    on neighbouring lines; and only when something stands before it.
    """
    match = _BLANK_LINE_QUESTION.search(response)
    if match and response[: match.start()].strip():
        return response[: match.start()]
    return response


def sentence(text: str) -> str:
    """The first sentence or line of a text, without leading colons, quotes and marks."""
    lead = _LEAD.match(text)
    begin = lead.end() if lead else 0
    while begin > 0 and text[begin - 1] == "-" and text[begin : begin + 1].isdigit():
        begin -= 1  # the dash is a minus sign
    match = _SENTENCE_END.search(text, begin)
    return text[begin : match.start()] if match else text[begin:]


def _braced(text: str, start: int) -> str | None:
    """The content of the brace group that opens at `start`, None when it never closes."""
    depth = 0
    for place in range(start, min(len(text), start + 2000)):
        if text[place] == "{":
            depth += 1
        elif text[place] == "}":
            depth -= 1
            if depth == 0:
                return text[start + 1 : place]
    return None


def regions(text: str) -> list[Region]:
    """All explicit answer statements of a text, the last first."""
    found: list[Region] = []
    for match in _BOXED.finditer(text):
        content = (
            _braced(text, match.end() - 1) if match[0].endswith("{") else text[match.end() :].split(" ")[0]
        )
        if content is not None:
            found.append(Region(content, content, "boxed", match.start()))
    for match in _HASHES.finditer(text):
        rest = text[match.end() :]
        found.append(Region(rest.strip().split("\n")[0], rest, "hashes", match.start()))
    for match in _TRIGGER.finditer(text):
        rest = text[match.end() :]
        how = "A:" if match[0].upper().startswith("A:") else "trigger"
        found.append(Region(sentence(rest), rest, how, match.start()))
    return sorted(found, key=lambda region: region.start, reverse=True)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text that are not empty."""
    parts, begin = [], 0
    for match in _SENTENCE_END.finditer(text):
        parts.append(text[begin : match.start()])
        begin = match.end()
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip(" \t\n.\"'*)")]
