"""The number a response gives as its answer."""

from __future__ import annotations

import re

from smallsteps.answers.arithmetic import calculate, is_expression
from smallsteps.answers.assertion import asserted
from smallsteps.answers.model import Extraction
from smallsteps.answers.numbers import Found, canonical, clean, find_numbers, find_ordinals
from smallsteps.answers.regions import (
    Region,
    regions,
    sentences,
    split_sentence,
    spoken,
)
from smallsteps.errors import UserError

_REFUSAL = re.compile(
    r"\b(?:unknown|undefined|cannot|can't|can not|impossible|unclear|insufficient|indeterminate|none of the"
    r"|not (?:known|given|enough|possible|clear|stated|specified|available|determined|provided)"
    r"|don't know|do not know|not sure)\b",
    re.IGNORECASE,
)
_REASON = re.compile(r",? (?:because|since)\b", re.IGNORECASE)
_ASIDE = re.compile(r"(?:confidence|certainty)\b", re.IGNORECASE)
# "The answer is provided in the field above" mentions an answer and gives none
_ABOUT = re.compile(
    r"(?:also |already )?(?:provided|given|shown|stated|rounded|displayed|written|above|below)\b",
    re.IGNORECASE,
)
_EITHER = re.compile(r"\b(?:either|or)\b", re.IGNORECASE)
_RESPECTIVELY = re.compile(r",? respectively\b")
_EQUALS = re.compile(r"[=≈]|\bequals\b")
_OR = re.compile(r" ?(?P<unit>[a-z]+ )?(?:or|to|and|/|-|~) ?[$€£]?\Z", re.IGNORECASE)
_UNIT = re.compile(r" ([A-Za-z]+)")
_LIST_GAP = re.compile(r" ?(?:,|;|and|or|, ?and|, ?or|&) ?[$€£]?")
_NOT = re.compile(r"\b(?:not|n't|rather than|instead of) \W{0,2}$", re.IGNORECASE)
_BARE = re.compile(
    r"\s*[$€£(*\"']{0,3}[-+]?[$€£]?\d[\d.,/ ]{0,60}%?[)*\"']{0,3}[.,;:!]?"
    r"(?:\s*$|[ \t]*\n|\s*\(|\s+(?:[a-z]+\s+){0,2}(?:because|since)\b)"
)
_ENUMERATOR = re.compile(
    r"(?:^|\n)[ \t]{0,8}(?:step \d{1,2}[.):]|\(?\d{1,2}[.):](?=[ \t]+\S))", re.IGNORECASE
)
_LAST_ENUMERATOR = re.compile(r"\n[ \t]{0,8}\(?\d{1,2}[.)]\s*\Z")
_UNFINISHED = re.compile(r" ?[-(\[]*\d[\d.,]*\)* ?[-+*/x] ?[-(\[\d]")
_LONGEST_BARE = 6  # words
_BEFORE_BARE = re.compile(r"\W*(?:(?:about|approximately|exactly|only|around|roughly|[A-Za-z]|[Nn]o)\b)?\W*")
_VERB = re.compile(
    r"\b(?:is|are|was|were|has|have|had|will|would|can|could|costs?|needs?|takes?|took|paid|pays?|made|makes?|left"
    r"|earn(?:s|ed)?|spent|sold|bought|got|gets?|gave|weighs?)\b",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"\W{0,4}(?:therefore|thus|so|hence|total|in total|altogether|in all|overall|in conclusion|finally"
    r"|consequently|as a result|the total)\b",
    re.IGNORECASE,
)
# an unevaluated product or sum with its unit: `(6 * 15) chairs`; "5 - 6 chairs" is a range
_WITH_UNIT = re.compile(
    r"([-(\d][-+*/^x×÷()\d., ]{0,200}[+*×÷)][-+*/^×÷()\d., ]{0,200}) ?[A-Za-z][A-Za-z ]{0,30}"
)
_CUT_OFF = re.compile(r"\d ?[=+*/] ?\Z")
_LONGEST_ASIDE = 200  # characters
_TRAILING_ASIDE = re.compile(r" \([^()]*=[^()]*\)\W*\Z")  # "the answer is 9. (15 + 18 + 9 = 42)"
_PARENTHESES = re.compile(r"\([^()]{0,300}\)")


def _behind_equals(text: str) -> str:
    """The text after the last equals sign, if a number follows it."""
    aside = _TRAILING_ASIDE.search(text[-_LONGEST_ASIDE:])
    if aside and find_numbers(text[: len(text) - len(aside[0])]):
        text = text[: len(text) - len(aside[0])]
    signs = list(_EQUALS.finditer(text))
    behind = text[signs[-1].end() :] if signs else ""
    if behind and (find_numbers(behind) or any(not number.words for number in find_ordinals(behind))):
        return behind
    return text


