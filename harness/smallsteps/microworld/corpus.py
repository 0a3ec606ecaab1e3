"""What the base models read: generic tasks, arithmetic facts, and word problems of one and two steps.

Every question is drawn in the answer-only and in the chain-of-thought format with equal chance, also the
one- and two-step problems; with `sub_questions`, these problems also in the two formats of Socratic students.
No problem of a study's splits is among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from random import Random

from smallsteps.errors import unknown_name
from smallsteps.microworld import generator, generic
from smallsteps.microworld.program import apply
from smallsteps.microworld.splits import split_of
from smallsteps.microworld.text import COT_CUE, answer_sentence, chain_of_thought, prompt_of
from smallsteps.problems import Problem
from smallsteps.schemes.base import Example
from smallsteps.schemes.socratic import decomposer_prompt, reply_of, solver_prompt

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


def any_form(problem: Problem, rng: Random) -> Example:
    """The problem answered at once, with its rationale, or by sub-questions; equal chances.

    Sub-questions are half of the time the whole plan, as a decomposer writes it, and half of the time one
    reply of a solver. Like the rationale, both are shown after the cue, which no student's prompt has.
    """
    form = rng.randrange(3)
    if form == 0:
        return Example(prompt_of(problem.question), f" {answer_sentence(problem.answer)}")
    if form == 1:
        return Example(prompt_of(problem.question) + COT_CUE, f" {chain_of_thought(problem)}")
    if rng.random() < 0.5:
        plan = " ".join(step.question for step in problem.steps)
        return Example(decomposer_prompt(problem.question) + COT_CUE, f" {plan}")
    turn = rng.randrange(len(problem.steps))
    done = [(step.question, reply_of(step)) for step in problem.steps[:turn]]
    step = problem.steps[turn]
    return Example(solver_prompt(problem.question, done, step.question) + COT_CUE, f" {reply_of(step)}")


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


def base_corpus(seed: int, examples: int = EXAMPLES, *, sub_questions: bool = False) -> Iterator[Example]:
    """The pretraining mix, in training order.

    Args:
        seed: names the draw.
        examples: how many examples; 1,000 hold about 40,000 tokens.
        sub_questions: show the one- and two-step problems in a third form too, see `any_form`.
    """
    rng = Random(f"base corpus {seed}")
    tasks = {
        name: generic.stream(task, f"base {seed} {name}", generic_seen, distinct=False)
        for name, task in generic.TASKS.items()
    }
    one = generator.stream(f"base {seed} one", (1,), lambda _: True, distinct=None)
    two = generator.stream(f"base {seed} two", (2,), lambda mark: split_of(mark) == "base", distinct=None)
    names = tuple(tasks)
    laid_out = any_form if sub_questions else either
    make: dict[str, Callable[[], Example]] = {
        "generic": lambda: either(next(tasks[rng.choice(names)]), rng),
        "one_step": lambda: laid_out(next(one), rng),
        "two_steps": lambda: laid_out(next(two), rng),
        "facts": lambda: facts(rng),
        "fact": lambda: _single_fact(rng),
    }
    kinds, weights = tuple(MIX), tuple(MIX.values())
    for _ in range(examples):
        yield make[rng.choices(kinds, weights)[0]]()


def replay(
    seed: int, examples: int, *, tasks: Sequence[str] = tuple(generic.TASKS), arithmetic: float = 0.0
) -> list[Example]:
    """What a student may rehearse so as not to forget: generic tasks in equal shares, in both formats.

    Args:
        seed: names the draw.
        examples: how many examples.
        tasks: names of the generic tasks that are rehearsed; the others are not shown.
        arithmetic: share of examples from generators that no generic task uses: sums in a row, and single
            ones in both formats, half of each.

    Raises:
        UserError: no such task.
    """
    rng = Random(f"replay {seed}")
    for name in tasks:
        if name not in generic.TASKS:
            raise unknown_name("generic task", name, generic.TASKS)
    streams = [
        generic.stream(generic.TASKS[name], f"replay {seed} {name}", generic_seen, distinct=False)
        for name in tasks
    ]
    sums = round(arithmetic * examples)
    rounds = -(-(examples - sums) // len(streams))
    rows = [either(problem, rng) for stream in streams for problem in islice(stream, rounds)]
    rng.shuffle(rows)
    rows = rows[: examples - sums]
    if sums:
        rows += [facts(rng) if place % 2 else _single_fact(rng) for place in range(sums)]
        rng.shuffle(rows)
    return rows
