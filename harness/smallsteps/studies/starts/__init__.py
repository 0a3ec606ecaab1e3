"""Commented examples of a recipe and a benchmark, which pass their checks as written."""

from __future__ import annotations

import os
import re
from pathlib import Path

from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.files import write_atomic
from smallsteps.problems import load_benchmark, named_benchmark
from smallsteps.problems.finding import is_path
from smallsteps.schemes import abilities_of, get_scheme

_HERE = Path(__file__).resolve().parent
_NAME = re.compile(r"[a-z0-9_]+")

# A row of each kind, and what `fields` says of it.
_ROWS: dict[str, tuple[str, tuple[str, ...]]] = {
    "number": (
        "{id: id, question: question, answer: answer}",
        (
            '{"id": "1", "question": "A box holds 6 pens. How many pens do 4 boxes hold?", "answer": 24}',
            '{"id": "2", "question": "Lea had 30 cards and lost 12. How many has she left?", "answer": 18}',
            '{"id": "3", "question": "A train of 8 cars has 40 seats a car. How many seats?", "answer": 320}',
            '{"id": "4", "question": "9 friends share 72 nuts. How many nuts does each get?", "answer": 8}',
        ),
    ),
    "choice": (
        "{id: id, question: question, choices: options, answer: answer, answer_as: letter}",
        (
            '{"id": "1", "question": "What melts ice?", "options": ["heat", "cold"], "answer": "A"}',
            '{"id": "2", "question": "Which is a metal?", "options": ["oak", "iron"], "answer": "B"}',
            '{"id": "3", "question": "What do cows eat?", "options": ["sand", "grass"], "answer": "B"}',
            '{"id": "4", "question": "Which can fly?", "options": ["a bat", "a cat"], "answer": "A"}',
        ),
    ),
    "boolean": (
        "{id: id, question: question, answer: answer}",
        (
            '{"id": "1", "question": "Is 17 a prime number?", "answer": true}',
            '{"id": "2", "question": "Does ice sink in water?", "answer": false}',
            '{"id": "3", "question": "Can a whale breathe under water?", "answer": "no"}',
            '{"id": "4", "question": "Are there more than 50 weeks in a year?", "answer": "yes"}',
        ),
    ),
    "text": (
        "{id: id, question: question, answer: answer, aliases: aliases}",
        (
            '{"id": "1", "question": "What is the capital of Norway?", "answer": "Oslo", "aliases": []}',
            '{"id": "2", "question": "Which planet is nearest the sun?", "answer": "Mercury", "aliases": []}',
            '{"id": "3", "question": "Who wrote Hamlet?", "answer": "William Shakespeare", '
            '"aliases": ["Shakespeare"]}',
            '{"id": "4", "question": "What is frozen water called?", "answer": "ice", "aliases": []}',
        ),
    ),
}
_FILE = "{kind: file, path: rationales.jsonl}"
_ORACLE = "{kind: oracle}"


def new_benchmark(name: str, folder: Path, kind: str) -> list[Path]:
    """Write `benchmark.yaml` and `problems.jsonl` into a folder; returns their paths.

    Raises:
        UserError: not a name for a benchmark, or a file is there already.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"'{name}' cannot name a benchmark", fix="use a-z, 0-9 and _: tasks are named after it"
        )
    fields, rows = _ROWS[kind]
    text = (_HERE / "benchmark.yaml").read_text()
    text = text.replace("@NAME@", name).replace("@KIND@", kind).replace("@FIELDS@", fields)
    paths = [folder / "benchmark.yaml", folder / "problems.jsonl"]
    _refuse_existing(paths)
    write_atomic(paths[0], text)
    write_atomic(paths[1], "".join(f"{row}\n" for row in rows))
    return paths


def new_recipe(name: str, path: Path, benchmark: str, scheme: str) -> Path:
    """Write a recipe; returns its path.

    Args:
        name: of the recipe.
        path: the file.
        benchmark: name, or path relative to the current folder.
        scheme: name.

    Raises:
        UserError: an unknown benchmark or scheme, one without a split to learn from, or the file exists.
    """
    found = load_benchmark(named_benchmark(benchmark))
    get_scheme(scheme)
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.+-]*", name):
        raise UserError(f"'{name}' cannot name a recipe", fix="use a-z, 0-9 and . _ + -")
    if "train" not in found.splits:
        raise UserError(f"'{found.name}' has no split 'train' to learn from", where="--benchmark")
    _refuse_existing([path])
    named = os.path.relpath(benchmark, path.parent) if is_path(benchmark) else found.name
    text = (_HERE / "recipe.yaml").read_text()
    values = {
        "NAME": name,
        "BENCHMARK": named,
        "SCHEME": scheme,
        "TEACHER": _ORACLE if found.suite == "micro" else _FILE,
        "DECOMPOSITION": "gold" if abilities_of(get_scheme(scheme)).sub_questions else "none",
    }
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    write_atomic(path, text)
    return path


def _refuse_existing(paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            raise UserError(
                "this file exists already",
                where=str(path),
                fix="choose another name, or remove the file",
                code=CANNOT_CREATE,
            )
