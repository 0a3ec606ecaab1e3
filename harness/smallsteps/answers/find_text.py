"""Free text and spans."""

from __future__ import annotations

import re

from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import tidy
from smallsteps.answers.regions import cut_follow_on, regions, sentences, split_sentence

_COPULA = re.compile(r"\b(?:is|was|are|were|by|called|named|equals)\b(?: called| named)?:? ", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{1,200})[\"”]")
_LONGEST_BARE = 6  # words; a longer single sentence is a statement about the answer


def extract_text(response: str, *, span: bool = False) -> Extraction:
    """The flexible rule for free text and spans: the marked statement, the bare response, a final quotation.

    Args:
        response: what the model wrote.
        span: whether a whole sentence is reduced to what it says of its subject.
    """
    text = cut_follow_on(response)
    for region in regions(text):
        statement = region.text if tidy(region.text) else split_sentence(region.after)[0]
        if found := tidy(statement):
            quoted = _QUOTED.search(statement)
            return Extraction(
                _complement(found) if span else tidy(quoted[1]) if quoted else found, region.how.rstrip(":")
            )
    parts = sentences(text)
    whole = tidy(text)
    if not whole:
        return Extraction(None, "empty")
    if len(parts) <= 1 and len(whole.split()) <= _LONGEST_BARE:
        return Extraction(whole, "bare answer")
    last = parts[-1] if parts else ""
    if quotes := _QUOTED.findall(last):
        return Extraction(tidy(quotes[-1]), "last quotation")
    if span and last:
        return Extraction(_complement(tidy(last)), "last sentence")
    if (place := last.rfind(":")) >= 0 and tidy(last[place + 1 :]):
        return Extraction(tidy(last[place + 1 :]), "behind the colon")
    if len(parts) <= 1:
        return Extraction(whole, "whole response")
    return Extraction(None, "no statement")


def _complement(text: str) -> str:
    """What a sentence says of its subject: `The capital was Paris` gives `Paris`."""
    copulas = list(_COPULA.finditer(text))
    tail = text[copulas[-1].end() :] if copulas else ""
    return tidy(tail) or text
