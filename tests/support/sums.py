"""A benchmark of two-digit sums and the recipe of a micro student of it: small enough to watch in a test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

TASK = "smallsteps_sums"
SIZES = {"train": 60, "dev": 8, "test": 8}
SELECTION: dict[str, Any] = {"tasks": {"target": [TASK]}, "every": 2000, "limit": 4}


def make_sums(folder: Path) -> Path:
    """Write the benchmark's folder, which `SMALLSTEPS_TASKS` may name, with rationales of its problems."""
    place = folder / "sums"
    place.mkdir(parents=True)
    problems = [
        (f"There are {n} cups. Kim adds {n % 7 + 2} more. How many?", n, n % 7 + 2) for n in range(76)
    ]
    start = 0
    for split, size in SIZES.items():
        rows = [{"question": text, "answer": a + b} for text, a, b in problems[start : start + size]]
        (place / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        start += size
    (place / "rationales.jsonl").write_text(
        "".join(
            json.dumps({"question": text, "rationale": f"{a} + {b} = {a + b}. The answer is {a + b}."}) + "\n"
            for text, a, b in problems
        )
    )
    description = {
        "schema": 1,
        "name": "sums",
        "kind": "number",
        "reader": "jsonl",
        "fields": {},
        "files": {split: {"path": f"{split}.jsonl"} for split in SIZES},
        "splits": {split: {"file": split} for split in SIZES},
        "variants": {"question": {"max_tokens": 24}},
    }
    (place / "benchmark.yaml").write_text(yaml.safe_dump(description))
    return place


def write_recipe(folder: Path, sums: Path, **changes: Any) -> Path:
    """Write a recipe of eight steps on the sums; `changes` are further keys of it."""
    recipe = {
        "recipe": "cot",
        "scheme": "cot",
        "base": {"path": "baselines/micro/base"},
        "corpus": {
            "benchmark": str(sums / "benchmark.yaml"),
            "split": "train",
            "teacher": {"kind": "file", "path": str(sums / "rationales.jsonl")},
        },
        "optimisation": {"steps": 8, "learning_rate": 0.002, "batch_tokens": 512},
        **changes,
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return path
