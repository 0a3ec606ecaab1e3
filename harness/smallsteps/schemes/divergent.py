"""Divergent chains of thought: several chains in one text, then one answer (Puerto et al., 2407.03181)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from smallsteps.engines import Decoding, Engine
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Example, Solution, Turn, by_problem
from smallsteps.schemes.registry import ship

_FINAL = "[Final answer]"


def divergent_prompt(question: str, chains: int) -> str:
    """What the model reads: the question and how many chains are wanted."""
    return f"[Question] {question}\n[Number of answers] {chains}\n[Answer 1]"


def divergent_target(chains: Sequence[str], answer: str) -> str:
    """Numbered chains and the bare answer."""
    first, *rest = chains
    lines = [f" {first}", *(f"[Answer {number}] {chain}" for number, chain in enumerate(rest, start=2))]
    return "\n".join(lines) + f"\n\n{_FINAL} {answer}"


@dataclass(frozen=True, slots=True)
class Divergent:
    """k chains at inference; in training every k up to the number of chains a problem has.

    For each k one ordered subset of a problem's chains is drawn, as in the paper: all chains together would
    teach a fixed k. With `single` every chain is an example of its own, which is the paper's CoT baseline.
    """

    name: str = "divergent"
    chains: int = 2
    single: bool = False
    parts: tuple[str, ...] = ("model",)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One example for each number of chains, or for each chain."""
        examples = []
        for name, group in by_problem(rationales).items():
            question = problems[name].question
            rng = Random(f"divergent {name}")
            subsets = [rng.sample(group, count) for count in range(1, len(group) + 1)]
            for drawn in [[one] for one in group] if self.single else subsets:
                count = len(drawn)
                target = divergent_target([r.text.strip() for r in drawn], drawn[0].answer or "")
                examples.append(Example(divergent_prompt(question, count), target))
        return {"model": examples}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Ask for `chains` chains; what follows the final mark is scored, the chains are kept as turns."""
        prompts = [divergent_prompt(question, self.chains) for question in questions]
        rows = engines["model"].generate(prompts, decoding)
        return [
            [
                Solution(
                    g.text.rpartition(_FINAL)[2].strip(),
                    g.tokens,
                    g.stop,
                    tuple(Turn(f"Answer {i}", c, g.stop, 0) for i, c in enumerate(split_chains(g.text), 1)),
                )
                for g in row
            ]
            for row in rows
        ]


def split_chains(text: str) -> list[str]:
    """The chains of a generated text."""
    body = text.partition(_FINAL)[0]
    return [chain.strip() for chain in re.split(r"\[Answer \d{1,3}\]", body) if chain.strip()]


for _chains in (2, 1, 3, 4):
    ship(Divergent("divergent" if _chains == 2 else f"divergent_{_chains}", _chains))
ship(Divergent("divergent_cot", 1, single=True))
