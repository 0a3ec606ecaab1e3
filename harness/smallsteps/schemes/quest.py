"""QuestCoT: the first sub-question is asked before the reasoning starts (Jain et al. 2023, 2311.07945)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smallsteps.engines import Decoding, Engine
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Abilities, Example, Solution, closed, each, generate_one, prompt_of
from smallsteps.schemes.registry import ship


@dataclass(frozen=True, slots=True)
class Quest:
    """One model, one text: the first sub-question, the chain of thought, the answer."""

    name: str = "quest"
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(sub_questions=True, thoughts=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One example; none where no sub-question is known."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        if rationale.answer is None:
            return {"model": []}
        asked = [step.question for step in (rationale.steps or problem.steps) if step.question]
        if not asked:
            return {"model": []}
        target = f" {asked[0]} {closed(rationale.text, rationale.answer)}"
        return {"model": [Example(prompt_of(problem.question), target, rationale=rationale)]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate from the shared prompt."""
        return generate_one(questions, prompt_of, str, engines["model"], decoding)


ship(Quest())
