"""Chain of thought whose steps are voted on while it is written (ChainLM, Cheng et al. 2024, 2403.14312).

Each round draws several next steps, keeps the one that most of them agree on, and goes on from there. ChainLM
lets its agents debate a step; here they vote, and a tie goes to the first one drawn.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from smallsteps.engines import Decoding, Engine, Generation
from smallsteps.engines.prompts import Prompt, asked
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Abilities, Example, Solution, prompt_of
from smallsteps.schemes.direct import COT
from smallsteps.schemes.registry import ship

MAX_STEPS = 24
TEMPERATURE = 0.7  # where the suite asks for greedy texts, which would all agree
_STEP = re.compile(r"\s*\S.*?(?:[.!?](?=\s)|\n|\Z)", re.DOTALL)
_NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
_LAST = re.compile(r"the answer is", re.IGNORECASE)


def first_step(text: str) -> str:
    """The first sentence or line of a text, with the white space in front of it."""
    found = _STEP.match(text)
    return found[0].rstrip("\n") if found else ""


def vote_key(step: str) -> str:
    """The key by which two steps agree: the last number, else the words."""
    numbers = _NUMBER.findall(step)
    kind = "answer " if _LAST.search(step) else ""
    return f"{kind}{numbers[-1].replace(',', '')}" if numbers else " ".join(step.lower().split())


def winner(texts: Sequence[Generation]) -> str:
    """The step that most texts begin with; of equally many, the first drawn. Empty where all texts are."""
    steps = [step for text in texts if (step := first_step(text.text))]
    keys = [vote_key(step) for step in steps]
    return max(steps, key=lambda step: (keys.count(vote_key(step)), -steps.index(step)), default="")


@dataclass(slots=True)
class _Chain:
    """One unfinished solution."""

    question: str
    text: str = ""
    tokens: int = 0
    written: float = 0.0  # tokens of `text`, as far as its steps' share of the texts they were drawn in tells
    last: str = ""
    done: bool = False
    cut: bool = False

    def prompt(self) -> Prompt:
        plain = prompt_of(self.question)
        if not self.text:
            return plain
        return asked(f"{plain}{self.text}", f"{self.question}\nSteps so far:{self.text}")

    def add(self, texts: Sequence[Generation], budget: int) -> None:
        self.tokens += sum(text.tokens for text in texts)
        step = winner(texts)
        drawn = next((text for text in texts if first_step(text.text) == step), texts[0])
        if (
            step and step.strip() == self.last
        ):  # the model repeats itself: the text after the step ends the solution
            self.text += drawn.text[len(step) :]
            self.done = True
            return
        self.text += step
        self.last = step.strip()
        self.done = not step or _LAST.search(step) is not None
        self.written += drawn.tokens * len(step) / max(1, len(drawn.text))
        self.cut = not self.done and self.written >= budget


@dataclass(frozen=True, slots=True)
class StepVote:
    """One model, trained as for `cot`.

    Attributes:
        voters: next steps drawn in a round.
    """

    name: str = "cot_step_vote"
    voters: int = 5
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(dialogue=True, votes=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """Those of `cot`."""
        return COT.examples(problems, rationales)

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Round by round, all questions in one batch; the tokens of all voters count."""
        grid = [[_Chain(question) for _ in range(decoding.samples)] for question in questions]
        chains = [chain for row in grid for chain in row]
        drawing = replace(decoding, samples=self.voters, temperature=decoding.temperature or TEMPERATURE)
        for number in range(MAX_STEPS):
            going_on = [chain for chain in chains if not chain.done and not chain.cut]
            if not going_on:
                break
            # rounds and samples draw from seeds of their own
            drawn = engines["model"].generate(
                [chain.prompt() for chain in going_on],
                replace(drawing, seed=decoding.seed + 1000 * number),
            )
            for chain, texts in zip(going_on, drawn, strict=True):
                chain.add(texts, decoding.max_new_tokens)
        return [
            [Solution(one.text.strip(), one.tokens, "eos" if one.done else "length") for one in row]
            for row in grid
        ]


ship(StepVote())
