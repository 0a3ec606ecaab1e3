"""Equations in running text (`15 caps + 18 wrappers = 33 items`), and sub-questions made from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from smallsteps.problems import Problem, Step

_TOKEN = re.compile(
    r"(?P<num>[$€£]?\d[\d,]{0,20}(?:\.\d{1,12})?%?)|(?P<word>[A-Za-z][A-Za-z'’]*(?:-[A-Za-z]+)*)"
    r"|(?P<op>[-+*/×÷−–·]|\\times|\\div)|(?P<eq>=)|(?P<open>\()|(?P<close>\))|(?P<other>\S)"
)
_MAX_UNIT = 4  # words of a unit
_MAX_TOKENS = 60  # tokens of one left side
_STOP = re.compile(
    r"\s+(?:and|in|on|at|for|from|of the|to|that|which|because|since|so|now|left|this|is|are|was|were|per|by|"
    r"with|as|when|then|he|she|they|we|it|total|each)\b.*",
    re.IGNORECASE,
)
_SIGNS = {"×": "*", "·": "*", "\\times": "*", "÷": "/", "\\div": "/", "−": "-", "–": "-"}
ASK = {
    "+": "How many {unit} are there in total?",
    "-": "How many {unit} is the difference?",
    "*": "How many {unit} do the equal groups make?",
    "/": "How many {unit} does each equal part have?",
}


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation of a text.

    Attributes:
        expression: its left side as plain arithmetic, `15 + 18`.
        result: its right side, digits only.
        unit: the words behind the result, possibly empty.
        start, end: its place in the text.
    """

    expression: str
    result: str
    unit: str
    start: int
    end: int


def find_equations(text: str) -> list[Equation]:
    """All equations with numbers on both sides, in order. Equations with variables are left out."""
    if "=" not in text:
        return []
    tokens = [(m.lastgroup or "", m[0], m.start(), m.end()) for m in _TOKEN.finditer(text)]
    found = []
    for index, (kind, _, _, _) in enumerate(tokens):
        if kind != "eq":
            continue
        right = _result(tokens, index)
        left = _left(text, tokens, index) if right else None
        if right is None or left is None:
            continue
        result, unit, end = right
        found.append(Equation(left[0], result, unit, left[1], end))
    return found


_Token = tuple[str, str, int, int]


def _result(tokens: list[_Token], index: int) -> tuple[str, str, int] | None:
    """Value, unit and end of the right-hand side of an equation."""
    place, sign = index + 1, ""
    if place < len(tokens) and tokens[place][1] in "-−":
        place, sign = place + 1, "-"
    if place >= len(tokens) or tokens[place][0] != "num":
        return None
    value, end = sign + _digits(tokens[place][1]), tokens[place][3]
    words: list[str] = []
    for kind, word, _, _ in tokens[place + 1 : place + 1 + _MAX_UNIT]:
        if kind != "word" or len(word) == 1:
            break
        words.append(word)
    unit = _STOP.sub("", " " + " ".join(words)).strip()
    return value, unit, end


def _left(text: str, tokens: list[_Token], index: int) -> tuple[str, int] | None:
    """Expression left of an equals sign and where it starts, read backwards value by value."""
    parts: list[str] = []
    place, depth, operations = index - 1, 0, 0
    start = index
    while place >= 0 and index - place < _MAX_TOKENS:
        words = 0
        while place >= 0 and (skipped := _unit(tokens, place)) and words < _MAX_UNIT:
            words += 1
            place -= skipped
        while place >= 0 and tokens[place][0] == "close":
            parts.append(")")
            depth += 1
            place -= 1
            while place >= 0 and (skipped := _unit(tokens, place)):
                place -= skipped
        if place < 0 or tokens[place][0] != "num":
            return None  # an operator with nothing, or a variable, before it
        parts.append(_digits(tokens[place][1]))
        start = place
        while place > 0 and tokens[place - 1][0] == "open" and depth:
            parts.append("(")
            depth -= 1
            place -= 1
            start = place
        before = place - 1
        if before < 0 or not _is_operator(tokens, before):
            break
        if "\n" in text[tokens[before][3] : tokens[place][2]] or _is_bullet(text, tokens, before):
            break
        parts.append(
            f" {_SIGNS.get(tokens[before][1].replace('X', 'x'), tokens[before][1]).replace('x', '*')} "
        )
        operations += 1
        place = before - 1
    if not operations or depth:
        return None
    return "".join(reversed(parts)).strip(), tokens[start][2]


