"""What a family of word problems hands to the renderer, and the limits that keep the numbers small."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Protocol

from smallsteps.microworld.program import Operand, Operation, Program, Ref, run

# Values of a sentence's fields: numbers, or keys of the renderer's cast (`A`, `0`, `x`, ...).
Slots = Mapping[str, int | str]
# Sentence kind -> (wordings of the ordinary slices, wordings held out for `new_templates`).
Wordings = Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on the numbers of a problem.

    Attributes:
        total: no number in the problem or its solution exceeds it.
        operand: a sum or difference has at least one number (operand or result) at or below it.
        factor: factors and divisors lie in 2..factor.
        beyond: some number must exceed it (0: no demand); what makes `larger_numbers` larger.
    """

    total: int = 50
    operand: int = 12
    factor: int = 9
    beyond: int = 0

    def allow(self, program: Program) -> bool:
        """Whether every operation of the program keeps to the limits."""
        results = run(program)
        if results is None:
            return False
        largest = 0
        for operation, value in zip(program, results, strict=True):
            left, right = operation.operands(results)
            largest = max(largest, left, right, value)
            if operation.symbol in "*/":
                small = right if operation.symbol == "/" else min(left, right)
                if not 2 <= small <= self.factor or (
                    operation.symbol == "*" and max(left, right) > self.total
                ):
                    return False
            elif min(left, right, value if operation.symbol == "-" else left) > self.operand:
                return False
            if value < 1:
                return False
        return self.beyond < largest <= self.total


@dataclass(frozen=True, slots=True)
class Plan:
    """One problem before it has words.

    Attributes:
        program: its arithmetic.
        scene: (sentence kind, slots) in order of telling; the last one asks.
        questions: (sub-question kind, slots), one for each operation.
    """

    program: Program
    scene: tuple[tuple[str, Slots], ...]
    questions: tuple[tuple[str, Slots], ...]


class Family(Protocol):
    """A module that plans problems of one kind."""

    NAME: str
    SENTENCES: Wordings
    QUESTIONS: Mapping[str, str]

    def plan(self, rng: Random, steps: int, limits: Limits) -> Plan | None:
        """A plan with exactly `steps` operations, or None when this draw broke the limits: draw again."""
        ...


class Telling:
    """Collects a plan while the story is told; keeps the reference to the latest result."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.scene: list[tuple[str, Slots]] = []
        self.questions: list[tuple[str, Slots]] = []

    def say(self, kind: str, **slots: int | str) -> None:
        """Add a sentence."""
        self.scene.append((kind, slots))

    def compute(self, left: Operand, symbol: str, right: Operand, question: str, **slots: int | str) -> Ref:
        """Add an operation with its sub-question; returns a reference to its result."""
        self.operations.append(Operation(left, symbol, right))
        self.questions.append((question, slots))
        return Ref(len(self.operations) - 1)

    def done(self, limits: Limits) -> Plan | None:
        """The plan, or None when its numbers break the limits."""
        program = tuple(self.operations)
        if not limits.allow(program):
            return None
        return Plan(program, tuple(self.scene), tuple(self.questions))
