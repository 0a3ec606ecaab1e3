"""The option a response chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence

from smallsteps.answers.model import Extraction
from smallsteps.answers.normal import normal_text, tokens_within
from smallsteps.answers.regions import Region, cut_follow_on, regions, sentences

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


def _letters(text: str, valid: str) -> list[str]:
    """The option letters a statement names and does not deny, in order, each once."""
    for pattern in (_PARENTHESISED, _LABELLED, _BARE):
        named: list[str] = []
        for match in pattern.finditer(text):
            letter = match[1].upper()
            if letter not in valid or _NOT.search(text, max(0, match.start() - 24), match.start()):
                continue
            if (
                pattern is _BARE
                and letter in "AI"
                and re.match(r" [a-z]", text[match.end() : match.end() + 2])
            ):
                if not re.match(r" (?:is|because|since|as|and|or)\b", text[match.end() : match.end() + 9]):
                    continue  # the article "A", the pronoun "I"
            if letter not in named:
                named.append(letter)
        if named:
            return named
    return []


def _by_text(text: str, choices: Sequence[str]) -> list[str]:
    """Letters of the options whose text stands in a statement; of nested texts only the longest."""
    inside = [(LETTERS[place], normal_text(choice)) for place, choice in enumerate(choices)]
    body = normal_text(text)
    whole = [letter for letter, choice in inside if choice == body]
    if whole:
        return whole
    hits = [(letter, choice) for letter, choice in inside if choice and tokens_within(choice, body)]
    return [
        letter
        for letter, choice in hits
        if not any(choice != other and tokens_within(choice, other) for _, other in hits)
    ]


def _in_statement(text: str, valid: str, choices: Sequence[str]) -> Extraction:
    lead = _LEADING.match(text)
    if (
        lead
        and lead[1].upper() in valid
        and not (lead[1] == "a" and lead[0].rstrip()[-1:].isalpha() and text.strip() != "a")
    ):
        second = re.match(
            r"[\s)\].,*]{0,4}(?:or|and|/|&)\s{0,2}\(?([A-Za-z])\b(?![\w'])", text[lead.end(1) :]
        )
        if second and second[1].upper() in valid and second[1].upper() != lead[1].upper():
            return Extraction(None, "several candidates")
        return Extraction(lead[1].upper(), "letter")
    named = _letters(text, valid)
    if len(named) == 1:
        return Extraction(named[0], "letter")
    by_text = _by_text(text, choices)
    if len(by_text) == 1:
        return Extraction(by_text[0], "option text")
    if named or by_text:
        return Extraction(None, "several candidates")
    return Extraction(None, "no option")


def extract_choice(response: str, choices: Sequence[str]) -> Extraction:
    """The flexible rule for options; see `docs/scoring.md` for the order of the rules."""
    valid = LETTERS[: len(choices)] if choices else LETTERS[:18]
    text = cut_follow_on(response)
    for region in regions(text):
        found = _in_statement(_statement(region), valid, choices)
        if found.value is not None or found.how == "several candidates":
            return Extraction(found.value, f"{region.how}: {found.how}")
    parts = sentences(text)
    if not parts:
        return Extraction(None, "empty")
    if (lead := _LEADING.match(text)) and lead[1].upper() in valid and (lead[1].isupper() or "(" in lead[0]):
        return Extraction(lead[1].upper(), "answer first")
    found = _in_statement(parts[-1], valid, choices)
    if found.value is not None:
        return Extraction(found.value, f"last sentence: {found.how}")
    named = [letter for part in parts for letter in _letters(part, valid)]
    if len(set(named)) == 1:
        return Extraction(named[0], "only option named")
    return Extraction(None, found.how)


def _statement(region: Region) -> str:
    text = region.text.strip()
    return text if len(text) > 1 or not region.rest.strip() else region.rest.strip()[:40]


def gold_letter(gold: str, choices: Sequence[str]) -> str | None:
    """The letter of a gold answer given as `B`, `(B)` or the option's text."""
    match = re.fullmatch(r"\s*\(?([A-Za-z])[).:]?\s*", gold)
    if match and (not choices or LETTERS.index(match[1].upper()) < len(choices)):
        return match[1].upper()
    if match := re.match(r"\s*\(([A-Z])\)\s", gold):
        return match[1]
    same = [
        LETTERS[place] for place, choice in enumerate(choices) if normal_text(choice) == normal_text(gold)
    ]
    return same[0] if len(same) == 1 else None