def _unit(tokens: list[_Token], place: int) -> int:
    """Tokens of the unit that ends here (a word, or words in parentheses); 0 when there is none."""
    kind, word, _, _ = tokens[place]
    if kind == "word" and len(word) > 1:
        return 1
    if kind == "close":
        for back in range(place - 1, max(-1, place - 8), -1):
            if tokens[back][0] == "open":
                return place - back + 1
            if tokens[back][0] != "word":
                return 0
    return 0


def _is_operator(tokens: list[_Token], place: int) -> bool:
    kind, word, _, _ = tokens[place]
    return kind == "op" or (kind == "word" and word in ("x", "X") and place > 0)


def _is_bullet(text: str, tokens: list[_Token], place: int) -> bool:
    """A dash that opens a list item or a sentence, not a minus."""
    if tokens[place][1] not in "-–*·+":
        return False
    return (
        place == 0 or "\n" in text[tokens[place - 1][3] : tokens[place][2]] or tokens[place - 1][0] == "other"
    )


def _digits(number: str) -> str:
    return number.strip("$€£").replace(",", "")


def operators(expression: str) -> str:
    """The operators of an expression in order, `+-`."""
    return "".join(re.findall(r" ([-+*/]) ", expression))


def last_question(problem: Problem) -> str:
    """The sentence of a problem that asks, else the whole problem."""
    sentences = re.split(r"(?<=[.!?,])\s+|\n", problem.question.strip())
    asking = [s for s in sentences if s.endswith("?")]
    return asking[-1] if asking else problem.question.strip()


def steps_from_equations(problem: Problem, text: str, answer: str | None, *, show: bool) -> tuple[Step, ...]:
    """Sub-questions guided by a rationale's equations (operator guidance; with `show`, equation guidance).

    Every equation gives one step: its sub-question asks for the equation's unit by its operator, or shows the
    expression; its solution is the rationale's text from behind the previous equation to behind this one. The
    last step asks the problem's own question and gives the rationale's answer. A rationale without equations
    is one step.
    """
    equations = [e for e in find_equations(text) if e.expression != e.result]
    final = answer if answer is not None else (equations[-1].result if equations else "")
    steps: list[Step] = []
    place = 0
    for index, equation in enumerate(equations):
        last = index == len(equations) - 1
        end = len(text) if last else _sentence_end(text, equation.end, equations[index + 1].start)
        solution = " ".join(text[place:end].split())
        place = end
        question = last_question(problem) if last else _ask(equation, show)
        steps.append(Step(question, solution, final if last else equation.result, equation.expression))
    if not steps:
        return (Step(last_question(problem), " ".join(text.split()), final),)
    return tuple(steps)


def _ask(equation: Equation, show: bool) -> str:
    unit = equation.unit
    if show:
        return f"How many {unit} is {equation.expression}?" if unit else f"What is {equation.expression}?"
    signs = operators(equation.expression)
    template = ASK[signs[-1]] if signs else "How many {unit} are there?"
    return template.format(unit=unit).replace("  ", " ") if unit else template.replace(" {unit}", "")


def _sentence_end(text: str, place: int, limit: int) -> int:
    """End of an equation's sentence, or of the equation where the next one begins before that."""
    match = re.compile(r"[.!?](?=\s)|\n").search(text, place, limit)
    return match.end() if match else place
