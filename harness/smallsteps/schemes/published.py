"""Layouts of published systems, reproduced exactly, so that their recipes can be repeated.

* `ft_cot`, `ft`: Fine-tune-CoT (Ho et al. 2023, 2212.10071), `###` and `-->`;
* `scotd`, `scotd_label`: Symbolic CoT distillation (Li et al. 2023, 2306.14050);
* `specialise`: the four formats of Fu et al. (2023, 2301.12726), mixed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from smallsteps.engines import Decoding, Engine
from smallsteps.engines.prompts import Message, Prompt, asked
from smallsteps.problems import AnswerKind, Problem, Rationale
from smallsteps.schemes.base import (
    Abilities,
    Example,
    Solution,
    answer_sentence,
    by_problem,
    closed,
    each,
    generate_one,
)
from smallsteps.schemes.registry import ship

DEMONSTRATIONS = 4
ZERO_ANSWER, ZERO_CHAIN = "zero_shot_answer", "zero_shot_chain"
CONTEXT_ANSWER, CONTEXT_CHAIN = "in_context_answer", "in_context_chain"


@dataclass(frozen=True, slots=True)
class FineTuneCoT:
    """`<question> ###` and ` <rationale> --> <answer>`; without `reasoning` the answer alone."""

    name: str
    reasoning: bool
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(thoughts=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One example."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        prompt = asked(f"{problem.question} ###", problem.question)
        if not self.reasoning:
            return {"model": [Example(prompt, f" {problem.answer}")]}
        if rationale.answer is None:
            return {"model": []}
        target = f" {rationale.text.strip()} --> {rationale.answer}"
        return {"model": [Example(prompt, target, rationale=rationale)]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate; the text after the arrow becomes the closing sentence, as scoring expects it."""
        return generate_one(
            questions,
            lambda q: asked(f"{q} ###", q),
            lambda text: restate(text, "-->"),
            engines["model"],
            decoding,
        )


