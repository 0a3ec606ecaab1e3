"""Thoughts that reasoning models write before they answer, in the marks of several model families."""

from __future__ import annotations

import re
from typing import NamedTuple


class Marks(NamedTuple):
    """What is written before and behind thoughts, white space included.

    An empty `opening` is part of the prompt already: until the closing mark comes, all is thought.
    """

    opening: str
    closing: str

    @property
    def bare(self) -> Marks:
        """Without the white space around them."""
        return Marks(self.opening.strip(), self.closing.strip())


class Parted(NamedTuple):
    """A text with its thoughts apart. `ended`: whether they end; nothing is said where they do not."""

    thoughts: str
    said: str
    ended: bool


MARKS = {
    "think": Marks("<think>\n", "\n</think>\n\n"),
    "begin_of_thought": Marks("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n"),
    # as gpt-oss writes them
    "channels": Marks(
        "<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"
    ),
}
# opening and closing mark; the text between them is not addressed to the reader
_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
)
_OPENING = re.compile("|".join(re.escape(opening) for opening, _ in _PAIRS), re.IGNORECASE)
_CLOSING = re.compile("|".join(re.escape(closing) for _, closing in _PAIRS), re.IGNORECASE)
_SOLUTION = re.compile(r"<\|(?:begin|end)_of_solution\|>")
# gpt-oss: every message names its channel; without special tokens, `analysis` and `assistantfinal` are left
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w{1,20})[^<]{0,80}<\|message\|>")
_BARE_ANALYSIS = re.compile(r"\s*analysis(?=[A-Z\d\"'(])")
_BARE_FINAL = "assistantfinal"
_TURN = re.compile(r"(?:<\|end\|>)?(?:<\|start\|>assistant)?\s*\Z")


def without_thoughts(response: str) -> str:
    """The response without its thoughts; empty where a thought never ends.

    A closing mark without an opening one ends a thought that began in the prompt. Of several final messages
    the last one counts.
    """
    return _parted(response)[1]


def unfinished(response: str) -> bool:
    """Whether the response is in its thoughts when it ends."""
    return not _parted(response)[2]


def parted(text: str, own: Marks | None = None) -> Parted:
    """Thoughts and answer of a text.

    Args:
        own: marks that are looked for first; those of the known families follow.
    """
    if own is not None:
        opening, closing = own.bare
        before, found, said = text.rpartition(closing)
        if found or not opening or opening in text:
            if not found or (opening and opening in said):
                return Parted(_without_start(text, opening), "", False)
            return Parted(_without_start(before, opening), said.strip(), True)
    thoughts, said, ended = _parted(text)
    if ended and not thoughts:
        return Parted("", said, True)
    opened = _OPENING.match(thoughts.lstrip())
    return Parted(thoughts.lstrip()[opened.end() if opened else 0 :].strip(), said.strip(), ended)


def _without_start(text: str, mark: str) -> str:
    text = text.strip()
    return text.removeprefix(mark).strip() if mark else text


def _parted(response: str) -> tuple[str, str, bool]:
    """Thoughts with the mark that opens them, what is said, and whether the thoughts end."""
    before, response, ended = _final_channel(response)
    if not ended:
        return before, "", False
    closings = list(_CLOSING.finditer(response))
    if closings:
        before += response[: closings[-1].start()]
        response = response[closings[-1].end() :]
    if _OPENING.search(response):
        return before + response, "", False
    return before, _SOLUTION.sub("\n", response), True


def _final_channel(response: str) -> tuple[str, str, bool]:
    channels = list(_CHANNEL.finditer(response))
    if channels:
        thoughts = _TURN.sub("", _CHANNEL.sub("", response))
        final = [match for match in channels if match[1] == "final"]
        if not final:
            return thoughts, "", False
        said = response[final[-1].end() :]
        return _TURN.sub("", _CHANNEL.sub("", response[: final[-1].start()])), said, True
    if bare := _BARE_ANALYSIS.match(response):
        before, found, said = response.rpartition(_BARE_FINAL)
        return (before[bare.end() :], said, True) if found else (response[bare.end() :], "", False)
    return "", response, True