def _with_working(region: Region) -> str:
    """The statement, or the last line of the equations that go on right below it."""
    statement = region.text
    if "=" in statement:
        for line in region.after.split("\n"):
            if line.strip(" $\\[]") and not ("=" in line and find_numbers(_behind_equals(line))):
                break
            statement = line if "=" in line else statement
    return statement


def _same(a: Found, b: Found) -> bool:
    return a.value == b.value or a.value * 100 == b.value or a.value == b.value * 100


def in_statement(text: str, *, predicate: bool = False) -> Extraction:
    """The number of one answer statement (already cleaned).

    Args:
        text: the statement.
        predicate: whether it continues `the answer is`, so that a number at its start is the answer.
    """
    reason = _REASON.search(text)
    if reason and find_numbers(text[: reason.start()], words=True):
        text = text[
            : reason.start()
        ]  # "18, since 9 * 2 = 18 and 3 are left": the reason contains other numbers
    body = _behind_equals(text)
    expression = body.strip().strip("$*. ").rstrip("=").strip()
    with_unit = _WITH_UNIT.fullmatch(expression)
    if with_unit and not is_expression(expression):
        expression = with_unit[1].strip()
    if is_expression(expression):
        try:
            return Extraction(canonical(calculate(expression)), "computed")
        except UserError:
            return Extraction(None, "bad expression")
    numbers = find_numbers(body, words=True)
    kept = [number for number in numbers if not _NOT.search(body, max(0, number.start - 16), number.start)]
    if not numbers and len(ordinals := find_ordinals(body)) == 1 and not _REFUSAL.search(body):
        return Extraction(canonical(ordinals[0].value), "ordinal")
    if not kept:
        refused = bool(numbers) or _REFUSAL.search(body) is not None
        return Extraction(None, "refused" if refused else "no number")
    if _RESPECTIVELY.search(body) and any(not _same(kept[0], other) for other in kept[1:]):
        return Extraction(None, "several candidates")
    first = kept[0]
    if first.words and not _word_is_number(body, first):
        first = next((number for number in kept if not number.words), first)
    if not (predicate and _BEFORE_BARE.fullmatch(body, 0, first.start)):
        first = asserted(body, kept) or first
    if any(not _same(first, other) for other in _alternatives(body, first, kept)):
        return Extraction(None, "several candidates")
    return Extraction(canonical(first.value, first.percent), "number")


def _alternatives(body: str, first: Found, numbers: list[Found]) -> list[Found]:
    """The numbers offered besides the first: `5 or 6`, `5 to 6`, `5-6`, and lists of numbers alone."""
    following = [number for number in numbers if number.start >= first.end]
    if not following:
        return []
    gap = _OR.match(body[first.end : following[0].start])
    if gap:
        # "29 bananas and 3 oranges" names two things and the first is the answer; "29 or 30 bananas" does not
        unit = _UNIT.match(body, following[0].end)
        other_unit = gap["unit"] and (unit is None or unit[1].lower() != gap["unit"].strip().lower())
        return [] if other_unit else following[:1]
    others = [body[a.end : b.start] for a, b in zip([first, *following], following, strict=False)]
    whole_list = (
        all(_LIST_GAP.fullmatch(other) for other in others) and len(body[following[-1].end :].split()) <= 2
    )
    return following if whole_list else []


def _word_is_number(body: str, number: Found) -> bool:
    """Whether a number word is the statement's own answer and no pronoun ("one of the 12 boys")."""
    if body[number.start : number.end].lower() != "one":
        return True
    return not body[: number.start].strip() and not body[number.end :].startswith(" of ")


def extract_number(response: str) -> Extraction:
    """The flexible rule for numbers; see `docs/scoring.md` for the order of the rules."""
    text = spoken(clean(response))
    found = regions(text)
    for place, region in enumerate(found):
        if _starts_anew(region, found[place + 1 :]):
            continue
        answer = (
            _under_label(region)
            if region.how == "label"
            else in_statement(_with_working(region), predicate=True)
        )
        if answer.value is None and answer.how == "no number":
            if found[place + 1 :] and _ABOUT.match(region.text):
                continue
            behind = _behind(region)
            if behind is None:
                continue
            answer = behind
        if answer.value is not None and "%" not in answer.value:
            answer = _restated(answer, region.text, found[place + 1 :])
        return Extraction(answer.value, f"{region.how}: {answer.how}")
    if _BARE.match(text) and (numbers := find_numbers(text)):
        return Extraction(canonical(numbers[0].value, numbers[0].percent), "answer first")
    return _last(text)


