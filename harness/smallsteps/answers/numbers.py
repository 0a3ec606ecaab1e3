"""Numbers as models write them: currency, thousands, fractions, mixed numbers, percent, words, LaTeX."""

from __future__ import annotations

import bisect
import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from smallsteps.answers.words import SCALES, WORDS, words_to_number

_MAX_DIGITS = 60  # a longer run of digits is noise (and a way to burn time), not an answer
_MAX_BITS = 4096  # of a power; more is refused
_VULGAR = re.compile(r"(?:(\d) ?)?([¼-¾⅐-⅞])")  # NFKC turns ¾ into 3⁄4
_PLAIN = {
    "−": "-", "–": "-", "﹣": "-", "－": "-", "⁄": "/", "∕": "/", "\u00a0": " ", "\u202f": " ", "\u2009": " ",
    "×": "*", "·": "*", "∗": "*", "÷": "/", "％": "%", "＄": "$", "，": ",", "．": ".", "＝": "=", "’": "'",
}  # fmt: skip
_TABLE = str.maketrans({**_PLAIN, **{chr(0xFF10 + digit): str(digit) for digit in range(10)}})
_DATE = re.compile(r"(?<![\d/])\d{1,2}/\d{1,2}/(?:\d{4}|\d{2})(?![\d/])")
_ANNOTATION = re.compile(r"<<(?:[^<>]{0,200}=)?([^<>=]{0,40})>>( ?[$€£]?[\d.])?")
_FRAC = re.compile(r"(-?) ?\\[dt]?frac ?(?:\{ ?(-?\d{1,40}) ?\} ?\{ ?(\d{1,40}) ?\}|(\d)(\d))")
_TEXT = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\{([^{}]{0,200})\}")
_BOLD = re.compile(r"(?<!\d)\*\*|\*\*(?!\d)|__|`")

