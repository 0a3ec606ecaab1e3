"""Arithmetic in model text, computed by a small parser and never by the interpreter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from smallsteps.errors import DATA, UserError

MAX_LENGTH = 400
MAX_DEPTH = 40
MAX_BITS = 4096
_TOKEN = re.compile(r" *(?:(\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(%?)|(\*\*|[-+*/^()]))")
_SIGNS = str.maketrans(
    {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "x": "*", "X": "*", "[": "(", "]": ")", "$": ""}
)
_EXPRESSION = re.compile(r"[-+( ]*[\d.][\d.,%]*[) ]*[-+*/^x×÷−(][-+*/^x×÷−()\d.,% ]*")
_ANNOTATION = re.compile(r"<<([^<>]{0,200})>>([^\s<>]{0,40})")


class ArithmeticRefusedError(UserError):
    """The text is not arithmetic, or computing it would cost too much."""

    def __init__(self, message: str, expression: str) -> None:
        super().__init__(message, where=repr(expression[:80]), code=DATA)


def is_expression(text: str) -> bool:
    """Whether a text is arithmetic with an operator; numbers, fractions and ranges are not."""
    if len(text) > MAX_LENGTH or not _EXPRESSION.fullmatch(text):
        return False
    if re.fullmatch(r"-?[\d,]+ ?/ ?[\d,]+%?|\d+[ -]\d+/\d+", text):  # 3/4 and 1 3/4
        return False
    dash = re.fullmatch(r"(\d{1,15}) ?[-–−] ?(\d{1,15})", text)
    return not (dash and " " not in text and int(dash[1]) < int(dash[2]))  # "5-6" is a range


class _Parser:
    """Recursive descent over + - * / ** with parentheses; every step is bounded."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens: list[str] = []
        text, place = expression.translate(_SIGNS).strip(), 0
        if len(text) > MAX_LENGTH:
            raise ArithmeticRefusedError("expression too long", expression)
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise ArithmeticRefusedError(f"not arithmetic at {text[place : place + 8]!r}", expression)
            self.tokens.append((match[1] or "").replace(",", "") + match[2] if match[1] else match[3])
            place = match.end()
        self.place = 0
        self.depth = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.place += 1
        return token

    def bounded(self, value: Fraction) -> Fraction:
        if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
            raise ArithmeticRefusedError("number too large", self.expression)
        return value

    def sum(self) -> Fraction:
        value = self.product()
        while self.peek() in ("+", "-"):
            value = value + self.product() if self.take() == "+" else value - self.product()
        return self.bounded(value)

    def product(self) -> Fraction:
        value = self.signed()
        while (token := self.peek()) in ("*", "/", "("):
            if token != "(":  # 2(3+4) multiplies
                self.take()
            factor = self.signed()
            if token == "/":
                if factor == 0:
                    raise ArithmeticRefusedError("division by zero", self.expression)
                value /= factor
            else:
                value *= factor
            self.bounded(value)
        return value

    def signed(self) -> Fraction:
        negative = False
        while self.peek() in ("+", "-") and self.peek():
            negative ^= self.take() == "-"
        value = self.power()
        return -value if negative else value

    def power(self) -> Fraction:
        base = self.atom()
        if self.peek() not in ("**", "^"):
            return base
        self.take()
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ArithmeticRefusedError("nested too deeply", self.expression)
        exponent = self.signed()
        self.depth -= 1
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if exponent.denominator != 1 or abs(exponent) * bits > MAX_BITS:
            raise ArithmeticRefusedError("power refused", self.expression)
        if base == 0 and exponent < 0:
            raise ArithmeticRefusedError("division by zero", self.expression)
        return self.bounded(base ** int(exponent))

    def atom(self) -> Fraction:
        token = self.take()
        if token == "(":
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ArithmeticRefusedError("nested too deeply", self.expression)
            value = self.sum()
            self.depth -= 1
            if self.take() != ")":
                raise ArithmeticRefusedError("missing ')'", self.expression)
            return value
        if not token or not (token[0].isdigit() or token[0] == "."):
            raise ArithmeticRefusedError(
                f"number expected, got {token!r}" if token else "incomplete", self.expression
            )
        return self.bounded(Fraction(token[:-1]) / 100 if token.endswith("%") else Fraction(token))


def calculate(expression: str) -> Fraction:
    """The exact value of an arithmetic expression.

    Args:
        expression: numbers, `+ - * / **` (also `^ x × ÷ −`), parentheses, thousands commas, `%`, `$`.

    Raises:
        UserError: not arithmetic, division by zero, or too large a power.
    """
    parser = _Parser(expression)
    value = parser.sum()
    if parser.peek():
        raise ArithmeticRefusedError(f"not arithmetic at {parser.peek()!r}", expression)
    return value


@dataclass(frozen=True, slots=True)
class Annotation:
    """One calculator annotation `<<48/2=24>>24`.

    Attributes:
        expression: left of the last equals sign.
        claimed: right of it.
        value: what the expression really is; None when it cannot be computed.
        right: whether the claim is that value (rounded to the decimals claimed).
        problem: why not, empty when right.
    """

    expression: str
    claimed: str
    value: Fraction | None
    right: bool
    problem: str = ""


def check_annotations(text: str) -> list[Annotation]:
    """All calculator annotations of a text, each checked by `calculate`."""
    return [_check(match[1]) for match in _ANNOTATION.finditer(text)]


def _check(body: str) -> Annotation:
    expression, equals, claimed = body.rpartition("=")
    if not equals:
        return Annotation(body, "", None, False, "no equals sign")
    try:
        value, claim = calculate(expression), calculate(claimed)
    except UserError as error:
        return Annotation(expression, claimed, None, False, error.message)
    decimals = len(claimed.partition(".")[2]) if re.fullmatch(r"[-$\d,. ]+", claimed) else 0
    if value == claim or (decimals and abs(value - claim) <= Fraction(1, 2 * 10**decimals)):
        return Annotation(expression, claimed, value, True)
    return Annotation(expression, claimed, value, False, "wrong result")
