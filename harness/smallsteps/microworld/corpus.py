"""What the base models read: generic tasks, arithmetic facts, and word problems of one and two steps.

Neither scheme is favoured: every question is drawn in the answer-only and in the chain-of-thought format with
equal chance, also the one- and two-step problems, and no problem of a study's splits is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from smallsteps.microworld import generator, generic
from smallsteps.microworld.program import apply
from smallsteps.microworld.splits import split_of
from smallsteps.microworld.text import COT_CUE, answer_sentence, chain_of_thought, prompt_of
from smallsteps.problems import Problem
from smallsteps.schemes.base import Example

EXAMPLES = 125_000  # 5 M tokens

# Parts of the mix in hundredths of the examples.
MIX = {"generic": 58, "one_step": 12, "two_steps": 14, "facts": 12, "fact": 4}


def generic_seen(signature: str) -> bool:
    """Generic questions that base models and replay may show; `dev` and `test` own the others."""
    return split_of(signature) in ("base", "train")


def either(problem: Problem, rng: Random) -> Example:
    """The problem answered at once, or after the cue with its rationale; equal chances."""
    prompt = prompt_of(problem.question)
    if rng.random() < 0.5:
        return Example(prompt, f" {answer_sentence(problem.answer)}")
    return Example(prompt + COT_CUE, f" {chain_of_thought(problem)}")


def _fact(rng: Random) -> tuple[str, int]:
    """One sum, difference, product or quotient within the limits of the problems."""
    limits = generator.ORDINARY
    while True:
        symbol = rng.choice("++--*/")
        if symbol in "*/":
            left, right = rng.randint(2, 25), rng.randint(2, limits.factor)
            left = left * right if symbol == "/" else left
            if symbol == "*" and rng.random() < 0.5:
                left, right = right, left
        else:
            small, large = rng.randint(1, limits.operand), rng.randint(1, limits.total)
            left, right = (large, small) if rng.random() < 0.75 or symbol == "+" else (large, large - small)
            if symbol == "+" and rng.random() < 0.5:
                left, right = right, left
        value = apply(left, symbol, right)
        if value is not None and value >= 1 and right >= 1 and max(left, right, value) <= limits.total:
            return f"{left} {symbol} {right}", value


def facts(rng: Random) -> Example:
    """Eight equations in a row."""
    rows = [f"{equation} = {value}." for equation, value in (_fact(rng) for _ in range(8))]
    return Example("Facts:", f" {' '.join(rows)}")


def _single_fact(rng: Random) -> Example:
    equation, value = _fact(rng)
    if rng.random() < 0.5:
        return Example(prompt_of(f"What is {equation}?"), f" {answer_sentence(str(value))}")
    return Example(
        prompt_of(f"What is {equation}?") + COT_CUE, f" {equation} = {value}. {answer_sentence(str(value))}"
    )


def base_corpus(seed: int, examples: int = EXAMPLES) -> Iterator[Example]:
    """The pretraining mix, in training order.

    Args:
        seed: names the draw.
        examples: how many examples; 1,000 hold about 40,000 tokens.
    """
    rng = Random(f"base corpus {seed}")
    tasks = {
        name: generic.stream(task, f"base {seed} {name}", generic_seen, distinct=False)
        for name, task in generic.TASKS.items()
    }
    one = generator.stream(f"base {seed} one", (1,), lambda _: True, distinct=None)
    two = generator.stream(f"base {seed} two", (2,), lambda mark: split_of(mark) == "base", distinct=None)
    names = tuple(tasks)
    make: dict[str, Callable[[], Example]] = {
        "generic": lambda: either(next(tasks[rng.choice(names)]), rng),
        "one_step": lambda: either(next(one), rng),
        "two_steps": lambda: either(next(two), rng),
        "facts": lambda: facts(rng),
        "fact": lambda: _single_fact(rng),
    }
    kinds, weights = tuple(MIX), tuple(MIX.values())
    for _ in range(examples):
        yield make[rng.choices(kinds, weights)[0]]()


def replay(seed: int, examples: int) -> list[Example]:
    """Generic tasks in equal shares, in both formats: what a student may rehearse so as not to forget."""
    rng = Random(f"replay {seed}")
    tasks = [
        generic.stream(task, f"replay {seed} {name}", generic_seen, distinct=False)
        for name, task in generic.TASKS.items()
    ]
    rounds = -(-examples // len(tasks))
    rows = [either(problem, rng) for stream in tasks for problem in islice(stream, rounds)]
    rng.shuffle(rows)
    return rows[:examples]
