"""When two answers of a kind are the same."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from smallsteps.answers.find_boolean import polarity
from smallsteps.answers.find_choice import gold_letter
from smallsteps.answers.find_number import as_fraction
from smallsteps.answers.normal import normal_text, words_of
from smallsteps.problems import AnswerKind

_LIST = re.compile(r"\s*(?:,|;|\n|/|&|\band\b)\s*", re.IGNORECASE)


def equal(
    extracted: str, gold: str, kind: AnswerKind, choices: Sequence[str] = (), aliases: Sequence[str] = ()
) -> bool:
    """Whether an extracted answer is the gold answer or one of its aliases."""
    return any(_pair(extracted, accepted, kind, choices) for accepted in (gold, *aliases))


def _pair(a: str, b: str, kind: AnswerKind, choices: Sequence[str]) -> bool:
    if kind is AnswerKind.NUMBER:
        return same_number(a, b)
    if kind is AnswerKind.CHOICE:
        left, right = gold_letter(a, choices), gold_letter(b, choices)
        return left == right if left and right else normal_text(a) == normal_text(b)
    if kind is AnswerKind.BOOLEAN:
        left, right = polarity(a), polarity(b)
        return left == right if left and right else normal_text(a) == normal_text(b)
    if kind is AnswerKind.SPAN:
        return same_span(a, b)
    return same_text(a, b)


def same_number(a: str, b: str) -> bool:
    """Equal values; 50 % is both 50 and 0.5; a rounded decimal equals what it was rounded from.

    Rounding counts only from two decimals on (0.33 for 1/3, but not 18.4 for 18).
    """
    left, right = as_fraction(a), as_fraction(b)
    if left is None or right is None:
        return left is right and normal_text(a) == normal_text(b)
    if _close(left[0], right[0]):
        return True
    if left[1] != right[1]:
        part, other = (left[0], right[0]) if left[1] else (right[0], left[0])
        return _close(part / 100, other)
    return False


def _close(a: Fraction, b: Fraction) -> bool:
    if a == b:
        return True
    rough, fine = sorted((a, b), key=_decimals)
    places = _decimals(rough)
    if _decimals(fine) >= 9 and abs(a - b) <= Fraction(1, 10**9) * max(abs(a), abs(b)):
        return True  # a float's last digits
    return places >= 2 and abs(rough - fine) <= Fraction(1, 2 * 10**places)


def _decimals(value: Fraction) -> int:
    """Digits behind the decimal point, 99 when they never end."""
    rest, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        places = max(places, power)
    return 99 if rest != 1 else places


def same_text(a: str, b: str) -> bool:
    """Equal but for case, punctuation, articles and white space; letters spelled out are joined."""
    left, right = normal_text(a), normal_text(b)
    if left == right:
        return bool(left)
    spelled = [
        words for words in (words_of(a), words_of(b)) if len(words) > 1 and all(len(w) == 1 for w in words)
    ]
    return bool(spelled) and "".join(words_of(a)) == "".join(words_of(b))


def same_span(a: str, b: str) -> bool:
    """As text, or as numbers, or as lists in any order."""
    if same_text(a, b):
        return True
    left = sorted(normal_text(part) for part in _LIST.split(a) if normal_text(part))
    right = sorted(normal_text(part) for part in _LIST.split(b) if normal_text(part))
    if len(left) > 1 and left == right:
        return True
    return bool(re.search(r"\d", a + b)) and len(a.split()) <= 4 and len(b.split()) <= 4 and same_number(a, b)
