"""Where a response states its answer: `The answer is`, `####`, `\\boxed{}`, `Final answer:` and the like."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

_MOST = 16  # statements looked at; a response that repeats itself forever must not cost more
_NOTE = r"(?: ?\([^()\n]{0,60}\))?"
_TRIGGER = re.compile(
    # "the answer is", "the final answer (arabic numerals) is:", "the correct option would be"
    r"\b(?:the|my|our|final|correct) {1,2}"
    r"(?:(?:final|correct|right|best|overall|numerical|most likely) ){0,2}"
    rf"(?:answer|choice|option|result){_NOTE}(?: (?:to|for) (?:the|this|that|your) (?:question|problem))?"
    r"(?: (?:is|are|was|would be|should be|will be|must be|comes to|equals|cannot|can not)\b| ?=)(?: ?:)?"
    # "Answer:", "Final answer -", "**Answer**:"
    r"|(?:^|(?<=[\n.!?*#>;,(]))[ \t*_#>]{0,8}(?:(?:the|so|my) )?(?:final |correct |short )?"
    rf"(?:answer|solution|ans|result)(?: \d{{1,2}})?{_NOTE}[ *_]{{0,4}}(?:[:=]|->| -)"
    # a line "A: 18" as in GSM8K's example solutions
    r"|(?:^|(?<=\n))A ?:",
    re.IGNORECASE,
)
_HASHES = re.compile(r"####(?!#)")
_BOXED = re.compile(r"\\(?:boxed|fbox)(?: |\{)")
_FOLLOW_ON = re.compile(
    r"\n[ \t]{0,8}\n[ \t]{0,8}"
    r"(?:Q|Question|Problem|Input|Instruction|Human|User|### ?[A-Z][a-z]{1,20})[ \t]?:"
    r"|<\|im_(?:end|start)\|>|</s>|<\|endoftext\|>"
)
_TAGGED = re.compile(
    r"<answer>(.{0,400}?)(?:</answer>|$)|[\"']answer[\"'] ?: ?[\"']?([^\"'\n}]{1,200})",
    re.IGNORECASE | re.DOTALL,
)
_THOUGHT = re.compile(r"</think(?:ing)?>", re.IGNORECASE)
_THINKING = re.compile(r"<think(?:ing)?>", re.IGNORECASE)
_LEAD = re.compile(r"[\s:*_\"'`=-]{0,40}")
_SENTENCE_END = re.compile(
    r"(?<!\be\.g)(?<!\bi\.e)(?<!\bapprox)(?<!\bSt)(?<!\bMr)(?<!\bDr)(?<!\bMrs)(?<!\bNo)(?<!\b[A-Z])"
    r"(?<!\b[ap]\.m)[.!?](?=[\s\"')\]*]|$)|\n|(?<=\b[ap]\.m)\.(?=\s+[A-Z]|\s*$)"  # "at 5 p.m. on Sunday"
)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of the response that states the answer.

    Attributes:
        text: from behind the marker to the end of its sentence or line.
        after: what follows that sentence or line.
        how: the marker's name.
        start: the marker's place; later markers overrule earlier ones.
    """

    text: str
    after: str
    how: str
    start: int


def spoken(response: str) -> str:
    """The part of a response that is addressed to the reader.

    Thoughts between `<think>` and `</think>` are not, and thoughts cut off before they end leave nothing.
    What follows an invented next question of the prompt, or a chat mark, is not either.
    Only a question behind a blank line counts, since sub-questions of one solution follow each other
    on neighbouring lines; and only when something stands before it.
    """
    thoughts = list(_THOUGHT.finditer(response))
    if thoughts:
        response = response[thoughts[-1].end() :]
    elif _THINKING.search(response):
        return ""
    match = _FOLLOW_ON.search(response)
    if match and response[: match.start()].strip():
        return response[: match.start()]
    return response


def split_sentence(text: str) -> tuple[str, str]:
    """The first sentence or line of a text without leading colons, quotes and marks; and what follows it."""
    lead = _LEAD.match(text)
    begin = lead.end() if lead else 0
    if text[begin - 1 : begin] == "-" and begin and text[begin : begin + 1] in "0123456789$.":
        begin -= 1  # the dash is a minus sign
    match = _SENTENCE_END.search(text, begin)
    return (text[begin : match.start()], text[match.end() :]) if match else (text[begin:], "")


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


def _last_of(pattern: re.Pattern[str], text: str) -> deque[re.Match[str]]:
    return deque(pattern.finditer(text), maxlen=_MOST)


def regions(text: str) -> list[Region]:
    """The explicit answer statements of a text, the last first; of very many only the last ones."""
    found: list[Region] = []
    for match in _last_of(_BOXED, text):
        content = (
            _braced(text, match.end() - 1) if match[0].endswith("{") else text[match.end() :].split(" ")[0]
        )
        if content is not None:
            found.append(Region(content, "", "boxed", match.start()))
    for match in _last_of(_HASHES, text):
        line, _, after = text[match.end() :].lstrip().partition("\n")
        found.append(Region(line, after, "hashes", match.start()))
    found += [Region((m[1] or m[2] or "").strip(), "", "tag", m.start()) for m in _last_of(_TAGGED, text)]
    for match in _last_of(_TRIGGER, text):
        statement, after = split_sentence(text[match.end() :])
        how = "A:" if match[0][0] in "Aa" and len(match[0]) < 4 else "trigger"
        found.append(Region(statement, after, how, match.start()))
    return sorted(found, key=lambda region: region.start, reverse=True)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text that are not empty."""
    parts, begin = [], 0
    for match in _SENTENCE_END.finditer(text):
        parts.append(text[begin : match.start()])
        begin = match.end()
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip(" \t\n.\"'*)")]
