"""Free text and spans."""

from __future__ import annotations

import re

from smallsteps.answers.dates import DATE
from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import tidy
from smallsteps.answers.regions import regions, sentences, split_sentence, spoken

_COPULA = re.compile(r"\b(?:is|was|are|were|by|called|named|equals)\b(?: called| named)?:? ")
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{1,200})[\"”]")
_CLAUSE = re.compile(r", (?:who|which|whose|where|when|and (?:he|she|it|they)|but)\b|; ")
_INSERTED = re.compile(r", (?:who|which|whose|where|when) [^,]{1,200}, ?")
_NOTE = re.compile(r" \([^()]{0,200}\)$")
_NAME = re.compile(r"(?:The )?[A-Z][^\s,]*(?: (?:[A-Z][^\s,]*|of|the|de|van|von|and)){0,6}")
_JOINS = re.compile(r" ?(?:=>|->|→|=) ?(?=[A-Za-z\"'])")  # "s, e, y, y = seyy"
_COURTESY = re.compile(r"(?:However|Please|Note|I hope|As of my|It is important|Let me know)\b")
_LONGEST_BARE = 6  # words; a longer single sentence is a statement about the answer


def extract_text(response: str, *, span: bool = False) -> Extraction:
    """The flexible rule for text and spans: the marked statement, the bare response, a quotation.

    Args:
        response: what the model wrote.
        span: whether a whole sentence is reduced to what it says of its subject.
    """
    text = spoken(response)
    found_regions = regions(text)
    for region in found_regions:
        statement = region.text if tidy(region.text) else split_sentence(region.after)[0]
        if not span and tidy(joined := _JOINS.split(statement)[-1]):
            statement = joined
        if found := tidy(statement):
            quoted = _QUOTED.search(statement)
            how = region.how.rstrip(":")
            return _news(found, how) if span else Extraction(tidy(quoted[1]) if quoted else found, how)
    if found_regions:
        text = text[: found_regions[0].start]  # the marker states nothing: the text before it counts
    parts = sentences(text)
    whole = tidy(text)
    if not whole:
        return Extraction(None, "empty")
    if len(parts) <= 1 and len(whole.split()) <= _LONGEST_BARE:
        return _news(whole, "bare answer") if span else Extraction(whole, "bare answer")
    first, newline, _ = text.strip().partition("\n")
    if (
        newline
        and len(parts) > 1
        and first.rstrip().endswith(".")
        and 0 < len(first.split()) <= _LONGEST_BARE
    ):
        return Extraction(tidy(first), "answer first")
    telling = [part for part in parts if not _COURTESY.match(part)]
    last = (telling or parts or [""])[-1]
    if text.rstrip().endswith(('."', ".”")):
        last += '"'  # the sentence was cut at the stop inside its quotation marks
    if not span and len(last.split()) == 1 and text.rstrip(" .\n").endswith("\n" + last):
        return Extraction(tidy(last), "last line")
    if not span and (quotes := _QUOTED.findall(last)):
        return Extraction(tidy(quotes[-1]), "last quotation")
    if span and last:
        return _news(tidy(last), "last sentence")
    place = last.rfind(":")
    if re.search(r"[A-Za-z] ?$", last[: max(place, 0)]) and tidy(last[place + 1 :]):
        return Extraction(tidy(_JOINS.split(last[place + 1 :])[-1]), "behind the colon")
    if len(parts) <= 1:
        return Extraction(whole, "whole response")
    return Extraction(None, "no statement")


def _news(statement: str, how: str) -> Extraction:
    """What a statement says of its subject, and the statement itself where that is more."""
    value = _complement(statement)
    return Extraction(value, how, statement if statement != value else None)


def _complement(text: str) -> str:
    """The part of a sentence that is news: `The capital is Paris`, `Paris is the capital` give `Paris`."""
    if lead := re.match(r"(yes|no)\b(?=[,;:. ])", text, re.IGNORECASE):
        return lead[1]
    text = _CLAUSE.split(_INSERTED.sub(" ", _NOTE.sub("", text)), maxsplit=1)[0]
    dates = list(DATE.finditer(text))
    if dates and dates[-1].end() == len(text) and re.search(r"\b(?:on|born) $", text[: dates[-1].start()]):
        return dates[-1][0]
    if year := re.search(r"\b(?:in|since|until) (\d{4})$", text):
        return year[1]
    copulas = list(_COPULA.finditer(text))
    if not copulas:
        return tidy(text)
    subject, predicate = text[: copulas[0].start()].strip(), text[copulas[0].end() :]
    if predicate.startswith("the ") and _NAME.fullmatch(subject):
        return tidy(subject)
    return tidy(text[copulas[-1].end() :]) or tidy(text)
