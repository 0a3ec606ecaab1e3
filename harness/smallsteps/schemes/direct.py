"""Schemes of one model and one text: the answer alone, or a chain of thought before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smallsteps.engines import Decoding, Engine
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import (
    Abilities,
    Example,
    Solution,
    answer_sentence,
    each,
    prompt_of,
    solution_of,
)
from smallsteps.schemes.registry import ship


@dataclass(frozen=True, slots=True)
class Direct:
    """Question in, one text out; with `reasoning` the rationale precedes the answer sentence."""

    name: str
    reasoning: bool
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(thoughts=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One example: gold answer alone, or the rationale and the answer it reaches."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        prompt = prompt_of(problem.question)
        if not self.reasoning:
            thought = rationale if rationale.thoughts else None  # else the target holds none of its text
            return {"model": [Example(prompt, f" {answer_sentence(problem.answer)}", rationale=thought)]}
        if rationale.answer is None:
            return {"model": []}
        text = rationale.text.strip()
        target = f"{text} {answer_sentence(rationale.answer)}" if text else answer_sentence(rationale.answer)
        return {"model": [Example(prompt, f" {target}", rationale=rationale)]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate from the shared prompt."""
        generations = engines["model"].generate([prompt_of(q) for q in questions], decoding)
        return [[solution_of(g) for g in row] for row in generations]


ANSWER_ONLY = Direct("answer_only", reasoning=False)
COT = Direct("cot", reasoning=True)
ship(ANSWER_ONLY)
ship(COT)
