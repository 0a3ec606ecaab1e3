"""Thoughts that reasoning models write before they answer, in the marks of several model families."""

from __future__ import annotations

import re

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


def without_thoughts(response: str) -> str:
    """The response without its thoughts; empty where a thought never ends.

    A closing mark without an opening one ends a thought that began in the prompt. Of several final messages
    the last one counts.
    """
    response = _final_channel(response)
    closings = list(_CLOSING.finditer(response))
    if closings:
        response = response[closings[-1].end() :]
    if _OPENING.search(response):
        return ""
    return _SOLUTION.sub("\n", response)


def _final_channel(response: str) -> str:
    channels = list(_CHANNEL.finditer(response))
    if channels:
        final = [match for match in channels if match[1] == "final"]
        return response[final[-1].end() :] if final else ""
    if _BARE_ANALYSIS.match(response):
        return response.rpartition(_BARE_FINAL)[2] if _BARE_FINAL in response else ""
    return response
