"""The prompt of a task as lm-eval will show it, without lm-eval: for people to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import UserError, unknown_name
from smallsteps.evaluation.docs import Document, documents
from smallsteps.problems import Benchmark
from smallsteps.problems.tasks import LIKELIHOOD, subtasks_of, task_name
from smallsteps.problems.variants import CUE, asking


@dataclass(frozen=True, slots=True)
class Preview:
    """One variant with its first item.

    Attributes:
        task: lm-eval's name; prompt: what a model is shown; answer: the gold answer.
        error: why there is no prompt, when the data are missing.
    """

    task: str
    variant: str
    prompt: str = ""
    answer: str = ""
    error: str = ""


def preview(
    benchmark: Benchmark, variant: str, data: Path | None = None, subtask: str | None = None, row: int = 0
) -> Preview:
    """The prompt of one variant for one row (from 0) of the test split; without data, why there is none.

    Raises:
        UserError: no such subtask, or no such row.
    """
    if subtask is not None and subtask not in benchmark.subtask_names:
        raise unknown_name(f"subtask of '{benchmark.name}'", subtask, benchmark.subtask_names)
    if subtask is None and benchmark.subtasks:
        subtask = subtasks_of(benchmark, variant)[0]
    name = task_name(benchmark.name, variant, subtask if benchmark.subtasks else None)
    if subtask is not None and subtask not in subtasks_of(benchmark, variant):
        return Preview(name, variant, error=f"the answers of '{subtask}' are open, and have no likelihoods")
    try:
        parts = documents(benchmark, variant, "test", data, subtask)
    except UserError as error:
        return Preview(name, variant, error=str(error))
    if row >= len(parts["test"]):
        last = len(parts["test"]) - 1
        raise UserError(f"no row {row}: the last row of '{name}' is {last}", fix=f"give --row 0 to {last}")
    asked = parts["test"][row]
    return Preview(name, variant, rendered(benchmark, variant, asked, parts["fewshot"]), asked["answer"])


def rendered(benchmark: Benchmark, variant: str, asked: Document, examples: list[Document]) -> str:
    """The prompt that lm-eval renders: instruction, examples, question; or context, and each option."""
    if variant == LIKELIHOOD:
        return _scored(benchmark, asked)
    template = asking(variant).prompt.replace(CUE, benchmark.variant(variant).cue)
    delimiter = asking(variant).delimiter

    def shown(document: Document) -> str:
        return template.replace("{{question}}", document["question"])

    turns = [f"{shown(one)}{delimiter}{one['demonstration']}\n\n" for one in examples]
    return "".join([asked["instruction"] if examples else "", *turns, shown(asked)])


def _scored(benchmark: Benchmark, asked: Document) -> str:
    """The context, and on lines of their own the continuations that are scored after it."""
    if asked["beginnings"]:
        return "\n".join(f"{beginning} [{asked['ending']}]" for beginning in asked["beginnings"])
    from jinja2.sandbox import SandboxedEnvironment

    template = benchmark.variant(LIKELIHOOD).prompt or asking(LIKELIHOOD).prompt
    context = SandboxedEnvironment().from_string(template).render(asked)
    return "\n".join([context, *(f"[ {option}]" for option in asked["options"])])
