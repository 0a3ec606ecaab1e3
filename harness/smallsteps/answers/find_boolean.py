"""Yes-or-no answers."""

from __future__ import annotations

import re

from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import tidy
from smallsteps.answers.regions import Region, regions, sentences, spoken, without_label

_LONGEST_SENTENCE = 60  # words; what runs on for longer is a loop, not a conclusion
_LONGEST_PARAGRAPH = 4000  # characters
_LONGEST_COURTESY = 6  # words; "I hope this helps!" may follow the conclusion
YES = {"yes", "true", "valid", "plausible", "correct", "y", "t", "yeah", "yep", "1"}
NO = {"no", "false", "invalid", "implausible", "incorrect", "n", "f", "nope", "0"}
_POLARITY = re.compile(
    r"\b(?P<not>not |isn't |aren't |neither )?(?P<word>yes|no|true|false|yeah|yep|nope)\b(?!-)", re.IGNORECASE
)
# Judgements are answers only where a statement ends with them ("the argument is invalid"), or is one.
_JUDGEMENT = re.compile(
    r"(?P<not>\bnot (?:[a-z]{1,14}ly )?|\bisn't )?"
    r"\b(?P<word>valid|invalid|plausible|implausible|correct|incorrect)"
    r"[\s.!\"'*)]*$",
    re.IGNORECASE,
)
# "no" before a noun is a determiner ("there is no way"), not an answer
_ANSWERING = re.compile(
    r"\s*(?:$|[.,;:!?\n)\"'*\]/-]|(?:because|since|as|it|he|she|they|the|and|or|but|for)\b|\()", re.IGNORECASE
)
_LEAD = re.compile(
    r"[\s\"'*(]{0,8}(yes|no|true|false|yeah|yep|nope)\b(?=[\s\"'*)]{0,4}(?:[.,;:!\n-]|$|because|since))",
    re.IGNORECASE,
)

_PARAGRAPH = re.compile(r"\n[ \t]{0,8}\n")
_CONCLUDING = re.compile(
    r"\W{0,4}(?:\d{1,2}[.)] )?\W{0,4}(?:therefore|thus|so|hence|in conclusion|consequently"
    r"|overall|as a result)\b",
    re.IGNORECASE,
)
_OF_THE_QUESTION = re.compile(r"\b(?:question|premise|problem|statement of the question) is $", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:depends?|determined?|known|unclear|uncertain|best to|important to|should|may|might|both)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:not|never|cannot|unlikely|impossible|no longer|neither|nor|none|incorrect|false|no)\b|n't\b",
    re.IGNORECASE,
)


def polarity(text: str) -> str | None:
    """`yes` or `no` for a gold answer such as `True`, `no` or `valid`; None when it is neither."""
    word = tidy(text).casefold()
    return "yes" if word in YES else "no" if word in NO else None


def _stated(text: str) -> list[str]:
    """The polarities a statement asserts, in order."""
    found = []
    for match in [*_POLARITY.finditer(text), *_JUDGEMENT.finditer(text)]:
        word = match["word"].lower()
        if _OF_THE_QUESTION.search(text, max(0, match.start() - 32), match.start()):
            continue
        if word == "no" and not match["not"] and not _ANSWERING.match(text, match.end()):
            continue
        positive = (word in YES) != bool(match["not"])
        found.append("yes" if positive else "no")
    return found


def extract_boolean(response: str) -> Extraction:
    """The flexible rule for yes or no; true/false, valid/invalid and the like are read as yes/no.

    A statement that gives neither ("The answer is not known") is unparsed, whatever words follow.
    """
    text = spoken(response).replace("**", "")
    for region in regions(text):
        found = _stated(region.text) or ([whole] if (whole := polarity(region.text)) else [])
        if not found and (lead := _LEAD.match(region.after)):
            found = [_polar(lead)]
        if not found and region.how == "label":
            found = _opening(region.passage) or _conclusion(region)
        if not any(character.isalnum() for character in region.text + region.after):
            continue  # cut off behind the marker
        return _one(found, region.text, region.how)
    if lead := _LEAD.match(text):
        return Extraction(_polar(lead), "answer first")
    if whole := polarity(text):
        return Extraction(whole, "whole response")
    parts = sentences(text)
    for part in reversed(parts[-2:]):
        # of an equation only the right side is the result
        if len(part.split()) <= _LONGEST_SENTENCE and (found := _stated(part.rpartition("=")[2])):
            return _one(found, part, "last sentence")
        if len(part.split()) > _LONGEST_COURTESY:
            break
    if found := _opening(text):
        return Extraction(found[0], "last paragraph")
    return Extraction(None, "no yes or no")


def _polar(lead: re.Match[str]) -> str:
    return "yes" if lead[1].lower() in YES else "no"


def _opening(text: str) -> list[str]:
    """The yes or no that opens a sentence of the last paragraph: `No, none of them did. The others ...`."""
    paragraph = _PARAGRAPH.split(text.strip()[-_LONGEST_PARAGRAPH:])[-1]
    found = [_polar(lead) for part in sentences(without_label(paragraph)) if (lead := _LEAD.match(part))]
    return found[-1:]


def _conclusion(region: Region) -> list[str]:
    """What the last sentence of a list or of a passage below `Answer:` concludes: `Therefore he did not go`.

    A denial is no, anything else yes, so that a question put in the negative is read the wrong way round.
    """
    parts = sentences(region.passage) if region.listed or region.own_line else []
    match = _CONCLUDING.match(parts[-1]) if parts else None
    if match is None or len(parts[-1].split()) > _LONGEST_SENTENCE or _HEDGE.search(parts[-1]):
        return []
    denials = len(_DENIAL.findall(parts[-1]))
    return ["no" if denials else "yes"] if denials <= 1 else []


def _one(found: list[str], text: str, where: str) -> Extraction:
    if not found:
        return Extraction(None, f"{where}: no yes or no")
    both = len(set(found)) > 1
    if both and (where == "last sentence" or re.search(r"\b(?:or|and|/)\b|/", text)):
        return Extraction(None, f"{where}: several candidates")
    return Extraction(found[0], where)
