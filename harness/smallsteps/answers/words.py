"""Numbers written in English words."""

from __future__ import annotations

import re
from fractions import Fraction

UNITS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fourty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
PARTS = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4,
    "fifth": 5, "fifths": 5, "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8,
    "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10,
}  # fmt: skip

_LONGEST = 24  # words; longer runs are babble
_CARDINAL = "|".join(sorted([*UNITS, *TENS, *SCALES, "hundred", "dozen"], key=len, reverse=True))
_DIGIT = "|".join(name for name, value in UNITS.items() if value < 10)
_PART = "|".join(sorted(PARTS, key=len, reverse=True))
# A run of number words; "a" and "and" only inside such a run ("a hundred and five", "two and a half").
WORDS = re.compile(
    r"\b(?:(?:negative|minus) )?"
    rf"(?:(?:{_CARDINAL})(?:[ -](?:{_CARDINAL}))* point(?:[ -](?:{_DIGIT}))+"
    rf"|(?:an? )?(?:{_CARDINAL})(?:(?:[ -]| and (?:an? )?)(?:{_CARDINAL}|{_PART})\b)*"
    rf"|(?:an? |one[ -])?(?:half|third|quarter)|(?:{_PART}))\b",
    re.IGNORECASE,
)


def words_to_number(phrase: str) -> Fraction | None:
    """The value of a phrase such as `two hundred and five` or `two and a half`; None when it is not one."""
    tokens = phrase.lower().replace("-", " ").split()
    if len(tokens) > _LONGEST:
        return None
    if "point" in tokens:
        return _decimal(tokens)
    sign = 1
    if tokens and tokens[0] in ("negative", "minus"):
        sign, tokens = -1, tokens[1:]
    total, group, seen, last = Fraction(0), Fraction(0), False, ""
    for place, token in enumerate(tokens):
        if token in ("a", "an", "and"):
            last = "and" if token == "and" else last
            continue
        if token in UNITS or token in TENS:
            value = UNITS.get(token, TENS.get(token, 0))
            # "five six" is two numbers, "twenty five" and "hundred and five" are one
            if seen and last not in ("tens", "hundred", "scale", "and"):
                return None
            if last == "tens" and not 0 < value < 10:
                return None
            group += value
            last = "tens" if token in TENS else "unit"
        elif token == "hundred":
            group = (group or Fraction(1)) * 100
            last = "hundred"
        elif token == "dozen":
            group = (group or Fraction(1)) * 12
            last = "dozen"
        elif token in SCALES:
            total += (group or Fraction(1)) * SCALES[token]
            group = Fraction(0)
            last = "scale"
        elif token in PARTS:
            whole = (place > 0 and tokens[place - 1] in ("a", "an")) or last == "and"
            if not seen:
                group = Fraction(1, PARTS[token])
            elif whole or (place > 0 and tokens[place - 1] == "one" and "and" in tokens[:place]):
                if tokens[place - 1] == "one":
                    group -= 1
                group += Fraction(1, PARTS[token])
            elif "and" in tokens[:place]:
                # "two and three quarters": the numerator is the part after the last "and"
                cut = place - 1 - tokens[:place][::-1].index("and")
                head, tail = (
                    words_to_number(" ".join(tokens[:cut])),
                    words_to_number(" ".join(tokens[cut + 1 : place])),
                )
                if head is None or tail is None:
                    return None
                return sign * (head + tail / PARTS[token])
            else:
                group = group / PARTS[token]
            last = "part"
        else:
            return None
        seen = True
    return sign * (total + group) if seen else None


def _decimal(tokens: list[str]) -> Fraction | None:
    """The value of `nine point two five`."""
    cut = tokens.index("point")
    whole = words_to_number(" ".join(tokens[:cut]))
    digits = [str(UNITS[token]) for token in tokens[cut + 1 :] if token in UNITS and UNITS[token] < 10]
    if whole is None or not digits or len(digits) < len(tokens) - cut - 1:
        return None
    part = Fraction(int("".join(digits)), 10 ** len(digits))
    return whole - part if tokens[0] in ("negative", "minus") else whole + part
