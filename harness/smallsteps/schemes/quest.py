"""QuestCoT: the first sub-question is asked before the reasoning starts (Jain et al. 2023, 2311.07945).

`quest` is one model that asks first. In `quest_apart` and `first_step` another model writes the beginning,
a question or the first step of the reasoning; a stronger student may lend it (`parts: {starter:
{from: ...}}`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from smallsteps.engines import Decoding, Engine
from smallsteps.engines.prompts import Prompt, asked
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Abilities, Example, Solution, closed, each, generate_one, prompt_of
from smallsteps.schemes.registry import ship
from smallsteps.schemes.socratic import steps_of

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_SPACES = re.compile(r"\s+")
Start = tuple[str, str]  # how the reasoning begins, and the rest of it


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
        first, rest = question_first(problem, rationale)
        if rationale.answer is None or not first:
            return {"model": []}
        target = f" {first} {closed(rest, rationale.answer)}"
        return {"model": [Example(prompt_of(problem.question), target, rationale=rationale)]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate from the shared prompt."""
        return generate_one(questions, prompt_of, str, engines["model"], decoding)


def question_first(problem: Problem, rationale: Rationale) -> Start:
    """The first sub-question, and the whole rationale."""
    questions = [step.question for step in steps_of(problem, rationale)]
    return (questions[0] if questions else ""), rationale.text


def step_first(problem: Problem, rationale: Rationale) -> Start:
    """The first sentence or line of the rationale, and what follows it."""
    first, *rest = _SENTENCE.split(rationale.text.strip(), maxsplit=1)
    return first, "".join(rest)


def starter_prompt(question: str) -> Prompt:
    """The prompt of the model that writes the beginning."""
    return asked(f"Q: {question}\nBegin:", f"{question}\nBegin:")


def started_prompt(question: str, start: str) -> Prompt:
    """The other model's prompt: the problem and the beginning."""
    line = _SPACES.sub(" ", start).strip()
    return asked(f"Q: {question}\nBegin: {line}\nA:", f"{question}\nBegin: {line}")


@dataclass(frozen=True, slots=True)
class Started:
    """Two models: one writes the beginning, the other continues.

    Attributes:
        start: beginning and rest of a rationale; an empty beginning gives no example.
        abilities: whether sub-questions are needed for it.
    """

    name: str
    start: Callable[[Problem, Rationale], Start]
    abilities: Abilities
    parts: tuple[str, ...] = ("starter", "model")

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """The beginning for one, the rest of the rationale for the other."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        first, rest = self.start(problem, rationale)
        if rationale.answer is None or not first:
            return {}
        going_on = Example(started_prompt(problem.question, first), f" {closed(rest, rationale.answer)}")
        return {"starter": [Example(starter_prompt(problem.question), f" {first}")], "model": [going_on]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Beginnings in one batch, then texts. A sample has a beginning of its own, which is not scored."""
        starts = engines["starter"].generate([starter_prompt(question) for question in questions], decoding)
        prompts = [
            started_prompt(question, one.text)
            for question, row in zip(questions, starts, strict=True)
            for one in row
        ]
        texts = iter(engines["model"].generate(prompts, replace(decoding, samples=1)))
        rows = []
        for row in starts:
            solved = []
            for one in row:
                (text,) = next(texts)
                stop = "length" if one.stop == "length" else text.stop
                solved.append(Solution(text.text.strip(), one.tokens + text.tokens, stop))
            rows.append(solved)
        return rows


ship(Quest())
ship(Started("quest_apart", question_first, Abilities(sub_questions=True)))
ship(Started("first_step", step_first, Abilities()))
