"""Several strategies in one model, named before they are used (SIKeD, Adarsh et al. 2024, 2410.18574)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from smallsteps.answers.numbers import canonical
from smallsteps.engines import Decoding, Engine
from smallsteps.engines.prompts import begun
from smallsteps.errors import UserError
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Example, Solution, answer_sentence, closed, each, generate_one, prompt_of
from smallsteps.schemes.program import looks_like_program, run_program
from smallsteps.schemes.registry import ship

Strategy = Literal["cot", "program", "least_to_most"]
STRATEGIES: tuple[Strategy, ...] = ("cot", "program", "least_to_most")
_TAG = re.compile(r"\A\s*Strategy: (cot|program|least_to_most)\n?")


def strategy_of(rationale: Rationale) -> Strategy:
    """How a rationale reasons: a program, a dialogue of sub-questions, or plain steps."""
    if looks_like_program(rationale.text):
        return "program"
    return "least_to_most" if rationale.steps else "cot"


def tagged(strategy: Strategy, rationale: Rationale) -> str:
    """A solution that names its strategy first. A program is not closed: running it gives the answer."""
    head = f" Strategy: {strategy}\n"
    if strategy == "program":
        return f"{head}{rationale.text.strip()}"
    if strategy == "least_to_most":
        lines = []
        for number, step in enumerate(rationale.steps, start=1):
            reply = step.solution or answer_sentence(step.answer)
            lines += [f"Sub-question {number}: {step.question}", f"Answer to sub-question {number}: {reply}"]
        return head + "\n".join([*lines, answer_sentence(rationale.answer or "")])
    return head + closed(rationale.text, rationale.answer or "")


@dataclass(frozen=True, slots=True)
class MultiStrategy:
    """One model; it names a strategy and follows it. Programs are run by the bounded interpreter.

    `strategies` are those that it can be asked for when it teaches.
    """

    name: str = "multi_strategy"
    parts: tuple[str, ...] = ("model",)
    strategies: tuple[str, ...] = STRATEGIES

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One tagged solution. Several strategies come from several sections (`corpora` in a recipe)."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        if rationale.answer is None:
            return {"model": []}
        return {"model": [Example(prompt_of(problem.question), tagged(strategy_of(rationale), rationale))]}

    def strategy_of(self, rationale: Rationale) -> str:
        """See `strategy_of`."""
        return strategy_of(rationale)

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate from the shared prompt; a program's result becomes its closing sentence."""
        return generate_one(questions, prompt_of, read_strategy, engines["model"], decoding)

    def solve_by(
        self, strategy: str, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate behind the strategy's name; a program stays a program."""
        prompts = [begun(prompt_of(question), f" Strategy: {strategy}\n") for question in questions]
        rows = engines["model"].generate(prompts, decoding)
        return [[Solution(g.text.strip(), g.tokens, g.stop) for g in row] for row in rows]


def read_strategy(text: str) -> str:
    """The scored text, with the result of its program where it is one."""
    match = _TAG.match(text)
    body = text[match.end() :] if match else text
    if not match or match[1] != "program":
        return body.strip()
    try:
        return f"{body.strip()}\n{answer_sentence(canonical(run_program(body)))}"
    except UserError:
        return body.strip()  # a program that does not run gives no answer


ship(MultiStrategy())
