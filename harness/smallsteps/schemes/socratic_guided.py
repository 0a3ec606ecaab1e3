"""Socratic chain of thought whose decomposer is guided: by the number of steps, or by their equations.

A third model, the guide, reads the problem and writes the guidance; the decomposer reads problem and
guidance. Nothing is taken from the solution at inference. The settings are those of 2212.00193: no guidance
(`socratic`), number of steps, equations.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from smallsteps.engines import Decoding, Engine, Generation
from smallsteps.engines.prompts import Prompt, asked
from smallsteps.problems import Problem, Rationale, Step
from smallsteps.schemes.base import Abilities, Example, Solution, each
from smallsteps.schemes.registry import ship
from smallsteps.schemes.socratic import SOCRATIC, steps_of

_SPACES = re.compile(r"\s+")


def guide_prompt(question: str) -> Prompt:
    """The guide's prompt."""
    return asked(f"Q: {question}\nGuide:", f"{question}\nGuide:")


def guided_prompt(question: str, guidance: str) -> Prompt:
    """The decomposer's prompt: the problem and one line of guidance."""
    line = f"{question}\nGuide: {_SPACES.sub(' ', guidance).strip()}\nSub-questions:"
    return asked(f"Q: {line}", line)


def number_of_steps(steps: Sequence[Step]) -> str:
    """`2 steps`."""
    return f"{len(steps)} step{'s' if len(steps) > 1 else ''}"


def equations_of(steps: Sequence[Step]) -> str:
    """`48 / 2; 48 + 24`: the left sides in order; empty where no step has one."""
    return "; ".join(step.equation for step in steps if step.equation)


@dataclass(frozen=True, slots=True)
class GuidedSocratic:
    """Guide, decomposer and solver; the last sub-answer is the answer.

    Attributes:
        guidance: of some steps; empty where they have none, and the rationale then gives no example.
    """

    name: str
    guidance: Callable[[Sequence[Step]], str]
    parts: tuple[str, ...] = ("guide", "decomposer", "solver")
    abilities: ClassVar[Abilities] = Abilities(sub_questions=True, dialogue=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """Guidance for the guide, a plan for the decomposer, one example per sub-question for the solver."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        steps = steps_of(problem, rationale)
        guidance = self.guidance(steps) if steps else ""
        if not guidance:
            return {}
        plain = SOCRATIC.taught(problem, rationale)
        return {
            "guide": [Example(guide_prompt(problem.question), f" {guidance}")],
            "decomposer": [
                Example(guided_prompt(problem.question, guidance), one.target) for one in plain["decomposer"]
            ],
            "solver": plain["solver"],
        }

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Guidance, then plans, then replies round by round; every sample has guidance of its own."""
        guides = engines["guide"].generate([guide_prompt(q) for q in questions], decoding)
        asked_for = [
            guided_prompt(question, one.text)
            for question, row in zip(questions, guides, strict=True)
            for one in row
        ]
        rows = engines["decomposer"].generate(asked_for, replace(decoding, samples=1))
        planned = iter(row[0] for row in rows)
        plans = [[_with_tokens(next(planned), one) for one in row] for row in guides]
        return self.answer_plans(questions, plans, engines, decoding)

    def answer_plans(
        self,
        questions: Sequence[str],
        plans: Sequence[Sequence[Generation]],
        engines: Mapping[str, Engine],
        decoding: Decoding,
    ) -> list[list[Solution]]:
        """As without guidance: the solver alone is asked."""
        return SOCRATIC.answer_plans(questions, plans, engines, decoding)


def _with_tokens(plan: Generation, guidance: Generation) -> Generation:
    """A plan that counts the tokens of its guidance too, and is cut where that was."""
    stop = "length" if guidance.stop == "length" else plan.stop
    return replace(
        plan,
        tokens=plan.tokens + guidance.tokens,
        prompt_tokens=plan.prompt_tokens + guidance.prompt_tokens,
        stop=stop,
    )


ship(GuidedSocratic("socratic_steps", number_of_steps))
ship(GuidedSocratic("socratic_equations", equations_of))
