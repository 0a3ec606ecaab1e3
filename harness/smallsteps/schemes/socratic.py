"""Socratic chain of thought: a decomposer asks sub-questions, a solver answers them in turn (2212.00193)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from smallsteps.engines import Decoding, Engine, Generation
from smallsteps.engines.prompts import Message, Prompt, asked
from smallsteps.problems import Problem, Rationale, Step
from smallsteps.schemes.base import Abilities, Example, Solution, Turn, answer_sentence, each
from smallsteps.schemes.registry import ship

MAX_TURNS = 16  # bounds a decomposer that loops; longer plans are cut and counted as truncated


def decomposer_prompt(question: str) -> Prompt:
    """The decomposer's prompt."""
    return asked(f"Q: {question}\nSub-questions:", f"{question}\nSub-questions:")


def solver_prompt(question: str, turns: Sequence[tuple[str, str]], sub_question: str) -> Prompt:
    """The solver's prompt for its next turn: the problem, the dialogue so far, the next sub-question.

    In a chat every sub-question is a turn of the user and every reply one of the assistant.
    """
    lines = [f"Q: {question}"]
    for asked_before, replied in turns:
        lines += [f"Sub-question: {asked_before}", f"A: {replied}"]
    messages: list[Message] = []
    opening = f"{question}\n"
    for asked_before, replied in turns:
        messages += [Message("user", f"{opening}{asked_before}"), Message("assistant", replied)]
        opening = ""
    messages.append(Message("user", f"{opening}{sub_question}"))
    return Prompt("\n".join([*lines, f"Sub-question: {sub_question}", "A:"]), messages)


def steps_of(problem: Problem, rationale: Rationale) -> list[Step]:
    """Steps with a sub-question: the rationale's, else the problem's own."""
    return [step for step in rationale.steps or problem.steps if step.question]


def reply_of(step: Step) -> str:
    """A solver's reply to one sub-question: solution and answer sentence, as far as the step has them."""
    sentence = answer_sentence(step.answer) if step.answer else ""
    return f"{step.solution} {sentence}".strip()


def split_plan(text: str) -> list[str]:
    """Sub-questions of a plan: the pieces that end with a question mark; a rest without one is kept too."""
    pieces = [piece.strip() for piece in text.replace("\n", " ").split("?")]
    questions = [f"{piece}?" for piece in pieces[:-1] if piece]
    return [*questions, pieces[-1]] if pieces[-1] else questions


@dataclass(slots=True)
class _Dialogue:
    """The state of one question in the rounds."""

    question: str
    plan: list[str]
    tokens: int
    truncated: bool
    turns: list[Turn] = field(default_factory=list)

    def solution(self) -> Solution:
        if not self.turns:
            return Solution("", self.tokens, "length" if self.truncated else "eos")
        last = self.turns[-1]
        stop = "length" if self.truncated else last.stop
        return Solution(last.reply, self.tokens, stop, tuple(self.turns))


@dataclass(frozen=True, slots=True)
class Socratic:
    """Decomposer and solver; the last sub-answer is the answer."""

    name: str = "socratic"
    parts: tuple[str, ...] = ("decomposer", "solver")
    abilities: ClassVar[Abilities] = Abilities(sub_questions=True, dialogue=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """A plan for the decomposer, one example per sub-question for the solver."""
        return each(self.parts, self.taught, problems, rationales)

    def taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        """Examples of one rationale, by part; empty where no sub-question is known."""
        steps = steps_of(problem, rationale)
        if not steps:
            return {}
        plan = " ".join(step.question for step in steps)
        solver = []
        done: list[tuple[str, str]] = []
        for step in steps:
            if reply := reply_of(step):  # human decompositions may come without sub-answers
                solver.append(Example(solver_prompt(problem.question, done, step.question), f" {reply}"))
                done.append((step.question, reply))
        return {
            "decomposer": [Example(decomposer_prompt(problem.question), f" {plan}")],
            "solver": solver,
        }

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """All questions are decomposed in one batch, then answered round by round, one batch a round."""
        plans = engines["decomposer"].generate([decomposer_prompt(q) for q in questions], decoding)
        return self.answer_plans(questions, plans, engines, decoding)

    def answer_plans(
        self,
        questions: Sequence[str],
        plans: Sequence[Sequence[Generation]],
        engines: Mapping[str, Engine],
        decoding: Decoding,
    ) -> list[list[Solution]]:
        """Answer given plans: the decomposer's, or gold ones, which need no decomposer."""
        solver = engines["solver"]
        grid = [
            [_dialogue(question, plan) for plan in row]
            for question, row in zip(questions, plans, strict=True)
        ]
        flat = [dialogue for row in grid for dialogue in row]
        single = replace(decoding, samples=1)
        for turn in range(MAX_TURNS):
            open_ones = [d for d in flat if turn < len(d.plan)]
            if not open_ones:
                break
            prompts = [
                solver_prompt(d.question, [(t.question, t.reply) for t in d.turns], d.plan[turn])
                for d in open_ones
            ]
            # each round draws from its own seed, else a sampled dialogue would repeat its random numbers
            replies = solver.generate(prompts, replace(single, seed=decoding.seed + turn))
            for dialogue, (reply,) in zip(open_ones, replies, strict=True):
                text = reply.text.strip()
                dialogue.turns.append(Turn(dialogue.plan[turn], text, reply.stop, reply.tokens))
                dialogue.tokens += reply.tokens
                dialogue.truncated |= reply.stop == "length"
        return [[dialogue.solution() for dialogue in row] for row in grid]


def _dialogue(question: str, plan: Generation) -> _Dialogue:
    questions = split_plan(plan.text)
    truncated = plan.stop == "length" or len(questions) > MAX_TURNS
    return _Dialogue(question, questions[:MAX_TURNS], plan.tokens, truncated)


SOCRATIC = Socratic()
ship(SOCRATIC)