@dataclass(frozen=True, slots=True)
class Scotd:
    """`Q: ...`, `A:` and ` <rationale> So the answer is: (x)`; else the teacher's answer alone.

    The original prompt ends with the space that begins our target: the text is the same, and real tokenizers
    give the prompt the same tokens whatever follows.
    """

    name: str = "scotd"
    reasoning: bool = True
    parts: tuple[str, ...] = ("model",)
    abilities: ClassVar[Abilities] = Abilities(thoughts=True)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """One example, ended by the blank line that stops the student."""
        return each(self.parts, self._taught, problems, rationales)

    def _taught(self, problem: Problem, rationale: Rationale) -> Mapping[str, Sequence[Example]]:
        if rationale.answer is None:
            return {"model": []}
        letter = problem.kind is AnswerKind.CHOICE
        answer = f"({rationale.answer.lower()})" if letter else rationale.answer
        prompt = asked(f"Q: {problem.question}\nA:", problem.question)
        if not self.reasoning:
            thought = rationale if rationale.thoughts else None  # else the target holds none of its text
            return {"model": [Example(prompt, f" So the answer is: {answer}\n\n", rationale=thought)]}
        target = f" {rationale.text.strip()} So the answer is: {answer}\n\n"
        return {"model": [Example(prompt, target, rationale=rationale)]}

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Generate to the blank line."""
        return generate_one(
            questions,
            lambda q: asked(f"Q: {q}\nA:", q),
            lambda text: restate(text.split("\n\n")[0], "So the answer is:"),
            engines["model"],
            decoding,
        )


def restate(text: str, mark: str) -> str:
    """A response whose answer follows a mark, with the closing sentence instead of the mark."""
    body, found, answer = text.rpartition(mark)
    answer = answer.strip().rstrip(".").strip()
    if not found or not answer:
        return text
    if re.fullmatch(r"\([a-z]\)", answer):
        answer = answer.upper()
    return closed(body, answer)


@dataclass(frozen=True, slots=True)
class Specialise:
    """Zero-shot and in-context, answer-only and chain of thought; asked zero-shot with chain of thought.

    Demonstrations are drawn per row from the other problems: never the query itself, which the original code
    did not exclude. Chains in demonstrations are gold where the benchmark has them, else the teacher's.
    """

    name: str = "specialise"
    parts: tuple[str, ...] = ("model",)
    formats: tuple[str, ...] = (ZERO_ANSWER, ZERO_CHAIN, CONTEXT_ANSWER, CONTEXT_CHAIN)

    def examples(
        self, problems: Mapping[str, Problem], rationales: Sequence[Rationale]
    ) -> Mapping[str, Sequence[Example]]:
        """All four: answer-only once per problem, chains once per rationale."""
        groups = by_problem(rationales)
        pool = {name: _gold_chain(problems[name], group[0]) for name, group in groups.items()}
        names = list(pool)
        examples: list[Example] = []
        for name, group in groups.items():
            problem = problems[name]
            rng = Random(f"specialise {name}")
            others = [other for other in names if problems[other].question != problem.question]
            shown = [problems[n] for n in _draw(rng, others)]
            demos = "".join(f"Q: {p.question}\nA: {_plain(p)}\n\n" for p in shown)
            examples.append(self._zero_answer(problem))
            turns = [(p.question, _plain(p)) for p in shown]
            prompt = _shown_first(f"{demos}Q: {problem.question}\nA:", turns, problem.question)
            examples.append(Example(prompt, f" {_plain(problem)}", CONTEXT_ANSWER))
            for rationale in group:
                drawn = _draw(rng, others)
                demos = "".join(
                    f"Q: {problems[n].question}\nLet's think step by step\n{pool[n]}\n\n" for n in drawn
                )
                examples.append(self._zero_chain(problem, rationale))
                asking = chain_prompt(problem.question)
                turns = [(_thinking(problems[n].question), pool[n]) for n in drawn]
                prompt = _shown_first(f"{demos}{asking}", turns, _thinking(problem.question))
                examples.append(Example(prompt, _chain(rationale), CONTEXT_CHAIN, rationale))
        return {"model": examples}

    def _zero_answer(self, problem: Problem) -> Example:
        prompt = asked(f"Q: {problem.question} A:", problem.question)
        return Example(prompt, f" {_plain(problem)}", ZERO_ANSWER)

    def _zero_chain(self, problem: Problem, rationale: Rationale) -> Example:
        return Example(chain_prompt(problem.question), _chain(rationale), ZERO_CHAIN, rationale)

    def solve(
        self, questions: Sequence[str], engines: Mapping[str, Engine], decoding: Decoding
    ) -> list[list[Solution]]:
        """Zero-shot with chain of thought."""
        return generate_one(questions, chain_prompt, str, engines["model"], decoding)


def chain_prompt(question: str) -> Prompt:
    """The student's prompt for a chain of thought."""
    return asked(f"Q: {_thinking(question)}\n", _thinking(question))


def _thinking(question: str) -> str:
    return f"{question}\nLet's think step by step"


def _shown_first(text: str, turns: Sequence[tuple[str, str]], question: str) -> Prompt:
    """A prompt with demonstrations, which are earlier turns of a chat."""
    shown = [
        message for asks, says in turns for message in (Message("user", asks), Message("assistant", says))
    ]
    return Prompt(text, [*shown, Message("user", question)])


def _chain(rationale: Rationale) -> str:
    text = rationale.text.strip()
    closing = answer_sentence(rationale.answer or "").rstrip(".")
    return f"{text}\n{closing}" if text else closing


def _plain(problem: Problem) -> str:
    return answer_sentence(problem.answer).rstrip(".")


def _gold_chain(problem: Problem, rationale: Rationale) -> str:
    gold = re.sub(r"<<[^<>]{0,200}>>", "", problem.rationale) if problem.rationale else rationale.text
    return f"{gold.split('####')[0].strip()}\n{_plain(problem)}"


def _draw(rng: Random, names: Sequence[str]) -> list[str]:
    return rng.sample(names, min(DEMONSTRATIONS, len(names)))


for _scheme in (
    FineTuneCoT("ft", reasoning=False),
    FineTuneCoT("ft_cot", reasoning=True),
    Scotd(),
    Scotd("scotd_label", reasoning=False),
    Specialise(),
):
    ship(_scheme)
