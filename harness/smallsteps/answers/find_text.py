"""Yes-or-no answers, free text and spans."""

from __future__ import annotations

import re

from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import tidy
from smallsteps.answers.regions import cut_follow_on, regions, sentences

YES = {"yes", "true", "valid", "plausible", "correct", "y", "t", "yeah", "yep", "1"}
NO = {"no", "false", "invalid", "implausible", "incorrect", "n", "f", "nope", "0"}
_POLARITY = re.compile(
    r"\b(?:(?P<not>not |isn't |n't )(?P<inner>true|false|valid|plausible|correct|incorrect|yes|no)"
    r"|(?P<word>yes|no|true|false|valid|invalid|plausible|implausible|correct|incorrect|yeah|yep|nope))\b(?!-)",
    re.IGNORECASE,
)
# "no" before a noun is a determiner ("there is no way"), not an answer
_ANSWERING_NO = re.compile(
    r"\s*(?:$|[.,;:!?\n)\"'*\]-]|because\b|since\b|as\b|it\b|he\b|she\b|they\b|the\b|\()", re.IGNORECASE
)
_COPULA = re.compile(
    r"\b(?:is|was|are|were|be|by|called|named|equals)\b(?: called| named)?:? ", re.IGNORECASE
)
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{1,200})[\"”]")


def _polarities(text: str) -> list[str]:
    found = []
    for match in _POLARITY.finditer(text):
        word = (match["inner"] or match["word"]).lower()
        if word == "no" and not match["not"] and not _ANSWERING_NO.match(text, match.end()):
            continue
        answer = "yes" if word in YES else "no"
        if match["not"]:
            answer = "no" if answer == "yes" else "yes"
        found.append(answer)
    return found


def polarity(text: str) -> str | None:
    """`yes` or `no` for a gold answer such as `True`, `no` or `valid`; None when it is neither."""
    word = tidy(text).casefold()
    return "yes" if word in YES else "no" if word in NO else None


def extract_boolean(response: str) -> Extraction:
    """The flexible rule for yes or no; true/false, valid/invalid and the like are read as yes/no."""
    text = cut_follow_on(response).replace("**", "")
    for region in regions(text):
        found = _polarities(region.text) or ([whole] if (whole := polarity(region.text)) else [])
        if found:
            if len(set(found)) > 1 and re.search(
                r"\b(?:yes|true) (?:or|and|/) (?:no|false)\b", region.text, re.IGNORECASE
            ):
                return Extraction(None, f"{region.how}: several candidates")
            return Extraction(found[0], f"{region.how}: word")
    lead = re.match(
        r"[\s\"'*(]{0,8}(yes|no|true|false|yeah|yep|nope)\b(?=[\s\"'*)]{0,4}(?:[.,;:!\n-]|$|because|since))",
        text,
        re.IGNORECASE,
    )
    if lead:
        return Extraction("yes" if lead[1].lower() in YES else "no", "answer first")
    parts = sentences(text)
    for part in reversed(parts[-2:]):
        found = _polarities(part)
        if found:
            if len(set(found)) > 1:
                return Extraction(None, "several candidates")
            return Extraction(found[-1], "last sentence")
    if whole := polarity(text):
        return Extraction(whole, "whole response")
    return Extraction(None, "no yes or no")


def extract_text(response: str, *, span: bool = False) -> Extraction:
    """The flexible rule for free text and spans: the marked statement, the bare response, or a final quotation."""
    text = cut_follow_on(response)
    for region in regions(text):
        found = tidy(region.text)
        if found:
            if span:
                found = _complement(found)
            elif quoted := _QUOTED.search(region.text):
                found = tidy(quoted[1])
            return Extraction(found, region.how)
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines:
        return Extraction(None, "empty")
    parts = sentences(text)
    if len(parts) == 1 and (found := tidy(text)):
        if len(found.split()) <= 6 or not span:
            return Extraction(found if len(found.split()) <= 6 else _quoted_or(found), "bare answer")
        return Extraction(_complement(found), "only sentence")
    last = parts[-1] if parts else ""
    if quotes := _QUOTED.findall(last):
        return Extraction(tidy(quotes[-1]), "last quotation")
    if span and last:
        return Extraction(_complement(tidy(last)), "last sentence")
    if (place := last.rfind(":")) >= 0 and last[place + 1 :].strip():
        return Extraction(tidy(last[place + 1 :]), "behind the colon")
    return Extraction(None, "no statement")


def _quoted_or(text: str) -> str:
    quotes = _QUOTED.findall(text)
    return tidy(quotes[-1]) if quotes else text


def _complement(text: str) -> str:
    """What a sentence says of its subject: `The capital was Paris` gives `Paris`."""
    last = None
    for last in _COPULA.finditer(text):
        pass
    return tidy(text[last.end() :]) if last and text[last.end() :].strip() else text
