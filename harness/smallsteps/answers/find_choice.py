"""The option a response chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import normal_text, tidy, tokens_within
from smallsteps.answers.regions import regions, sentences, split_sentence, spoken

_SHORT = 3  # sentences
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PARENTHESISED = re.compile(r"[(\[{] ?([A-Za-z]) ?[)\]}]")
_LABELLED = re.compile(r"\b(?:option|choice|answer|letter) ?[:\"'*(]{0,3} ?([A-Z])\b", re.IGNORECASE)
_LEADING = re.compile(
    r"[\s\"'*`$]{0,8}\(?([A-Za-z])(?:[).:,;\"'*`\]]|\s*$|\s+-|\s*\n|\s+(?:because|since|as|is)\b)"
)
_BARE = re.compile(r"(?<![\w'(&.-])([A-Z])(?![\w'&-]|\.[A-Za-z])")
_NOT = re.compile(
    r"\b(?:not|n't|neither|nor|except|rather than|instead of|rule out|eliminate)(?: option)? \W{0,2}$",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"\)? (?:is|are|was|can be|must be) (?:clearly |also )?"
    r"(?:wrong|incorrect|not|false|too|eliminated|ruled out)\b"
)
_ARTICLE = re.compile(r" (?!(?:is|because|since|as|and|or|then)\b)[a-z]")
_RANGE = re.compile(r"\b(?:among|from|between) \(?[A-Z]\)? (?:through|to|and|-) \(?[A-Z]\)?", re.IGNORECASE)
_SECOND = re.compile(
    r"[\s)\].,*]{0,4}(?:or|and|and then|/|&)\s{0,2}(?:(?:maybe|perhaps|possibly|even) )?"
    r"(?:\(([A-Za-z])\)|([A-Z])\b(?![\w']))"
)
_NOT_PHRASE = re.compile(
    r"(?:\b(?:not|rather than|instead of)|n't) (?:(?! but )[^,.;:]){1,120}", re.IGNORECASE
)
_LETTERED = re.compile(r"[(\[]([A-Za-z])[)\]]|(?<![\w(\[])([A-Z])\)")
# between two items of a list of options: the first one's text, and no word that ranks or rejects
_BESIDE = re.compile(
    r"(?:(?!\b(?:is|are|was|not|than|over|rather|instead|unlike|while|however|better|best|but|also|because)\b|n't)[^\n.:;!?]){0,120}",
    re.IGNORECASE,
)
_SAYS = re.compile(r"[^\W_]")
_UNKNOWN = re.compile(
    r"\b(?:not|none|unknown|unclear|cannot|can't|impossible|undetermined|neither|nothing|either|both)\b",
    re.IGNORECASE,
)
_REASON = re.compile(r",? (?:because|since|as|although|though|while|and here)\b")


def _letters(text: str, valid: str) -> list[str]:
    """The option letters a statement names and does not deny, in order, each once."""
    for pattern in (_PARENTHESISED, _LABELLED, _BARE):
        named: list[str] = []
        for match in pattern.finditer(text):
            letter = match[1].upper()
            if letter not in valid or _NOT.search(text, max(0, match.start() - 24), match.start()):
                continue
            if _DENIED.match(text, match.end()):
                continue
            if pattern is _BARE and letter in "AI" and _ARTICLE.match(text, match.end()):
                continue
            if letter not in named:
                named.append(letter)
        if named:
            return named
    return []


def _by_text(text: str, choices: Sequence[str]) -> list[str]:
    """Letters of the options whose text occurs in a statement; of nested texts only the longest."""
    options = [(LETTERS[place], normal_text(choice)) for place, choice in enumerate(choices)]
    body = normal_text(text)
    whole = [letter for letter, choice in options if choice == body]
    if whole:
        verbatim = [letter for letter in whole if choices[LETTERS.index(letter)].strip() == tidy(text)]
        return _one_of_twins(verbatim or whole, choices)
    hits = [(letter, choice) for letter, choice in options if tokens_within(choice, body)]
    nested = {
        letter
        for letter, choice in hits
        if any(choice != other and tokens_within(choice, other) for _, other in hits)
    }
    return _one_of_twins([letter for letter, _ in hits if letter not in nested], choices)


def _one_of_twins(letters: list[str], choices: Sequence[str]) -> list[str]:
    """The letters without those whose option is, word for word, that of an earlier letter."""
    return [
        letter
        for place, letter in enumerate(letters)
        if not any(twins(letter, one, choices) for one in letters[:place])
    ]


def twins(a: str, b: str, choices: Sequence[str]) -> bool:
    """Whether two letters stand for options with the same text."""
    places = [LETTERS.index(letter) for letter in (a, b)]
    return max(places) < len(choices) and choices[places[0]].strip() == choices[places[1]].strip()


def _asserted(text: str, choices: Sequence[str]) -> str:
    """A statement without what it denies ("light, not the dark"), unless the options use such words."""
    if any(_NOT_PHRASE.search(choice) for choice in choices):
        return text
    return _NOT_PHRASE.sub(" ", text)


def _lists_another(text: str, place: int, letter: str, valid: str) -> bool:
    """Whether a second lettered option follows the first like an item of a list: `(A) candle, (C) ladder`."""
    for match in _LETTERED.finditer(text, place):
        other = (match[1] or match[2]).upper()
        if not _BESIDE.fullmatch(text, place, match.start()) or _DENIED.match(text, match.end()):
            return False
        if other in valid and other != letter:
            return True
        place = match.end()
    return False


def _in_statement(text: str, valid: str, choices: Sequence[str]) -> Extraction:
    lead = _LEADING.match(text)
    if lead and _DENIED.match(text, lead.end(1)):
        lead = None
    if lead and lead[1].upper() in valid:
        second = _SECOND.match(text, lead.end(1))
        other = (second[1] or second[2]).upper() if second else ""
        if other and other in valid and other != lead[1].upper():
            return Extraction(None, "several candidates")
        if _lists_another(_REASON.split(text)[0], lead.end(1), lead[1].upper(), valid):
            return Extraction(None, "several candidates")
        others = [letter for letter in _letters(_REASON.split(text)[0], valid) if letter != lead[1].upper()]
        if lead[0].rstrip().endswith(",") and others:
            return Extraction(None, "several candidates")
        return Extraction(lead[1].upper(), "letter")
    if lead and lead[1].isupper():
        return Extraction(None, "no such option")
    if re.fullmatch(r"\W*[A-Z]{2,5}\W*", text) and set(text.strip(" .()*\"'")) <= set(valid):
        return Extraction(None, "several candidates")
    named = _letters(text, valid)
    if len(named) > 1:
        named = _letters(_REASON.split(text)[0], valid) or named
    if len(named) == 1:
        return Extraction(named[0], "letter")
    by_text = _by_text(_asserted(text, choices), choices)
    if len(by_text) > 1:
        by_text = _by_text(_asserted(_REASON.split(text)[0], choices), choices) or by_text
    if len(by_text) == 1 and (not named or by_text[0] in named):
        return Extraction(by_text[0], "option text")
    if named or by_text:
        return Extraction(None, "several candidates")
    if denied := [letter for letter in _PARENTHESISED.findall(text) if letter.upper() in valid]:
        left = [letter for letter in valid if letter not in {one.upper() for one in denied}]
        return Extraction(left[0], "the only one left") if len(left) == 1 else Extraction(None, "only denied")
    return Extraction(None, "no option")


def extract_choice(response: str, choices: Sequence[str]) -> Extraction:
    """The flexible rule for options; see `docs/scoring.md` for the order of the rules."""
    valid = LETTERS[: len(choices)] if choices else LETTERS[:18]
    text = _RANGE.sub(" ", spoken(response))
    optionless: Extraction | None = None
    for region in regions(text):
        statement, after = region.text, region.after
        if not any(character.isalnum() for character in statement):
            statement, after = split_sentence(after)
        found = _in_statement(statement, valid, choices)
        if found.how == "no option" and (lead := _LEADING.match(after)) and lead[1].upper() in valid:
            found = Extraction(lead[1].upper(), "letter behind")
        how = f"{region.how}: {found.how}"
        if found.how == "no option" and not _UNKNOWN.search(statement):
            # "The answer is B because ... The answer will be in grams": an earlier statement names the option
            optionless = optionless or (Extraction(None, how) if _SAYS.search(statement) else None)
        elif optionless is None or found.how == "letter":
            return Extraction(found.value, how)
    if optionless is not None:
        return optionless
    parts = sentences(text)
    if not parts:
        return Extraction(None, "empty")
    lead = _LEADING.match(text)
    if lead and _DENIED.match(text, lead.end(1)):
        lead = None
    if lead and lead[1].upper() in valid and (lead[1].isupper() or "(" in lead[0] or len(text.strip()) <= 3):
        found = _in_statement(text.strip().split("\n")[0], valid, choices)
        return Extraction(found.value, f"answer first: {found.how}")
    found = _in_statement(parts[-1], valid, choices)
    if found.value is not None:
        return Extraction(found.value, f"last sentence: {found.how}")
    named = [letter for part in parts for letter in _letters(part, valid)]
    if len(set(named)) == 1 and len(parts) <= _SHORT:  # in a longer text it is one of the options discussed
        return Extraction(named[0], "only option named")
    return Extraction(None, found.how)


def gold_letter(gold: str, choices: Sequence[str]) -> str | None:
    """The letter of a gold answer given as `B`, `(B)` or the option's text; of equal options the first."""
    match = re.fullmatch(r"\s*\(?([A-Za-z])[).:]?\s*", gold)
    if match and (not choices or LETTERS.index(match[1].upper()) < len(choices)):
        return match[1].upper()
    if match := re.match(r"\s*\(([A-Z])\)\s", gold):
        return match[1]
    same = [
        letter for letter, choice in zip(LETTERS, choices, strict=False) if choice.strip() == gold.strip()
    ]
    same = same or [
        letter
        for letter, choice in zip(LETTERS, choices, strict=False)
        if normal_text(choice) == normal_text(gold)
    ]
    same = _one_of_twins(same, choices)
    return same[0] if len(same) == 1 else None
