"""What planning takes: all sub-questions first, or one after the other (static or dynamic, 2402.15000).

All ways are laid out with the templates of `teach` and the sub-questions and answers of one plan: only the
way differs. Tokens are counted call by call: what is read again is paid again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from smallsteps.engines.counting import Count
from smallsteps.problems import Problem, Step
from smallsteps.schemes.socratic import reply_of, solver_prompt
from smallsteps.teachers.prompting import load_template

Call = tuple[str, str]  # prompt and completion


@dataclass(frozen=True, slots=True)
class Ways:
    """Tokens of one way of planning over all problems.

    Attributes:
        calls: requests; prompt, completion: tokens read and written; total: their sum.
    """

    calls: int
    prompt: int
    completion: int

    @property
    def total(self) -> int:
        """Tokens read and written."""
        return self.prompt + self.completion


@dataclass(frozen=True, slots=True)
class Planning:
    """Static against dynamic planning of the same problems.

    Attributes:
        tokenizer: by whose tokens; problems: with sub-questions; questions: sub-questions in all.
        static: one call for the plan, one that answers it.
        self_ask: dynamic, one call whose text asks and answers in turn.
        dynamic: dynamic, the planner asks one sub-question, the solver answers it, the planner reads on.
    """

    tokenizer: str
    problems: int
    questions: int
    static: Ways
    self_ask: Ways
    dynamic: Ways

    def data(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def planning_tokens(
    plans: Iterable[tuple[Problem, Sequence[Step]]], count: Count, tokenizer: str
) -> Planning | None:
    """Count both ways of planning.

    Args:
        plans: problems with their sub-questions; steps without a question are left out. Sub-questions without
            an answer count as asked and answered with nothing.
        count: tokens of texts.
        tokenizer: its name, for the report.

    Returns:
        None when no problem has a sub-question.
    """
    asked = [(p, [s for s in steps if s.question]) for p, steps in plans]
    asked = [(p, steps) for p, steps in asked if steps]
    if not asked:
        return None
    ways = []
    for layout in (_static, _self_ask, _dynamic):
        calls = [call for problem, steps in asked for call in layout(problem, steps)]
        prompt = sum(count([text for text, _ in calls]))
        ways.append(Ways(len(calls), prompt, sum(count([text for _, text in calls]))))
    return Planning(tokenizer, len(asked), sum(len(steps) for _, steps in asked), *ways)


def _final(problem: Problem, steps: Sequence[Step]) -> str:
    return f"The answer is {steps[-1].answer or problem.answer}."


def _static(problem: Problem, steps: Sequence[Step]) -> Iterator[Call]:
    questions = [step.question for step in steps]
    yield load_template("decompose").render(problem), "\n".join(questions)
    replies = [reply for step in steps if (reply := step.solution or step.answer)]
    prompt = load_template("answer_questions").render(problem, questions=questions)
    yield prompt, "\n".join([*replies, _final(problem, steps)])


_NEEDED = "Are follow up questions needed here: Yes."


def _asked(steps: Sequence[Step]) -> list[str]:
    lines = [_NEEDED]
    for step in steps:
        lines += [
            f"Follow up: {step.question}",
            f"Intermediate answer: {step.solution or step.answer}".rstrip(),
        ]
    return lines


def _self_ask(problem: Problem, steps: Sequence[Step]) -> Iterator[Call]:
    text = "\n".join([*_asked(steps), _final(problem, steps)])
    yield load_template("self_ask").render(problem), text


def _dynamic(problem: Problem, steps: Sequence[Step]) -> Iterator[Call]:
    prompt = load_template("self_ask").render(problem)
    answered: list[tuple[str, str]] = []
    for place, step in enumerate(steps):
        history = "\n".join([prompt, *_asked(steps[:place])])
        yield history, f"Follow up: {step.question}"
        reply = reply_of(step)
        yield solver_prompt(problem.question, answered, step.question), reply
        answered.append((step.question, reply))
    yield "\n".join([prompt, *_asked(steps)]), _final(problem, steps)


def planning_text(planning: dict[str, Any]) -> list[str]:
    """Lines of text of `Planning.data`."""
    static = planning["static"]
    base = static["prompt"] + static["completion"]
    each = planning["problems"]
    lines = [
        f"planning   {planning['questions'] / each:.1f} sub-questions for each of {each} problems, "
        f"in tokens of {planning['tokenizer']}"
    ]
    for name, title in (("static", "static"), ("self_ask", "self-ask"), ("dynamic", "dynamic")):
        way = planning[name]
        total = way["prompt"] + way["completion"]
        lines.append(
            f"  {title:<8} {total / each:>7.1f} a problem: {way['calls'] / each:.1f} calls, "
            f"{way['prompt'] / each:.1f} read, {way['completion'] / each:.1f} written "
            f"({total / base:.2f} of static)"
        )
    return lines
