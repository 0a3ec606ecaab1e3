"""Why the flexible rule and a published verdict differ on one output."""

from __future__ import annotations

import re

from real_outputs import Output

from smallsteps.answers import Extraction, Score, Verdict
from smallsteps.answers.find_choice import twins
from smallsteps.answers.numbers import clean, find_numbers
from smallsteps.answers.regions import regions, spoken
from smallsteps.problems import AnswerKind

UNEXPLAINED = "unexplained"


def cause(output: Output, score: Score, found: Extraction, flag: bool) -> str:
    """One sentence for the difference; `UNEXPLAINED` when no known cause fits, which a test forbids."""
    if output.kind is AnswerKind.SPAN:
        return _span(output, score)
    return _flag_too_generous(output, score, found) if flag else _flag_too_strict(output, score, found)


def _statement(output: Output) -> str:
    found = regions(spoken(clean(output.response)))
    return found[0].text if found else clean(output.response)


def _flag_too_generous(output: Output, score: Score, found: Extraction) -> str:
    if "several candidates" in found.how:
        return "several answers are offered; the flag takes the first, we take none"
    if score.flexible is Verdict.UNPARSED:
        if output.kind is AnswerKind.BOOLEAN:
            return "no yes or no is stated; the flag takes the word `no` (or `yes`) out of a later sentence"
        if re.search(r"\d:\d\d", _statement(output)):
            return "a time of day is stated; the flag takes its hours for a number"
        return UNEXPLAINED
    if output.kind is AnswerKind.NUMBER:
        statement = _statement(output)
        if "=" in statement:
            return "a sum is stated; the flag takes its first term, right by chance, we the result"
        if "/" in statement:
            return "a fraction is stated; the flag takes its numerator"
        if re.search(r"\d+ hours? and \d+ minutes?", statement):
            return "hours and minutes are stated; the flag takes the hours alone"
    return UNEXPLAINED


def equal_options(output: Output, letter: str) -> bool:
    """Whether the option of a letter stands in the list under the gold letter too."""
    return letter != output.gold and twins(letter, output.gold, output.choices)


def _flag_too_strict(output: Output, score: Score, found: Extraction) -> str:
    statement = _statement(output)
    if output.kind is AnswerKind.CHOICE and score.extracted and equal_options(output, score.extracted):
        return "two options have the same text; the flag wants the letter of one"
    if output.kind is AnswerKind.CHOICE and "option text" in found.how:
        return "the option's text is stated instead of its letter; the flag wants the letter"
    if output.kind is AnswerKind.TEXT and "-" in statement:
        return "the letters are joined by hyphens; the flag wants them without"
    if output.kind is not AnswerKind.NUMBER:
        return UNEXPLAINED
    if output.rule == "abel":
        return "a full stop behind the number; the flag compares texts"
    if output.rule == "gsm8k_ai_subq" and "Final answer:" not in output.response:
        return "no line `Final answer:`; the flag looks nowhere else"
    if "computed" in found.how:
        return "an expression is stated unevaluated; we compute it, the flag takes its first number"
    if re.search(r"=|\bequals\b", statement + _behind(output)):
        return "a sum is stated; the flag takes its first term, we the result"
    if "," in output.gold:
        return "the gold answer has a thousands comma; the flag compares texts"
    if not re.search(r"\d", statement):
        return "the answer is in words; the flag wants digits"
    if re.fullmatch(r"[( ]*(\d+)(, ?\1)+[) .]*", statement):
        return "one value stands in a list or tuple; the flag wants a lone number"
    if len(find_numbers(statement)) > 1:
        return "a sentence with several numbers is stated; the flag takes its first"
    if output.rule == "gsm8k_ai_subq":
        return "text or a sign between `Final answer:` and the number; the flag wants the number at once"
    return UNEXPLAINED


def _behind(output: Output) -> str:
    found = regions(spoken(clean(output.response)))
    return found[0].after[:120] if found else ""


def _span(output: Output, score: Score) -> str:
    if score.flexible is Verdict.RIGHT:
        if len(output.response.split()) > len(output.gold.split()) + 3:
            return "right inside a sentence or behind a marker; exact match reads the whole text"
        return "right up to articles, dates' order, units or punctuation; exact match wants the text"
    return UNEXPLAINED


def cover_cause(score: Score) -> str:
    """Why the flexible rule and "the gold answer occurs somewhere" differ."""
    if score.flexible is Verdict.RIGHT:
        return "the same date, quantity or list in another form; the words of the gold answer do not occur"
    return "the gold answer occurs, but the statement does not single it out"
