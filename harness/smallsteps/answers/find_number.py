"""The number a response gives as its answer."""

from __future__ import annotations

import re
from fractions import Fraction

from smallsteps.answers.arithmetic import calculate, is_expression
from smallsteps.answers.model import Extraction
from smallsteps.answers.numbers import Found, canonical, clean, find_numbers
from smallsteps.answers.regions import cut_follow_on, regions, sentence, sentences
from smallsteps.errors import UserError

_REFUSAL = re.compile(
    r"\b(?:unknown|undefined|not (?:known|given|enough|possible|clear|stated|specified|available|determined|provided)"
    r"|cannot|can't|can not|impossible|unclear|insufficient|indeterminate|don't know|do not know)\b",
    re.IGNORECASE,
)
_OR = re.compile(r"^ ?(?:\w+ )?(?:or|to|and) \W?$|^ ?- ?$|^ ?~ ?$", re.IGNORECASE)
_NOT = re.compile(r"\b(?:not|n't|isn't|rather than|instead of) \W{0,2}$", re.IGNORECASE)
_BARE = re.compile(
    r"\s*[$€£(*\"']{0,3}[-+]?[$€£]?[\d.,/ ]{1,60}%?[)*\"']{0,3}[.,;:!]?(?:\s*$|\s*\n|\s*\(|\s+(?:because|since|as)\b)"
)
_ENUMERATOR = re.compile(r"(?:^|\n)[ \t]{0,8}(?:step )?\(?\d{1,2}[.):](?=\s)", re.IGNORECASE)
_PARENTHESES = re.compile(r"\([^()]{0,300}\)")


def _behind_equals(text: str) -> str:
    """What stands behind the last equals sign, when a number does."""
    for place in (text.rfind("="), text.rfind("≈")):
        if place >= 0 and find_numbers(text[place + 1 :], words=False):
            return text[place + 1 :]
    return text


def _same(a: Found, b: Found) -> bool:
    return a.value == b.value or a.value * 100 == b.value or a.value == b.value * 100


def in_region(text: str) -> Extraction:
    """The number of one answer statement (already cleaned)."""
    body = _behind_equals(text)
    expression = body.strip().strip("$. ").rstrip("=").strip()
    if is_expression(expression):
        try:
            return Extraction(canonical(calculate(expression)), "computed")
        except UserError:
            return Extraction(None, "bad expression")
    numbers = find_numbers(body, words=True)
    kept = [number for number in numbers if not _NOT.search(body, max(0, number.start - 16), number.start)]
    if not kept:
        refused = bool(numbers) or _REFUSAL.search(body) is not None
        return Extraction(None, "refused" if refused else "no number")
    first = kept[0]
    if any(not number.words for number in kept) and first.words and not _word_is_number(body, first):
        first = next(number for number in kept if not number.words)
    following = [number for number in kept if number.start >= first.end]
    if following and _OR.match(body[first.end : following[0].start]) and not _same(first, following[0]):
        gap = body[first.end : following[0].start].strip()
        if gap.lower() in ("or", "to", "-", "~") or gap.lower().endswith(" or"):
            return Extraction(None, "several candidates")
    return Extraction(canonical(first.value, first.percent), "number")


def _word_is_number(body: str, number: Found) -> bool:
    """Whether a number word is the statement's own answer and no pronoun ("one of the 12 boys")."""
    word = body[number.start : number.end].lower()
    return word != "one" or number.start == 0


def extract_number(response: str) -> Extraction:
    """The flexible rule for numbers; see `docs/scoring.md` for the order of the rules."""
    text = cut_follow_on(clean(response))
    for region in regions(text):
        found = in_region(region.text)
        if found.value is None and found.how == "no number" and region.how == "trigger":
            found = in_region(sentence(region.rest[len(region.text) :].lstrip(" .\n")))
            if found.value is None and found.how != "refused":
                continue
        if found.value is not None or found.how in ("refused", "several candidates"):
            return Extraction(found.value, f"{region.how}: {found.how}")
    if _BARE.match(text) and (numbers := find_numbers(text)):
        return Extraction(canonical(numbers[0].value, numbers[0].percent), "answer first")
    return _last(text)


def _last(text: str) -> Extraction:
    """The last number of the last sentence that has one, where no marker tells the answer."""
    text = _ENUMERATOR.sub("\n", text)
    parts = sentences(text)
    for words in (False, True):
        for part in reversed(parts):
            body = _behind_equals(part)
            outside = _PARENTHESES.sub(" ", body)
            numbers = find_numbers(outside, words=words) or find_numbers(body, words=words)
            if numbers:
                best = numbers[0] if body is not part else numbers[-1]
                return Extraction(canonical(best.value, best.percent), "last number")
    return Extraction(None, "no number")


def as_fraction(text: str) -> tuple[Fraction, bool] | None:
    """The value of a canonical or gold text, None when it is no number."""
    numbers = find_numbers(clean(text), words=True)
    return (numbers[0].value, numbers[0].percent) if numbers else None
