"""When two answers of a kind are the same."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from smallsteps.answers.dates import find_date, is_date
from smallsteps.answers.drop import span_form
from smallsteps.answers.find_boolean import polarity
from smallsteps.answers.find_choice import gold_letter, twins
from smallsteps.answers.normal import SPAN_LIST, normal_text, words_of
from smallsteps.answers.numbers import Found, clean, final_part, find_numbers, first_number
from smallsteps.problems import AnswerKind

_LONGEST_QUANTITY = 80  # characters; what is longer is a statement, no quantity
_UNITS = {
    "meter": "m", "meters": "m", "metre": "m", "metres": "m", "kilometer": "km", "kilometers": "km",
    "kilometre": "km", "kilometres": "km", "square": "sq", "foot": "ft", "feet": "ft", "mile": "mi",
    "miles": "mi", "inch": "in", "inches": "in", "dollar": "dollars", "usd": "dollars", "years": "year",
    "yards": "yard", "points": "point", "pounds": "pound", "hours": "hour", "minutes": "minute",
}  # fmt: skip


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
        if left and right:
            return left == right or twins(left, right, choices)
        return normal_text(a) == normal_text(b)
    if kind is AnswerKind.BOOLEAN:
        left, right = polarity(a), polarity(b)
        return left == right if left and right else normal_text(a) == normal_text(b)
    if kind is AnswerKind.SPAN:
        return same_span(a, b)
    return same_text(a, b)


def same_number(a: str, b: str) -> bool:
    """Equal values; 50 % is both 50 and 0.5; a rounded decimal equals what it was rounded from.

    Rounding counts only from two decimals on (0.33 for 1/3, but not 18.4 for 18). Of a worked solution that
    ends in `#### 18` the final part counts.
    """
    left, right = first_number(final_part(a)), first_number(final_part(b))
    if left is None or right is None:
        return left is right and normal_text(a) == normal_text(b)
    return _same_value(left, right)


def _same_value(left: Found, right: Found) -> bool:
    if _close(left.value, right.value):
        return True
    if left.percent == right.percent:
        return False
    part, other = (left, right) if left.percent else (right, left)
    return _close(part.value / 100, other.value)


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
    """As text, as DROP's metric compares, as dates, as a number with its unit, or as lists in any order."""
    if same_text(a, b) or (span_form(a) and span_form(a) == span_form(b)):
        return True
    if is_date(a) and is_date(b):
        return find_date(a) == find_date(b)
    for form in (normal_text, span_form):
        left, right = (sorted(filter(None, map(form, SPAN_LIST.split(side)))) for side in (a, b))
        if len(left) > 1 and left == right:
            return True
    return _same_quantity(a, b)


def _same_quantity(a: str, b: str) -> bool:
    """One number each, equal, with the same unit or with none on one side."""
    quantities = []
    if max(len(a), len(b)) > _LONGEST_QUANTITY:
        return False
    for side in (a, b):
        text = clean(side)
        numbers = find_numbers(text, words=True)
        if len(numbers) != 1:
            return False
        rest = text[: numbers[0].start] + " " + text[numbers[0].end :]
        quantities.append((numbers[0], [_UNITS.get(word, word) for word in words_of(rest)]))
    (left, unit), (right, other) = quantities
    return _same_value(left, right) and (unit == other or not unit or not other)