# The ways to write digits, from the most to the least specific; the first that fits wins.
_BODY = re.compile(
    r"(?P<euro>\d{1,3}(?:\.\d{3})+,\d{1,2}(?!\d)|\d{1,3}(?:\.\d{3}){2,9}(?![\d.,]\d))"  # 1.234,56  1.234.567
    r"|(?P<plain>\d{1,3}(?:,\d{2,3}){0,20},\d{3,9}(?!\d)(?:\.\d+)?"  # 1,234.50  12,34,567
    r"|\d{1,3}(?:(?:[ ']\d{3}){1,20}|(?:, 000){1,9})(?!\d)(?:\.\d+)?)"  # 1 800  1'800
    r"|(?P<comma>(?<!\d,)\d+,\d{1,2}(?![\d,]|\.\d))"  # 3,5 but not 2,2,2
    r"|(?P<simple>\d+(?:\.\d+)?|\.\d+)"
)
_CURRENCY = re.compile(r"(?:US|AU|CA|A|C|R)?\\?[$€£¥₹] ?$|(?:USD|EUR|GBP|Rs\.?) ?$")
_NOT_BEFORE = re.compile(r"[\w.^]$|\d:$")
# no quantities: 5th, 5:30 (but 2:00 is two), 1e9999
_NOT_BEHIND = re.compile(r"(?:st|nd|rd|th)\b|:(?!00\b)\d|[eE][-+]?\d{4}")
_ORDINAL = re.compile(r"(?:st|nd|rd|th)\b")
_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
    "ninth": 9, "tenth": 10, "eleventh": 11, "twelfth": 12,
}  # fmt: skip
_OF = re.compile(r" of\b|[ \W]*$")
_ORDINAL_WORD = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b", re.IGNORECASE)
_EXPONENT = re.compile(
    r"[eE]([-+]?\d{1,3})(?!\w)| ?(?:\*|x|\\times|\\cdot) ?10 ?\^ ?(?:\{(-?\d{1,3})\}|(-?\d{1,3}))"
)
_POWER = re.compile(r"\^(?:\{(\d{1,3})\}|(\d{1,3})(?!\d))")
_OVER = re.compile(r" ?/ ?(\d{1,40})(?![\d/]|\.\d)")
_MIXED = re.compile(r"(?: {1,2}|-| and | & )(\d{1,40}) ?/ ?(\d{1,40})(?![\d/])")
_SCALE = re.compile(rf" ?({'|'.join(SCALES)}|hundred)\b", re.IGNORECASE)
_KILO = re.compile(r"([kK]|[mM]|[bB]n?)\b")
_PERCENT = re.compile(r" ?\\?%| (?:percent|per cent|pct)\b", re.IGNORECASE)
_CENTS = re.compile(r"(?: dollars?)? and (\d{1,2}) cents\b")
_CENTS_IN_WORDS = re.compile(r" dollars? and ([a-z -]{3,20}) cents?\b", re.IGNORECASE)
_MINUTES = re.compile(r" (?:hours?|hrs?),?(?: and)? (\d{1,2}) min(?:ute)?s?\b")
_HALF = re.compile(r" and (?:a |one[ -])(half|third|quarter)\b", re.IGNORECASE)
_SIGN_WORD = re.compile(r"\b(?:minus|negative) $", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """One number of a cleaned text: its place, its value, whether a percent sign or words made it."""

    start: int
    end: int
    value: Fraction
    percent: bool = False
    words: bool = False


def _spell_vulgar(match: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", match[2])
    return f"{match[1]} {plain}" if match[1] else plain


def clean(text: str) -> str:
    """The text with Unicode signs, LaTeX fractions, LaTeX spacing and bold marks in plain ASCII form.

    Calculator annotations (`<<48/2=24>>24`) are reduced to their result; `check_annotations` reads them.
    """
    # the result follows an annotation, unless the text ends there
    text = _ANNOTATION.sub(lambda m: m[2] or m[1], text)
    text = _DATE.sub("(date)", _VULGAR.sub(_spell_vulgar, text).translate(_TABLE))
    if "\\" in text or "{" in text:
        text = text.replace("{,}", ",").replace("\\,", "").replace("\\!", "").replace("\\ ", " ")
        text = _TEXT.sub(r" \1 ", text)
        text = _FRAC.sub(lambda m: f" {m[1]}{m[2] or m[4]}/{m[3] or m[5]} ", text)
    return _BOLD.sub("", text)


def _digits(match: re.Match[str]) -> Fraction | None:
    body = match[0]
    if len(body) > _MAX_DIGITS:
        return None
    if match["euro"] or match["comma"]:
        return Fraction(body.replace(".", "").replace(",", "."))
    return Fraction(body.replace(",", "").replace(" ", "").replace("'", ""))


def _tail(text: str, end: int, value: Fraction, whole: bool, currency: bool) -> tuple[Fraction, int]:
    """Value and end once what follows the digits is read: exponent, fraction, cents, minutes, scale word."""
    if match := _EXPONENT.match(text, end):
        return value * Fraction(10) ** int(match[1] or match[2] or match[3]), match.end()
    if match := _POWER.match(text, end):
        power = int(match[1] or match[2])
        return (value**power if value.numerator.bit_length() * power <= _MAX_BITS else value), match.end()
    if whole and (match := _MIXED.match(text, end)) and int(match[2]) > int(match[1]):
        return value + Fraction(int(match[1]), int(match[2])), match.end()
    if (match := _OVER.match(text, end)) and int(match[1]):
        return value / int(match[1]), match.end()
    if match := _HALF.match(text, end):
        return value + Fraction(1, {"half": 2, "third": 3, "quarter": 4}[match[1].lower()]), match.end()
    if whole and (match := _CENTS.match(text, end)):
        return value + Fraction(int(match[1]), 100), match.end()
    if whole and (match := _MINUTES.match(text, end)):
        return value + Fraction(int(match[1]), 60), match.end()
    if match := _SCALE.match(text, end):
        return value * SCALES.get(match[1].lower(), 100), match.end()
    if currency and (match := _KILO.match(text, end)):
        # only behind a currency: "5k" alone may be a distance
        return value * {"k": 10**3, "m": 10**6, "b": 10**9}[match[1][0].lower()], match.end()
    return value, end


def _negative(text: str, start: int) -> bool:
    """Whether the character before is a minus sign, not an operator or a hyphen."""
    if text[start - 1 : start] == "-" and start > 0:
        return not (start > 1 and (text[start - 2].isalnum() or text[start - 2] in ")]}%"))
    return _SIGN_WORD.search(text, max(0, start - 10), start) is not None


def find_numbers(text: str, *, words: bool = False) -> list[Found]:
    """All numbers of a cleaned text in order; number words only when asked for."""
    found: list[Found] = []
    for match in _BODY.finditer(text):
        start, end = match.span()
        if _NOT_BEFORE.search(text, max(0, start - 2), start) or _NOT_BEHIND.match(text, end):
            continue
        value = _digits(match)
        if value is None or (found and start < found[-1].end):
            continue
        money = _CURRENCY.search(text, max(0, start - 6), start)
        first = money.start() if money else start
        negative = _negative(text, start) or (money is not None and _negative(text, first))
        value, end = _tail(text, end, value, "." not in match[0], money is not None)
        percent = _PERCENT.match(text, end)
        found.append(
            Found(
                first, percent.end() if percent else end, -value if negative else value, percent is not None
            )
        )
    if words:
        found = sorted([*found, *_find_words(text, found)], key=lambda number: number.start)
    return found


def find_ordinals(text: str) -> list[Found]:
    """The ordinals of a cleaned text, `18th` or `third`; answers only where no quantity is stated."""
    found = [
        Found(*match.span(), Fraction(_ORDINALS[match[0].lower()]), words=True)
        for match in _ORDINAL_WORD.finditer(text)
    ]
    for match in _BODY.finditer(text):
        end = _ORDINAL.match(text, match.end())
        if match["simple"] and "." not in match[0] and end and (value := _digits(match)) is not None:
            found.append(Found(match.start(), end.end(), value))
    return sorted(found, key=lambda number: number.start)


def _find_words(text: str, taken: list[Found]) -> list[Found]:
    """Number words that do not overlap the numbers in digits."""
    found: list[Found] = []
    starts = [number.start for number in taken]
    for match in WORDS.finditer(text):
        value = words_to_number(match[0])
        place = bisect.bisect_left(starts, match.end())  # the last number that starts before the words end
        if value is None or (place and taken[place - 1].end > match.start()):
            continue
        if match[0].lower() == "dozen" and place and taken[place - 1].end == match.start() - 1:
            continue  # in "32 dozen" it is a unit
        if match[0].lower() in _ORDINALS and not _OF.match(text, match.end()):
            continue  # "the third house" is a position, "a third of them" is not
        end = match.end()
        if (cents := _CENTS_IN_WORDS.match(text, end)) and (part := words_to_number(cents[1])) is not None:
            value, end = value + part / 100, cents.end()
        percent = _PERCENT.match(text, end)
        found.append(Found(match.start(), end, value, percent is not None, words=True))
    return found


def canonical(value: Fraction, percent: bool = False) -> str:
    """One text per value: `18`, `-0.5`, `1/3`, and `50%` for a percentage."""
    mark = "%" if percent else ""
    if value.denominator == 1:
        return f"{value.numerator}{mark}"
    rest, places = value.denominator, 0
    for prime in (2, 5):
        power = 0
        while rest % prime == 0:
            rest //= prime
            power += 1
        places = max(places, power)
    if rest != 1:
        return f"{value.numerator}/{value.denominator}{mark}"
    with localcontext() as context:
        context.prec = 1200
        return f"{Decimal(value.numerator * 10**places // value.denominator).scaleb(-places):f}{mark}"


def final_part(text: str) -> str:
    """The text after the last `####` of a worked GSM8K solution; other texts unchanged."""
    return text.rpartition("####")[2]


def first_number(text: str) -> Found | None:
    """The first number of a canonical, gold or other short answer text, None when there is none."""
    found = find_numbers(clean(text), words=True)
    return found[0] if found else None
