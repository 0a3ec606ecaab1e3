"""Distilling step-by-step: label and rationale, told apart by a prefix (Hsieh et al. 2023, 2305.02301)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smallsteps.engines import Decoding, Engine
from smallsteps.problems import Problem, Rationale
from smallsteps.schemes.base import Example, Solution, by_problem, generate_one

PREDICT, EXPLAIN = "predict: ", "explain: "


@dataclass(frozen=True, slots=True)
class Multitask:
    """At inference only the label is asked for, so that a rationale costs nothing.

    The paper weighs the two losses by alpha: `objective.weights` of the formats `label` and `rationale`.
    Without them every token counts alike, so that rationales outweigh labels by their length.
    """

    name: str = "multitask"
    parts: tuple[str, ...] = ("model",)
    formats: tuple[str, ...] = ("label", "rationale")

    def examples(self, problem: Problem, rationale: Rationale | None) -> Mapping[str, Sequence[Example]]:
        """The label, and the rationale where there is one."""
        if rationale is None or rationale.answer is None:
            return {"model": [Example(f"{PREDICT}{problem.question}", f" {problem.answer}", "label")]}
        explained = f" {rationale.text.strip()}"
        return {
            "model": [
                Example(f"{PREDICT}{problem.question}", f" {rationale.answer}", "label"),
                Example(f"{EXPLAIN}{problem.question}", explained, "rationale", rationale),
            ]
        }

    def group_examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """As `examples`, rationales without an answer left out."""
        return {
            "model": [
                example
                for name, group in by_problem(rationales).items()
                for rationale in group
                for example in self.examples(problems[name], rationale)["model"]
            ]
        }

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Ask for the label."""
        return generate_one(
            questions, lambda question: f"{PREDICT}{question}", str, engines["model"], decoding
        )


MULTITASK = Multitask()
