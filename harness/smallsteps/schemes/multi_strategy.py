"""Several strategies in one model, named before they are used (SIKeD, Adarsh et al. 2024, 2410.18574)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from smallsteps.answers.numbers import canonical
from smallsteps.engines import Decoding, Engine
from smallsteps.errors import UserError
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Example, Solution, answer_sentence, closed, each, generate_one, prompt_of
from smallsteps.schemes.program import looks_like_program, run_program
from smallsteps.schemes.registry import ship

Strategy = Literal["cot", "program", "least_to_most"]
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
    """One model; it names a strategy and follows it. Programs are run by the bounded interpreter."""

    name: str = "multi_strategy"
    parts: tuple[str, ...] = ("model",)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One tagged solution; a rationale with sub-questions also as plain steps."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        if rationale.answer is None:
            return {"model": []}
        strategy = strategy_of(rationale)
        wanted: list[Strategy] = ["cot", strategy] if strategy == "least_to_most" else [strategy]
        prompt = prompt_of(problem.question)
        return {"model": [Example(prompt, tagged(one, rationale)) for one in wanted]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate from the shared prompt; a program's result becomes its closing sentence."""
        return generate_one(questions, prompt_of, read_strategy, engines["model"], decoding)


def read_strategy(text: str) -> str:
    """What is scored: the text, with the result of its program where it is one."""
    match = _TAG.match(text)
    body = text[match.end() :] if match else text
    if not match or match[1] != "program":
        return body.strip()
    try:
        return f"{body.strip()}\n{answer_sentence(canonical(run_program(body)))}"
    except UserError:
        return body.strip()  # a program that does not run gives no answer


ship(MultiStrategy())
