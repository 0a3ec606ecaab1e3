"""Small arithmetic programs in model text, run by a bounded interpreter of our own and never by Python's.

What runs: lines `name = expression` with numbers, names set before, `+ - * / // % **`, parentheses, and
`round`, `abs`, `min`, `max`, `sum`, `int`, `float` of such expressions; a `def ...():` line and a `return` or
`print` are read through. Everything else is refused.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import warnings
from collections.abc import Callable
from fractions import Fraction

from smallsteps.errors import DATA, UserError

MAX_CHARACTERS = 4000
MAX_STATEMENTS = 200
MAX_NODES = 2000
MAX_BITS = 4096
MAX_DIGITS = 30  # of `round`, which computes ten to that power

_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda a, b: Fraction(a // b),
    ast.Mod: operator.mod,
}
_CALLS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "abs": lambda v: abs(v[0]),
    "min": min,
    "max": max,
    "sum": lambda v: sum(v, Fraction(0)),
    "int": lambda v: Fraction(int(v[0])),
    "float": lambda v: v[0],
    "round": lambda v: _rounded(v[0], v[1]) if len(v) > 1 else Fraction(round(v[0])),
}
_MOST_ARGUMENTS = {"abs": 1, "int": 1, "float": 1, "round": 2}
RESULTS = ("ans", "answer", "result", "total")


def looks_like_program(text: str) -> bool:
    """Whether most lines of a text are assignments."""
    lines = [line for line in text.strip().split("\n") if line.strip() and not line.strip().startswith("#")]
    assignments = sum(bool(re.match(r"\s*[A-Za-z_]\w{0,60}\s*=(?!=)", line)) for line in lines)
    return bool(lines) and assignments >= max(1, len(lines) - 2) and "=" in lines[0] + lines[-1]


def run_program(text: str) -> Fraction:
    """What a program returns or prints, else its `ans`, `answer`, `result` or `total`, else its last value.

    Raises:
        UserError: it is no such program, does something that is not allowed, or costs too much.
    """
    if len(text) > MAX_CHARACTERS:
        raise _refused("too long")
    try:
        with warnings.catch_warnings(action="ignore"):  # odd escapes in a string are nobody's concern
            tree = ast.parse(re.sub(r"\A```(?:python)?\n|\n```\s*\Z", "", text.strip()))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(f"not a program ({type(error).__name__})") from None
    body = tree.body
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef):
        body = body[0].body
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES or len(body) > MAX_STATEMENTS:
        raise _refused("too large")
    names: dict[str, Fraction] = {}
    said: Fraction | None = None
    last: Fraction | None = None
    try:
        for statement in body:
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target = statement.targets[0]
                if not isinstance(target, ast.Name):
                    raise _refused("only plain names can be set")
                last = names[target.id] = _value(statement.value, names)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                said = _value(statement.value, names)
                break
            elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue  # a docstring
            elif isinstance(statement, ast.Expr) and _is_print(statement.value):
                said = _value(statement.value.args[0], names)  # type: ignore[attr-defined]
            else:
                raise _refused(f"'{type(statement).__name__}' is not allowed")
    except (ZeroDivisionError, OverflowError, RecursionError) as error:
        raise _refused(str(error)) from None
    for name in RESULTS:
        if said is None and name in names:
            said = names[name]
    found = said if said is not None else last
    if found is None:
        raise _refused("it computes nothing")
    return found


def _is_print(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and len(node.args) == 1
    )


def _value(node: ast.expr, names: dict[str, Fraction]) -> Fraction:
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and math.isfinite(node.value)
    ):
        return _bounded(Fraction(str(node.value)))
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise _refused(f"'{node.id}' is not set")
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand, names)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, names), _value(node.right, names)
        if isinstance(node.op, ast.Pow):
            return _power(left, right)
        if type(node.op) in _BINARY:
            return _bounded(_BINARY[type(node.op)](left, right))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        arguments = node.args
        if len(arguments) == 1 and isinstance(arguments[0], ast.List | ast.Tuple):
            arguments = arguments[0].elts
        most = _MOST_ARGUMENTS.get(node.func.id, len(arguments))
        if node.func.id in _CALLS and 0 < len(arguments) <= most:
            return _bounded(_CALLS[node.func.id]([_value(argument, names) for argument in arguments]))
    raise _refused(f"'{type(node).__name__}' is not allowed")


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if exponent.denominator != 1 or abs(exponent) * bits > MAX_BITS:
        raise _refused("power refused")
    return _bounded(Fraction(base ** int(exponent)))


def _rounded(value: Fraction, digits: Fraction) -> Fraction:
    if digits.denominator != 1 or abs(digits) > MAX_DIGITS:
        raise _refused("digits of round refused")
    return Fraction(round(value, int(digits)))


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise _refused("number too large")
    return value


def _refused(reason: str) -> UserError:
    return UserError(f"program refused: {reason}", code=DATA)