def _is_bare(statement: str) -> bool:
    """Whether a statement is the number alone, perhaps with a unit: `$18 per week`, `about 18 apples`."""
    if len(statement.split()) > _LONGEST_BARE or _VERB.search(statement):
        return False
    numbers = find_numbers(statement, words=True)
    return not numbers or _BEFORE_BARE.fullmatch(statement, 0, numbers[0].start) is not None


def _starts_anew(region: Region, earlier: list[Region]) -> bool:
    """Whether a label `A:` opens another answer behind a finished one, as models that run on write it."""
    return (
        region.how == "label"
        and region.single_letter
        and not (_is_bare(region.text) and find_numbers(region.text, words=True))
        and any(one.how != "label" for one in earlier)
    )


def _under_label(region: Region) -> Extraction:
    """What follows `Answer:` or `Solution:`: the number, a sentence, or a passage with a conclusion."""
    first = in_statement(_with_working(region))
    bare = _is_bare(region.text) and first.value is not None
    if bare and not region.listed and not region.own_line:
        return first
    if region.listed or (region.own_line and not bare):
        answer = _last(region.passage, first=True)
        return answer if answer.value is not None else first
    for sentence in reversed(sentences(region.after)):
        if _CONCLUSION.match(sentence):
            answer = in_statement(sentence)
            if answer.value is not None:
                return answer
    return first


def _behind(region: Region) -> Extraction | None:
    """What follows a statement that holds no number; None when the statement is cut off or empty."""
    statement, after = region.text, region.after
    if not any(character.isalnum() for character in statement):
        statement, after = split_sentence(after)
        answer = in_statement(statement)
        if answer.value is not None or answer.how != "no number":
            return answer
        if not any(character.isalnum() for character in statement + after):
            return None
    answer = _last(after)
    return answer if answer.value is not None else Extraction(None, "statement without a number")


def _restated(answer: Extraction, statement: str, earlier: list[Region]) -> Extraction:
    """The statement before, where this one repeats it less exactly.

    A fraction may repeat a percentage (`The answer is 25%. The answer as a fraction is 1/4`), and words may
    repeat digits (`The answer is 9.8. The answer is nine and a bit`).
    """
    if answer.value is None or not earlier:
        return answer
    before = in_statement(earlier[0].text)
    now, then = find_numbers(answer.value), find_numbers(before.value or "")
    if not now or not then:
        return answer
    percentage = then[0].percent and now[0].value * 100 == then[0].value
    in_words = not find_numbers(statement) and int(then[0].value) == now[0].value
    return before if percentage or in_words else answer


def _not_denied(text: str) -> list[Found]:
    """The numbers of a sentence, in digits or words, that it does not deny ("18, not 20")."""
    found = find_numbers(text, words=True)
    return [number for number in found if not _NOT.search(text, max(0, number.start - 16), number.start)]


def _last(text: str, *, first: bool = False) -> Extraction:
    """What the last sentence with a number asserts, where no marker introduces the answer.

    Args:
        text: the response, or the passage below a heading.
        first: whether an undecided sentence gives its first number and not its last.
    """
    if _CUT_OFF.search(text):
        return Extraction(None, "unfinished sum")
    text, steps = _ENUMERATOR.subn("\n", text)
    parts = sentences(_LAST_ENUMERATOR.sub("", text) if steps > 1 else text)
    spelled: Extraction | None = None
    for part in reversed(parts):
        if _ASIDE.match(part):
            continue
        body = _behind_equals(part)
        if body is not part and _UNFINISHED.match(body):
            return in_statement(part) if is_expression(body.strip()) else Extraction(None, "unfinished sum")
        outside = _PARENTHESES.sub(" ", body)
        numbers = _not_denied(outside)
        if not numbers:
            outside, numbers = body, _not_denied(body)
        digits = [number for number in numbers if not number.words]
        if digits and body is not part:
            best = digits[0]
        elif digits:
            best = asserted(outside, numbers) or digits[0 if first else -1]
        elif numbers:
            best = asserted(outside, numbers) or numbers[-1]
        elif len(ordinals := [one for one in find_ordinals(outside) if not one.words]) == 1:
            best = ordinals[0]
            digits = ordinals if body is not part or _CONCLUSION.match(part) else []
        else:
            continue
        found = Extraction(canonical(best.value, best.percent), "last number")
        if _EITHER.search(outside) and any(
            not _same(best, other) for other in _alternatives(outside, best, numbers)
        ):
            found = Extraction(None, "several candidates")
        if digits or (_CONCLUSION.match(part) and not _is_one(outside, best)):
            return found
        spelled = spelled or found  # number words in running text count only where there are no digits
    return spelled or Extraction(None, "no number")


def _is_one(text: str, number: Found) -> bool:
    return text[number.start : number.end].lower() == "one"
