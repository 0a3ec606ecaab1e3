"""Distilling step-by-step: label and rationale as two prefixed tasks (Hsieh et al. 2023, 2305.02301)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smallsteps.engines import Decoding, Engine
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Example, Solution, by_problem, generate_one
from smallsteps.schemes.registry import ship

PREDICT, EXPLAIN = "predict: ", "explain: "


@dataclass(frozen=True, slots=True)
class Multitask:
    """At inference only the label is generated, so rationales cost nothing there.

    The paper weighs the two losses by alpha: `objective.weights` of the formats `label` and `rationale`.
    Without them every token counts alike, so that rationales outweigh labels by their length. Without
    `explains` the label is the only task: the paper's standard fine-tuning, with the labels that the kept
    rationales reach.
    """

    name: str = "multitask"
    explains: bool = True
    parts: tuple[str, ...] = ("model",)
    formats: tuple[str, ...] = ("label", "rationale")

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """For each rationale the label that it reaches, and its text if it is taught."""
        examples = []
        for name, group in by_problem(rationales).items():
            question = problems[name].question
            for rationale in group:
                examples.append(Example(f"{PREDICT}{question}", f" {rationale.answer}", "label"))
                if self.explains:
                    text = f" {rationale.text.strip()}"
                    examples.append(Example(f"{EXPLAIN}{question}", text, "rationale", rationale))
        return {"model": examples}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Ask for the label."""
        return generate_one(
            questions, lambda question: f"{PREDICT}{question}", str, engines["model"], decoding
        )


ship(Multitask())
ship(Multitask("multitask_label", explains=False, formats=("label",)))
