"""The oracle teacher: many ways to tell the right solution, and at a set rate a slip as models make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from smallsteps.errors import UserError
from smallsteps.microworld.program import Program, Ref, apply, from_text, orders
from smallsteps.problems import Problem

Equation = tuple[int, str, int, int]

_NAMES = {"+": "Add", "-": "Subtract", "*": "Multiply", "/": "Divide"}
_LINKS = ("So", "Then", "Now", "Next")


def _style(rng: Random) -> Callable[[int, Equation], str]:
    """One manner of writing, used through one rationale: bare, linked, named or numbered."""
    manner = rng.choice(("bare", "linked", "named", "numbered", "first"))

    def write(place: int, equation: Equation) -> str:
        left, symbol, right, value = equation
        text = f"{left} {symbol} {right} = {value}."
        if manner == "linked":
            return f"{rng.choice(_LINKS)} {text}"
        if manner == "named":
            return f"{_NAMES[symbol]}: {text}"
        if manner == "numbered":
            return f"Step {place + 1}: {text}"
        if manner == "first":
            return f"{'First' if place == 0 else 'Then'} {text}"
        return text

    return write


def _arrange(program: Program, rng: Random) -> Program:
    """The same operations in another possible order, sums and products turned round at random."""
    order = rng.choice(orders(program))
    moved = {old: new for new, old in enumerate(order)}

    def side(operand: int | Ref) -> int | Ref:
        return Ref(moved[operand.index]) if isinstance(operand, Ref) else operand

    arranged = []
    for old in order:
        operation = replace(program[old], left=side(program[old].left), right=side(program[old].right))
        if operation.symbol in "+*" and rng.random() < 0.5:
            operation = replace(operation, left=operation.right, right=operation.left)
        arranged.append(operation)
    return tuple(arranged)


def _miscalculate(value: int, rng: Random) -> int:
    """A result that is off by one, by ten, or has its digits turned round."""
    turned = int(str(value)[::-1]) if value > 9 else value + 2
    return rng.choice(
        [v for v in (value - 1, value + 1, value + 10, value - 10, turned) if v > 0 and v != value]
    )


def _slip(program: Program, rng: Random) -> Program:
    """Another operation, or another number in its place, in one step."""
    place = rng.randrange(len(program))
    operation = program[place]
    if rng.random() < 0.6:
        swapped = {"+": "-", "-": "+", "*": "+", "/": "-"}[operation.symbol]
        changed = replace(operation, symbol=swapped)
    else:
        numbers = [s for o in program for s in (o.left, o.right) if isinstance(s, int)]
        number = rng.choice(numbers) if numbers else 2
        changed = (
            replace(operation, right=number)
            if isinstance(operation.right, int)
            else replace(operation, left=number)
        )
    return (*program[:place], changed, *program[place + 1 :])


def _solve(program: Program, wrong_at: int | None, rng: Random) -> list[Equation] | None:
    """All equations; the one at `wrong_at` with a wrong result, which later ones go on with."""
    results: list[int] = []
    equations: list[Equation] = []
    for place, operation in enumerate(program):
        left, right = operation.operands(results)
        value = apply(left, operation.symbol, right)
        if value is None:
            return None
        if place == wrong_at:
            value = _miscalculate(value, rng)
        results.append(value)
        equations.append((left, operation.symbol, right, value))
    return equations


def _wrong(program: Program, gold: int, rng: Random) -> list[Equation]:
    """Equations that miss the gold answer: a slip of arithmetic, of the operation, or a step left out."""
    for _ in range(50):
        draw = rng.random()
        if draw < 0.45:
            found = _solve(program, rng.randrange(len(program)), rng)
        elif draw < 0.85 or len(program) < 2:
            found = _solve(_slip(program, rng), None, rng)
        else:
            found = _solve(program[:-1], None, rng)
        if found and found[-1][3] != gold:
            return found
    found = _solve(program, len(program) - 1, rng)  # always possible, always wrong
    assert found is not None
    return found


def oracle_samples(problem: Problem, n: int, seed: int, error_rate: float = 0.2) -> list[str]:
    """`n` distinct rationales for one problem, each closed by `The answer is ....`.

    Args:
        problem: a word problem of the micro-world (its `program` tag is read).
        n: how many; asking for more leaves the first ones as they were.
        seed: with the problem's question, names the draw.
        error_rate: chance of each sample to be wrong.

    Raises:
        UserError: not a word problem of the micro-world, or one with fewer than `n` ways to be told.
    """
    if "program" not in problem.tags:
        raise UserError(
            f"the oracle teacher cannot solve problem '{problem.id}'",
            fix="it knows the word problems of the micro-world only; use another teacher for this benchmark",
        )
    program, gold = from_text(problem.tags["program"]), int(problem.answer)
    rng = Random(f"oracle {seed} {problem.question}")
    found: dict[str, None] = {}
    wrong, fresh = False, True
    misses = 0
    while len(found) < n:
        if (
            fresh
        ):  # a repeated text is drawn again with the same verdict: repeats must not shift the error rate
            wrong = rng.random() < error_rate
        arranged = _arrange(program, rng)
        equations = _wrong(arranged, gold, rng) if wrong else _solve(arranged, None, rng)
        assert equations is not None
        write = _style(rng)
        lines = [write(place, equation) for place, equation in enumerate(equations)]
        text = f"{' '.join(lines)} The answer is {equations[-1][3]}."
        fresh = text not in found
        found[text] = None
        misses = 0 if fresh else misses + 1
        if misses == 2000:
            raise UserError(
                f"problem '{problem.id}' has only about {len(found)} different rationales, {n} are asked for",
                fix="ask for fewer samples a problem",
            )
    return list(found)
