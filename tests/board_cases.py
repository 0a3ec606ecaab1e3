"""A small leaderboard: two benchmarks of a user, runs as `smallsteps eval` writes them, and a board."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smallsteps.evaluation.docs import documents
from smallsteps.evaluation.graded import Label, outcomes_of
from smallsteps.evaluation.scoring import RULES
from smallsteps.evaluation.sidefile import write_solutions
from smallsteps.files import sha256_file, write_jsonl
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.board import Board, read_board
from smallsteps.outcomes import OutcomeTable, write_outcomes
from smallsteps.problems import load_benchmark
from smallsteps.problems.finding import ENVIRONMENT, add_place
from smallsteps.problems.tasks import parse_task
from smallsteps.schemes import Solution

TARGET, GENERIC = "smallsteps_sums", "smallsteps_lists"
ITEMS = 40
STAMP = "0123456789ab"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.\u0000</pre>&lt;"


def write_benchmarks(folder: Path, items: int = ITEMS, hostile: bool = False) -> None:
    """`sums` (target) and `lists` (generic); the environment variable must be restored by the caller."""
    for name, role in (("sums", "target"), ("lists", "generic")):
        place = folder / name
        place.mkdir(parents=True)
        rows = [
            {"q": f"What is {i} plus {i + 3} in {name}?{HOSTILE if hostile else ''}", "a": str(2 * i + 3)}
            for i in range(items)
        ]
        (place / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (place / "benchmark.yaml").write_text(
            f"schema: 1\nname: {name}\ntitle: 'The {name}'\nkind: number\nrole: {role}\nreader: jsonl\n"
            "fields: {question: q, answer: a}\nfiles: {all: {path: p.jsonl}}\nsplits: {test: {}}\n"
        )
        add_place(place / "benchmark.yaml")


def make_board(
    tmp_path: Path, monkeypatch: Any, *, baseline: str | None = None, hostile: bool = False
) -> Board:
    """A board with one suite of two tasks, items pinned."""
    from smallsteps.leaderboard.items import pin_items

    monkeypatch.setenv(ENVIRONMENT, "")
    monkeypatch.delenv("SMALLSTEPS_DATA", raising=False)
    write_benchmarks(tmp_path / "benchmarks", hostile=hostile)
    folder = tmp_path / "board"
    folder.mkdir()
    line = f"    baseline: {baseline}\n" if baseline else ""
    (folder / "board.yaml").write_text(
        "board: 1\ntitle: Small board\nurl: https://example.org/board/\nsuites:\n  main:\n    title: Sums "
        "and lists\n"
        f"    tasks: [{TARGET}, {GENERIC}]\n{line}"
    )
    board = read_board(folder)
    pin_items(board, None)
    return board


def right_answers(task: str) -> list[str]:
    return [doc["answer"] for doc in docs_of(task)]


def docs_of(task: str) -> list[dict[str, Any]]:
    parts = parse_task(task)
    assert parts is not None
    return documents(load_benchmark(parts.benchmark), "question")["test"]


def responses(task: str, rate: float, seed: int, text: str = "") -> list[str]:
    """Right with some chance, the same items being hard for everybody; a seed tells students apart."""
    ease = np.random.default_rng(len(task)).random(ITEMS)
    draws = 0.5 * ease + 0.5 * np.random.default_rng(seed).random(ITEMS)
    return [
        f"{text}It is {answer}. The answer is {answer}." if draw < rate else f"{text}The answer is 1000000."
        for answer, draw in zip(right_answers(task), draws, strict=True)
    ]


def write_run(
    folder: Path,
    student: str,
    given: Mapping[str, Sequence[str]],
    *,
    seed: int | None = 1,
    manifest: bool = True,
    lengths: Sequence[int] = (),
) -> Path:
    """A run directory; without a manifest it is what lm-eval alone writes.

    Args:
        given: responses by task, in the order of its documents.
        lengths: places of responses that reached their limit.
    """
    folder.mkdir(parents=True)
    samples: dict[str, list[dict[str, Any]]] = {}
    solutions: dict[tuple[str, str, str], list[Solution]] = {}
    for task, texts in given.items():
        rows = []
        for number, (doc, text) in enumerate(zip(docs_of(task), texts, strict=False)):
            digest = hashlib.sha256(doc["question"].encode("utf-8", "backslashreplace")).hexdigest()
            asked = {"arg_0": doc["question"], "arg_1": {"until": [], "max_gen_toks": 64, "do_sample": False}}
            rows.append(
                {
                    "doc_id": number,
                    "doc": doc,
                    "target": doc["answer"],
                    "arguments": {"gen_args_0": asked},
                    "resps": [[text]],
                    "filtered_resps": [text],
                    "filter": "none",
                    "metrics": ["flexible"],
                    "doc_hash": digest,
                    "prompt_hash": digest,
                    "target_hash": digest,
                }
            )
            stop = "length" if number in lengths else "eos"
            solutions[task, doc["item"], doc["question"]] = [Solution(text, 12, stop)]  # type: ignore[arg-type]
        samples[task] = rows
    for_grading = {
        task: [{**row, "arguments": [[row["arguments"]["gen_args_0"]["arg_0"], {}]]} for row in rows]
        for task, rows in samples.items()
    }
    outcomes = list(outcomes_of(for_grading, solutions, Label(student, seed)))
    scores = {(outcome.task, outcome.item): outcome.score for outcome in outcomes}
    for task, rows in samples.items():
        for row in rows:
            row["flexible"] = scores[task, row["doc"]["item"]]
        write_jsonl(folder / f"samples_{task}_{STAMP}.jsonl", rows)
    results = {"results": {task: {"flexible,none": 0.5} for task in samples}, "model_name": student}
    (folder / f"results_{STAMP}.json").write_text(json.dumps(results))
    if manifest:
        write_outcomes(folder / "outcomes.parquet", OutcomeTable.of(outcomes))
        write_solutions(
            folder / "solutions.jsonl", [(task, item, found) for (task, item, _), found in solutions.items()]
        )
        files = {path.name: sha256_file(path) for path in sorted(folder.iterdir())}
        write_sealed(
            folder / "manifest.json",
            {
                "schema": "smallsteps.run/3",
                "files": files,
                "label": student,
                "seed": seed,
                "scorer": RULES,
                "settings": {"limit": None},
                "student": {"name": student, "scheme": "cot", "seed": seed, "base": "tiny", "training": {}},
            },
        )
    return folder


def whole_run(folder: Path, student: str, rate: float, seed: int, *, training_seed: int | None = 1) -> Path:
    """A run on both tasks."""
    given = {task: responses(task, rate, seed) for task in (TARGET, GENERIC)}
    return write_run(folder, student, given, seed=training_seed)


def add_students(board: Board, tmp_path: Path, rates: Mapping[str, float]) -> None:
    """One entry a student, added as a user adds it."""
    from smallsteps.leaderboard.adding import add_entry

    for number, (name, rate) in enumerate(rates.items()):
        run = whole_run(tmp_path / "runs" / name, name, rate, number)
        add_entry(board, [run], name=name, who="tests")
