"""Divide or conquer (Wu et al. 2024, 2402.15000): a decomposer plans everything first, a solver answers it.

The prompts contain instructions, so that a model that was not trained here, or an endpoint, can be either
part. `divide_direct` is the solver that writes the answer alone. `self_ask` is the dynamic comparator: one
model asks and answers in turn, and decides after each answer whether it needs another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from smallsteps.engines import Decoding, Engine, Generation
from smallsteps.engines.prompts import Prompt, asked
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Abilities, Example, Solution, Turn, answer_sentence, each
from smallsteps.schemes.registry import ship
from smallsteps.schemes.socratic import steps_of

NONE = "No decomposition."
MOST = 16  # sub-questions of one plan that are read
_PLAN = (
    "Name the sub-questions whose answers make the problem easy, one a line, each with a question mark. Do "
    f"not answer them. If it is easy as it is, write: {NONE}"
)
_SOLVE = (
    "Answer the sub-questions in order, one line each, then the problem. End with a line of the form: "
    "The answer is X."
)
_DIRECT = "The sub-questions may help. Write one line of the form: The answer is X."
_SELF_ASK = (
    "Ask yourself one question at a time, for as long as one is needed, in lines that begin with 'Follow up:'"
    " and 'Intermediate answer:'. End with a line of the form: The answer is X."
)
_NUMBER = re.compile(r"^\s{0,9}(?:[-*]|\d{1,2}[.)])\s{1,9}")
_FOLLOW = re.compile(r"Follow up:([^\n]*)\n\s*Intermediate answer:([^\n]*)")
_NEEDED = "Are follow up questions needed here:"


def plan_prompt(question: str) -> Prompt:
    """The decomposer's prompt."""
    text = f"{_PLAN}\n\nProblem: {question}\nSub-questions:"
    return asked(text, text)


def answers_prompt(question: str, plan: Sequence[str], *, direct: bool = False) -> Prompt:
    """The solver's prompt: the problem and all sub-questions, numbered."""
    lines = [f"{number}. {one}" for number, one in enumerate(plan, start=1)] or [NONE]
    head = [_DIRECT if direct else _SOLVE, "", f"Problem: {question}", "Sub-questions:"]
    text = "\n".join([*head, *lines, "Answers:"])
    return asked(text, text)


def read_plan(text: str) -> list[str]:
    """Sub-questions of a decomposer's text, one a line; none where it declines."""
    lines = (_NUMBER.sub("", line).strip() for line in text.split("\n"))
    return [line for line in lines if line.endswith("?")][:MOST]


@dataclass(frozen=True, slots=True)
class Divide:
    """Decomposer and solver, one text each.

    Attributes:
        direct: the solver writes no sub-answers.
    """

    name: str
    direct: bool = False
    parts: tuple[str, ...] = ("decomposer", "solver")
    abilities: ClassVar[Abilities] = Abilities(sub_questions=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """A plan for the decomposer, all answers for the solver. One sub-question is no decomposition."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        steps = steps_of(problem, rationale)
        if not steps:
            return {}
        plan = [step.question for step in steps] if len(steps) > 1 else []
        written = "\n".join(plan) or NONE
        made = {"decomposer": [Example(plan_prompt(problem.question), f" {written}")]}
        replies = [" ".join(step.solution.split()) or step.answer for step in steps]
        answer = rationale.answer or problem.answer
        if self.direct or (rationale.answer is not None and all(replies)):
            lines = [*([] if self.direct else replies), answer_sentence(answer)]
            prompt = answers_prompt(problem.question, plan, direct=self.direct)
            made["solver"] = [Example(prompt, " " + "\n".join(lines))]
        return made

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """All plans, then all answers."""
        plans = engines["decomposer"].generate([plan_prompt(q) for q in questions], decoding)
        return self.answer_plans(questions, plans, engines, decoding)

    def answer_plans(
        self,
        questions: Sequence[str],
        plans: Sequence[Sequence[Generation]],
        engines: Mapping[str, Engine],
        decoding: Decoding,
    ) -> list[list[Solution]]:
        """Answers to given plans, whose sub-questions stand one a line or one behind the other."""
        read = [[read_plan(plan.text.replace("? ", "?\n")) for plan in row] for row in plans]
        prompts = [
            answers_prompt(question, plan, direct=self.direct)
            for question, row in zip(questions, read, strict=True)
            for plan in row
        ]
        texts = iter(engines["solver"].generate(prompts, replace(decoding, samples=1)))
        return [
            [_solution(plan, one, next(texts)[0]) for plan, one in zip(row, read_row, strict=True)]
            for row, read_row in zip(plans, read, strict=True)
        ]


def _solution(plan: Generation, questions: Sequence[str], text: Generation) -> Solution:
    lines = [line.strip() for line in text.text.strip().split("\n")]
    replies = lines[:-1] if len(lines) == len(questions) + 1 else [""] * len(questions)
    turns = tuple(Turn(asks, says, text.stop, 0) for asks, says in zip(questions, replies, strict=True))
    stop = "length" if plan.stop == "length" else text.stop
    return Solution(text.text.strip(), plan.tokens + text.tokens, stop, turns)


def self_ask_prompt(question: str) -> Prompt:
    """The prompt of a model that asks itself."""
    text = f"{_SELF_ASK}\n\nProblem: {question}\n{_NEEDED}"
    return asked(text, text)


@dataclass(frozen=True, slots=True)
class SelfAsk:
    """One model, one text, planned step by step (self-ask)."""

    name: str = "self_ask"
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(sub_questions=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """Question and answer in turn; none where a sub-question has no answer."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        turns = [(s.question, " ".join(s.solution.split()) or s.answer) for s in steps_of(problem, rationale)]
        if rationale.answer is None or not turns or not all(says for _, says in turns):
            return {}
        lines = [f" {'Yes' if len(turns) > 1 else 'No'}."]
        for asks, says in turns if len(turns) > 1 else ():
            lines += [f"Follow up: {asks}", f"Intermediate answer: {says}"]
        lines.append(answer_sentence(rationale.answer))
        return {"model": [Example(self_ask_prompt(problem.question), "\n".join(lines))]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """One text per sample; its questions are kept as turns."""
        rows = engines["model"].generate([self_ask_prompt(question) for question in questions], decoding)
        return [[_asked_itself(one) for one in row] for row in rows]


def _asked_itself(text: Generation) -> Solution:
    turns = tuple(Turn(asks.strip(), says.strip(), text.stop, 0) for asks, says in _FOLLOW.findall(text.text))
    return Solution(text.text.strip(), text.tokens, text.stop, turns)


ship(Divide("divide"))
ship(Divide("divide_direct", direct=True))
ship(SelfAsk())
