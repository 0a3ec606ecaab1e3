"""Problems as lm-eval documents: the `custom_dataset` of every task file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.exemplars import demonstration, exemplars_of, instruction_of
from smallsteps.problems import AnswerKind, Benchmark, Problem, load_benchmark, load_problems, options_of
from smallsteps.problems.readers.base import LETTERS
from smallsteps.problems.tasks import LIKELIHOOD, subtasks_of

Document = dict[str, Any]
OPTIONS = "\nOptions:\n"
GAP = "gap"  # the reader of sentences with a gap, whose options are scored by what follows the gap


def dataset(
    benchmark: str,
    variant: str = "question",
    subtask: str | None = None,
    split: str = "test",
    data: str | None = None,
    **_metadata: Any,
) -> dict[str, Any]:
    """The datasets of a task; lm-eval calls this with its `metadata` and `dataset_kwargs` merged.

    Args:
        benchmark: its name.
        variant: one of the benchmark's variants.
        subtask: of a benchmark with subtasks, only this one.
        split: the split that is evaluated.
        data: offline data directory; also as `--metadata '{"data": "DIR"}'`. Default SMALLSTEPS_DATA.

    Returns:
        `{"test": ..., "fewshot": ...}`, each a `datasets.Dataset` of documents; the second only in context.

    Raises:
        UserError: unknown names, data missing or malformed.
    """
    import datasets

    found = load_benchmark(benchmark)
    rows = documents(found, variant, split, Path(data) if data else None, subtask)
    features = datasets.Features(
        {
            **{name: datasets.Value("string") for name in _TEXTS},
            **{name: datasets.List(datasets.Value("string")) for name in _LISTS},
            "gold": datasets.Value("int64"),
            "steps": datasets.List({name: datasets.Value("string") for name in _STEP}),
        }
    )
    return {name: datasets.Dataset.from_list(part, features=features) for name, part in rows.items() if part}


_STEP = ("question", "solution", "answer")
_TEXTS = (
    "id",
    "item",
    "question",
    "answer",
    "kind",
    "cluster",
    "subtask",
    "set",
    "averaged",
    "prompt",
    "stock",
    "stock_gold",
    "instruction",
    "demonstration",
    "form",
    "stem",
    "ending",
)
_LISTS = ("choices", "aliases", "labels", "options", "beginnings")
FIELDS = (*_TEXTS, *_LISTS, "gold", "steps")


def documents(
    benchmark: Benchmark,
    variant: str,
    split: str = "test",
    data: Path | None = None,
    subtask: str | None = None,
) -> dict[str, list[Document]]:
    """Documents of the evaluated split (`test`) and of the in-context examples (`fewshot`) of one variant."""
    problems = load_problems(benchmark.name, split, data, subtask=subtask)
    if variant == LIKELIHOOD and benchmark.subtask_names:
        closed = set(subtasks_of(benchmark, variant))
        problems = [problem for problem in problems if problem.tags.get("subtask") in closed]
    chosen = benchmark.variant(variant)
    instruction = instruction_of(benchmark, chosen.exemplars, data, subtask)
    examples: list[Document] = []
    if chosen.exemplars is not None:
        pool = exemplars_of(benchmark, chosen.exemplars, data, problems, subtask)
        examples = [
            {**document(p, benchmark, variant, ""), "demonstration": demonstration(p, variant)} for p in pool
        ]
    tested = [document(problem, benchmark, variant, instruction) for problem in problems]
    return {"test": _distinct(tested), "fewshot": examples}


def _distinct(rows: list[Document]) -> list[Document]:
    """The documents with unique pairing keys: a repeated question gets `-2`, in its twin's cluster."""
    seen: dict[str, int] = {}
    for row in rows:
        item = row["item"]
        seen[item] = seen.get(item, 0) + 1
        if seen[item] > 1:
            row["item"] = f"{item}-{seen[item]}"
    return rows


def document(problem: Problem, benchmark: Benchmark, variant: str, instruction: str = "") -> Document:
    """One problem as an lm-eval document.

    `item` is the pairing key; `prompt` is `question` when the student's scheme wraps the question, and
    `raw` when the task file contains the whole prompt. Where answers are a closed set, `options` are the
    item's. For a likelihood variant, `gold` is the place of the right one and `stem` the question without
    lettered options. Where it has a gap, `beginnings` are what precedes it with each option filled in, and
    `ending` is what follows.
    """
    form = benchmark.form_of(problem.tags.get("subtask"))
    allowed = options_of(problem, form)
    stem = problem.question.rpartition(OPTIONS)[0] or problem.question
    before, gap, after = stem.partition("_") if benchmark.reader == GAP else ("", "", "")
    return {
        "id": problem.id,
        "item": problem.item,
        "question": problem.question,
        "answer": problem.answer,
        "kind": str(problem.kind),
        "choices": list(problem.choices),
        "aliases": list(problem.aliases),
        "cluster": problem.cluster or problem.item,
        "steps": [
            {"question": s.question, "solution": s.solution, "answer": s.answer} for s in problem.steps
        ],
        "subtask": problem.tags.get("subtask", ""),
        "set": problem.tags.get("set", ""),
        "averaged": "subtasks" if benchmark.subtasks else "items",
        "prompt": "question" if variant == "question" else "raw",
        "stock": benchmark.variant(variant).stock or benchmark.stock or "",
        "stock_gold": problem.tags.get("target", problem.answer),
        "instruction": instruction,
        "demonstration": "",
        "form": str(form.name),
        "labels": list(form.labels),
        "options": list(allowed),
        "gold": gold_place(problem, allowed) if variant == LIKELIHOOD else -1,
        "stem": stem if variant == LIKELIHOOD else "",
        "beginnings": [before + option for option in allowed] if gap else [],
        "ending": after.strip(),
    }


def gold_place(problem: Problem, allowed: Sequence[str]) -> int:
    """The place of the right answer among an item's options, -1 where answers are open.

    Raises:
        UserError: the right answer is not one of them.
    """
    if not allowed:
        return -1
    if problem.kind is AnswerKind.CHOICE:
        return LETTERS.index(problem.answer)
    if problem.answer not in allowed:
        raise UserError(
            f"the gold answer '{problem.answer}' is not one of the item's options ({', '.join(allowed)})",
            where=f"problem '{problem.id}'",
            fix="see 'form' and 'forms' in its benchmark.yaml",
            code=DATA,
        )
    return allowed.index(problem.answer)
