"""Which of the numbers of a sentence the sentence asserts: `After 24 weeks the kettle costs $57` says 57.

The rules look at the verb, not at the meaning. The clause that concludes is read (`..., so she has 4`),
without `After 3 weeks,` before it and `because ...` behind it. In it count, in this order: a total that is
named as such (`a total of 12`), what a form of `be` or `equal` states, and what the first other verb states
(`costs`, `needs`). Where the sentence opens with a count and says what is done with the counted things
(`Three vans are needed for 240 crates`), it asserts the count.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.answers.numbers import Found

_LONGEST = 600  # characters; a longer one is not a sentence
_TOTAL = re.compile(r"\b(?:total|sum) of (?:about |only |exactly |approximately )?$", re.IGNORECASE)
_TOTAL_AIMED_AT = re.compile(
    r"\bto (?:have )?[a-z]{2,12} (?:an? |the )?(?:grand )?(?:total|sum) of ", re.IGNORECASE
)
_IN_TOTAL = re.compile(r"(?: [A-Za-z]+){0,2},? (?:in total|altogether|all together|in all)\b", re.IGNORECASE)
_CONCLUDES = re.compile(
    r"[,;] (?:and )?(?:so|therefore|hence|thus|which means|meaning|leaving|which leaves|for a total of"
    r"|which (?:is|are) (?:equivalent|equal) to|which equals|which is the same as)\b"
    r"|\b(?:therefore|hence|which means)\b",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\W{0,4}(?:(?:therefore|thus|so|hence|finally|then|and|but|now),? )?"
    r"(?:if|when|after|before|in|on|at|for|over|with|without|by|from|during|since|because|as|given|to|once"
    r"|out of|until|of|assuming|while)\b[^,;:]{1,200}, ",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r",? \b(?:because|since|if|unless|whereas|in order to|so that|compared (?:to|with)|instead of|rather than"
    r"|given that|after|before|when|while|during|within|by (?=[a-z]{2,14}ing\b))"
    r"\b|, (?:which|who|whose|where|while|but|as)\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"\b(?:that|who|which|what|to|if|when|there) $", re.IGNORECASE)
_BE = re.compile(
    r"\b(?:is|are|was|were|will be|would be|should be|must be|equals|equal(?! to)|comes? (?:out )?to|came to"
    r"|amounts? to|totals|totaled)\b",
    re.IGNORECASE,
)
_PARTICIPLE = re.compile(
    r" (?:[a-z]{1,14}ly |not |also |still |all )?(?:[a-z]{2,14}ed|sold|left|made|paid|spent|bought"
    r"|given|taken"
    r"|eaten|kept|built|sent|lost|found|held|cut|read|worn|driven|drunk|drawn|grown|thrown|broken|chosen|written|caught|won)\b",
    re.IGNORECASE,
)
_THERE = re.compile(r"\b(?:there|it) $", re.IGNORECASE)
_DO = re.compile(
    r"\b(?:ha(?:s|ve|d)|cost(?:s|ed)?|pa(?:ys?|id)|earn(?:s|ed)?|ma(?:kes?|de)|needs?|needed|takes?|took|weigh(?:s|ed)?"
    r"|gets?|got|gives?|gave|spen[dt]s?|buys?|bought|sells?|sold|eats?|ate|uses?|used|contain(?:s|ed)?|hold(?:s)?|held"
    r"|travel(?:s|led|ed)?|walk(?:s|ed)?|runs?|ran|dr(?:ives?|ove)|saves?|saved|receive[sd]?|collect(?:s|ed)?|bakes?|baked"
    r"|produce[sd]?|reads?|pick(?:s|ed)?|w[io]ns?|los(?:es?|t)|score[sd]?|le(?:aves?|ft)|owes?|owed|requires?|required"
    r"|gain(?:s|ed)?|last(?:s|ed)?|charge[sd]?|owns?|owned|keeps?|kept|lives?|lived|can|could|will|would|should|must|may"
    r"|donate[sd]?|finish(?:es|ed)?|complete[sd]?|work(?:s|ed)?|fits?|cover(?:s|ed)?|plant(?:s|ed)?|add(?:s|ed)?"
    r"|catch(?:es)?|caught|see[sn]?|saw|send|sent|brings?|brought|wants?|wanted|did|do(?:es)?"
    r"|drinks?|drank|grew|grows?|jump(?:s|ed)?|visit(?:s|ed)?|puts?|feeds?|fed|fill(?:s|ed)?"
    r"|measures?|measured|consume[sd]?|ends? up)\b",
    re.IGNORECASE,
)
# verbs that give a total for the counted things: `7 notebooks cost $24.50`
_MEASURES = re.compile(
    r"\b(?:costs?|weigh(?:s|ed)?|contain(?:s|ed)?|holds?|lasts?|needs?|requires?|takes?|makes?|earn(?:s|ed)?|gives?"
    r"|produces?|creates?|generates?|mines?|yields?|ha(?:s|ve)|sells? for|fetch(?:es)?|measures?|pays?"
    r"|provides?|amounts? to)\b",
    re.IGNORECASE,
)
_OPENS = re.compile(
    r"\W{0,4}(?:(?:therefore|thus|so|hence|finally|then|and|now|only|about|at least|exactly)\b,? ?)?\W{0,4}",
    re.IGNORECASE,
)
_SUM = re.compile(r"\b(?:minus|plus|times|divided|multiplied|leaves?)\b", re.IGNORECASE)
_TIMES = re.compile(
    r" times (?:the|as|more|that|what|her|his|their|bigger|larger|older|longer)\b", re.IGNORECASE
)
_NAME = re.compile(
    r"\b(?:Step|Option|Day|Week|Package|Plan|Question|Problem|Part|Team|Group|Level|Grade|Room|Number|Equation|Case"
    r"|Chapter|Page|Month|Year|Person|Train|Car|Box|Line|Row|Column|Round|Game|Phase) #?$"
)


def asserted(text: str, numbers: Sequence[Found]) -> Found | None:
    """The number that a sentence asserts; None when no rule decides.

    Args:
        text: one sentence or line, cleaned.
        numbers: its numbers in order, without those it denies.
    """
    numbers = _eligible(text, numbers)
    if len(numbers) <= 1 or len(text) > _LONGEST:
        return numbers[0] if len(numbers) == 1 else None
    begin, end = _main_clause(text, numbers)
    kept = [number for number in numbers if begin <= number.start < end]
    if len(kept) == 1:
        return kept[0]
    named = [
        number
        for number in kept
        if _TOTAL.search(text, max(0, number.start - 24), number.start)
        and not _TOTAL_AIMED_AT.search(text, max(0, number.start - 48), number.start)
    ]
    if named:
        return named[-1]
    summed = [
        number
        for number in kept
        if _IN_TOTAL.match(text, number.end) and not text.endswith(" and ", 0, number.start)
    ]
    if len(summed) == 1:
        return summed[0]
    return _by_verb(text, begin, end, kept)


def _eligible(text: str, numbers: Sequence[Found]) -> list[Found]:
    """The numbers without names (`Day 3`) and factors (`3 times as many`), as long as others are left."""
    kept = [
        number
        for number in numbers
        if not _NAME.search(text, max(0, number.start - 12), number.start)
        and not _TIMES.match(text, number.end)
        and not _pronoun(text, number)
    ]
    return kept or list(numbers)


def _pronoun(text: str, number: Found) -> bool:
    """Whether a number word is not a count: `one of the boys`, `each one`, `in one trip`."""
    return number.words and text[number.start : number.end].lower() == "one"


def _main_clause(text: str, numbers: Sequence[Found]) -> tuple[int, int]:
    """The part of a sentence that states something, without openings such as `After 3 weeks,` and asides."""
    begin, end = 0, len(text)

    def has(first: int, last: int) -> bool:
        return any(first <= number.start < last for number in numbers)

    for match in _CONCLUDES.finditer(text):
        if has(match.end(), end):
            begin = match.end()
    while (opening := _OPENING.match(text, begin)) and has(opening.end(), end):
        begin = opening.end()
    for match in _ASIDE.finditer(text, begin):
        if has(begin, match.start()):
            end = match.start()
            break
    return begin, end


def _by_verb(text: str, begin: int, end: int, numbers: Sequence[Found]) -> Found | None:
    states: list[re.Match[str]] = []
    for match in _BE.finditer(text, begin, end):
        if _RELATIVE.search(text, max(0, match.start() - 6), match.start()) and not _THERE.search(
            text, max(0, match.start() - 6), match.start()
        ):
            continue
        if not _PARTICIPLE.match(text, match.end()):
            states.append(match)
    if states and _THERE.search(text, max(0, states[0].start() - 6), states[0].start()):
        states = states[:1]
    for match in reversed(states):
        behind = [number for number in numbers if number.start >= match.end()]
        if behind:
            return behind[0]
    opens = _OPENS.fullmatch(text, begin, numbers[0].start)
    if opens and _SUM.search(text, begin, end):
        return None
    subject = numbers[0] if opens else None
    for match in (_MEASURES if subject else _DO).finditer(text, begin, end):
        if _RELATIVE.search(text, max(0, match.start() - 6), match.start()):
            continue
        behind = [number for number in numbers if number.start >= match.end()]
        if behind:
            return behind[0]
    return subject
