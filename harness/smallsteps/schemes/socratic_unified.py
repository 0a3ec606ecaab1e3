"""Unified Socratic chain of thought: one model asks every sub-question and answers it, in one text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smallsteps.engines import Decoding, Engine, Generation
from smallsteps.engines.prompts import Prompt, asked
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Abilities, Example, Solution, Turn, each
from smallsteps.schemes.registry import ship
from smallsteps.schemes.socratic import reply_of, steps_of

_NEXT = re.compile(r"\s*\nSub-question:")
_REPLY = "\nA:"


def unified_prompt(question: str) -> Prompt:
    """The prompt: the question, and the mark after which the first sub-question begins."""
    return asked(f"Q: {question}\nSub-question:", f"{question}\nSub-question:")


@dataclass(frozen=True, slots=True)
class UnifiedSocratic:
    """Sub-questions and replies in turn; the last reply is the answer (2212.00193, the unified setting)."""

    name: str = "socratic_unified"
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(sub_questions=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """The whole dialogue as one target."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        turns = [(step.question, reply_of(step)) for step in steps_of(problem, rationale)]
        turns = [(question, reply) for question, reply in turns if reply]
        if not turns:
            return {}
        target = "\nSub-question:".join(f" {question}{_REPLY} {reply}" for question, reply in turns)
        return {"model": [Example(unified_prompt(problem.question), target)]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """One text per sample; its last reply is scored, its turns are kept."""
        rows = engines["model"].generate([unified_prompt(question) for question in questions], decoding)
        return [[read_dialogue(generation) for generation in row] for row in rows]


def read_dialogue(generation: Generation) -> Solution:
    """A text split into turns. Only a sub-question that was answered counts as one."""
    turns = []
    for piece in _NEXT.split(generation.text):
        question, answered, reply = piece.partition(_REPLY)
        if answered:
            turns.append(Turn(question.strip(), reply.strip(), generation.stop, 0))
    response = turns[-1].reply if turns else ""
    return Solution(response, generation.tokens, generation.stop, tuple(turns))


SOCRATIC_UNIFIED = UnifiedSocratic()
ship(SOCRATIC_UNIFIED)
