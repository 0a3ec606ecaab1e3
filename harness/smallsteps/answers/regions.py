"""Where a response states its answer: `The answer is`, `####`, `\\boxed{}`, `Final answer:` and the like."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from smallsteps.answers.thoughts import without_thoughts

_MOST = 16  # statements looked at; a response that repeats itself forever must not cost more
_LONGEST_PREAMBLE = 1500  # characters before a restated question
_NOTE = r"(?: ?\([^()\n]{0,60}\))?"
_TRIGGER = re.compile(
    # "the answer is", "the final answer (arabic numerals) is:", "the correct option would be"
    r"\b(?:the|my|our|final|correct) {1,2}"
    r"(?:(?:final|correct|right|best|overall|numerical|most likely) ){0,2}"
    rf"(?:answer|choice|option|result){_NOTE}(?: (?:to|for) (?:the|this|that|your) (?:question|problem))?"
    r"(?: (?:is|are|was|would be|should be|will be|must be|comes to|equals|cannot|can not)\b| ?=)(?: ?:)?"
    # "Answer:", "Final answer -", "**Answer**:"
    r"|(?P<label>(?:^|(?<=[\n.!?*#>;,(]))[ \t*_#>]{0,8}(?:(?:the|so|my) )?(?:final |correct |short )?"
    rf"(?:answer|solution|ans|result)(?: \d{{1,2}})?{_NOTE}[ *_]{{0,4}}(?:[:=]|->| -)"
    # a line "A: 18" as in GSM8K's example solutions
    r"|(?:^|(?<=\n))A ?:)",
    re.IGNORECASE,
)
_HASHES = re.compile(r"####(?!#)")
_BOXED = re.compile(r"\\(?:boxed|fbox)(?: |\{)")
_ASKED = (
    r"(?:Q|Question|Problem|Input|Instruction|Human|User|### ?[A-Z][a-z]{1,20}"
    r"|#{1,4} (?:Question|Problem|Instruction|Input))[ \t]?:"
)
_FOLLOW_ON = re.compile(
    # a new question behind a blank line, or on the next line where `#### N` has ended the solution
    rf"\n[ \t]{{0,8}}\n[ \t]{{0,8}}{_ASKED}"
    rf"|(?<!#)####[ \t]{{0,8}}[-$(\d][^\n]{{0,60}}(?P<next>\n)[ \t]{{0,8}}{_ASKED}"
    r"|<\|im_(?:end|start)\|>|</s>|<\|endoftext\|>|<\|eot_id\|>|<\|(?:return|end)\|>"
)
# headings of a worked layout, which may restate the question before it works on it
_GIVEN = re.compile(
    r"(?:^|\n)[ \t*#]{0,8}(?:Given|Variables|(?:Relevant|Known|Intermediate) [A-Za-z ]{1,30}|Known)\b"
    r"[^\n:]{0,40}:"
)
_TAGGED = re.compile(
    r"<answer>(.{0,400}?)(?:</answer>|$)|[\"']answer[\"'] ?: ?(?:\"([^\"\n}]{1,200})|'?([^\"'\n}]{1,200}))",
    re.IGNORECASE | re.DOTALL,
)
_LIST_LABEL = re.compile(
    r"[\s:*_\"'`=-]{0,40}(?:step \d{1,2} ?[.:)]|\(?(?P<item>\d{1,2})[.)](?=[ \t]+\S))[ \t*]{0,8}",
    re.IGNORECASE,
)
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
        how: the marker's name: boxed, hashes, tag, trigger ("the answer is") or label ("Answer:").
        start: the marker's place; later markers overrule earlier ones.
        passage: behind a trigger or label, all that follows it.
        single_letter: whether the marker is `A:`.
    """

    text: str
    after: str
    how: str
    start: int
    passage: str = ""
    single_letter: bool = False

    @property
    def listed(self) -> bool:
        """Whether the passage is a list: it opens with `1.` or `Step 1:`."""
        return without_label(self.passage) is not self.passage

    @property
    def own_line(self) -> bool:
        """Whether the marker is a heading: only punctuation follows it on its line."""
        return not self.passage.partition("\n")[0].strip(" \t:*_#")


def spoken(response: str) -> str:
    """The part of a response that is addressed to the reader.

    Thoughts are removed (`answers.thoughts`); a thought that never ends leaves nothing. The response ends at
    a chat mark and where the model starts a new question: behind a blank line, since
    sub-questions of one solution follow each other on neighbouring lines, or behind a line `#### N`. Text
    that opens with such a question, or that restates it below `Given:` before any answer, is kept.
    """
    response = without_thoughts(response)
    for match in _FOLLOW_ON.finditer(response):
        end = match.start("next") if match["next"] else match.start()
        said = response[:end]
        if not said.strip() or (len(said) < _LONGEST_PREAMBLE and _GIVEN.search(said) and not regions(said)):
            continue
        return said
    return response


def split_sentence(text: str) -> tuple[str, str]:
    """The first sentence or line of a text without leading colons, quotes and marks; and what follows it."""
    lead = _LEAD.match(text)
    begin = lead.end() if lead else 0
    if text[begin - 1 : begin] == "-" and begin and text[begin : begin + 1] in "0123456789$.":
        begin -= 1  # the dash is a minus sign
    match = _SENTENCE_END.search(text, begin)
    return (text[begin : match.start()], text[match.end() :]) if match else (text[begin:], "")


def without_label(text: str) -> str:
    """The text without the label that opens it: `Step 2:`, or `1.` where a `2.` follows on a later line.

    Below a heading, a lone `1.` before a sentence that contains a number is a label too.
    """
    label = _LIST_LABEL.match(text)
    if label is None:
        return text
    rest = text[label.end() :]
    if label["item"] and not re.search(rf"\n[ \t*]{{0,8}}\(?{int(label['item']) + 1}[.)][ \t]", rest):
        heading = "\n" in text[: label.end()]
        if not (heading and re.match(r"[A-Za-z][^\n]{0,200}\d", rest)):
            return text
    return rest


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
    found += [
        Region((m[1] or m[2] or m[3] or "").strip(), "", "tag", m.start()) for m in _last_of(_TAGGED, text)
    ]
    for match in _last_of(_TRIGGER, text):
        statement, after = split_sentence(without_label(text[match.end() :]))
        how = "label" if match["label"] is not None else "trigger"
        found.append(
            Region(
                statement,
                after,
                how,
                match.start(),
                text[match.end() :],
                match[0][0] in "Aa" and len(match[0]) < 4,
            )
        )
    return sorted(found, key=lambda region: region.start, reverse=True)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text that are not empty."""
    parts, begin = [], 0
    for match in _SENTENCE_END.finditer(text):
        parts.append(text[begin : match.start()])
        begin = match.end()
    parts.append(text[begin:])
    return [part.strip() for part in parts if part.strip(" \t\n.\"'*)")]
