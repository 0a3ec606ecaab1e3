"""The arithmetic of a word problem: a list of operations whose operands are numbers or earlier results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ref:
    """The result of an earlier operation, counted from 0."""

    index: int


Operand = int | Ref

_APPLY: dict[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a // b,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """`left symbol right`, with symbol one of + - * /."""

    left: Operand
    symbol: str
    right: Operand

    def operands(self, results: Sequence[int]) -> tuple[int, int]:
        """Both operands as numbers, given the results of the earlier operations."""
        left = results[self.left.index] if isinstance(self.left, Ref) else self.left
        right = results[self.right.index] if isinstance(self.right, Ref) else self.right
        return left, right


Program = tuple[Operation, ...]


def apply(left: int, symbol: str, right: int) -> int | None:
    """The result, or None where a child would have none: negative differences and divisions with a rest."""
    if symbol == "/" and (right == 0 or left % right):
        return None
    value = _APPLY[symbol](left, right)
    return value if value >= 0 else None


def run(program: Program) -> list[int] | None:
    """All results in order, or None as soon as one does not exist."""
    results: list[int] = []
    for operation in program:
        left, right = operation.operands(results)
        value = apply(left, operation.symbol, right)
        if value is None:
            return None
        results.append(value)
    return results


def to_text(program: Program) -> str:
    """One line such as `3*4;#1+2`, where `#1` is the result of the first operation."""

    def side(operand: Operand) -> str:
        return f"#{operand.index + 1}" if isinstance(operand, Ref) else str(operand)

    return ";".join(f"{side(o.left)}{o.symbol}{side(o.right)}" for o in program)


def from_text(text: str) -> Program:
    """The inverse of `to_text`.

    Raises:
        ValueError: the text is not a program.
    """

    def side(part: str) -> Operand:
        return Ref(int(part[1:]) - 1) if part.startswith("#") else int(part)

    operations = []
    for line in text.split(";"):
        symbol = next((s for s in "+-*/" if s in line), None)
        if symbol is None:
            raise ValueError(f"no operation in {line!r}")
        left, _, right = line.partition(symbol)
        operations.append(Operation(side(left), symbol, side(right)))
    return tuple(operations)


def orders(program: Program) -> list[tuple[int, ...]]:
    """Every order in which each operation comes after those it uses (at most 24, the given one first)."""
    needs = [
        {side.index for side in (operation.left, operation.right) if isinstance(side, Ref)}
        for operation in program
    ]
    found: list[tuple[int, ...]] = []

    def grow(done: tuple[int, ...]) -> None:
        if len(found) == 24:
            return
        if len(done) == len(program):
            found.append(done)
            return
        for index, before in enumerate(needs):
            if index not in done and before <= set(done):
                grow((*done, index))

    grow(())
    return found
