"""Outcomes from lm-eval's own files (`results_*.json`, `samples_*.jsonl`), whoever wrote them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError, unknown_name
from smallsteps.files import read_json, read_jsonl, to_json
from smallsteps.outcomes.model import Outcome, Status
from smallsteps.outcomes.table import OutcomeTable

SAMPLES = re.compile(r"^samples_(?P<task>.+)_(?P<stamp>\d[^_]*|[0-9a-f]{12})\.jsonl(\.gz)?$")
RESULTS = re.compile(r"^results_(?P<stamp>.+)\.json$")
NO_FILTER = "none"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of lm-eval's numbers to read; None takes the first there is."""

    filter: str | None = None
    metric: str | None = None


def is_lm_eval(path: Path) -> bool:
    """Whether a file or folder holds lm-eval samples or results."""
    if path.is_file():
        return bool(SAMPLES.match(path.name) or RESULTS.match(path.name))
    return any(SAMPLES.match(p.name) for p in path.rglob("samples_*"))


def read_lm_eval(path: Path, choice: Choice = Choice()) -> tuple[OutcomeTable, list[str]]:
    """Outcomes of one evaluation, and notes on what was chosen.

    Args:
        path: folder, `results_*.json` or one `samples_*.jsonl`.
        choice: filter and metric to read.

    Raises:
        UserError: no samples; several evaluations of one task; a filter or metric that is not there.
    """
    files = _files(path)
    notes: list[str] = []
    rows: list[Outcome] = []
    for task, file in sorted(files.items()):
        results = _results_beside(file)
        rows.extend(_read_task(task, file, results, choice, notes))
    return OutcomeTable.of(rows), list(dict.fromkeys(notes))


def _files(path: Path) -> dict[str, Path]:
    if path.is_file():
        found = SAMPLES.match(path.name)
        if found:
            return {found["task"]: path}
        stamp = _stamp(RESULTS, path.name)
        candidates = [p for p in path.parent.iterdir() if _stamp(SAMPLES, p.name) == stamp]
    else:
        candidates = [p for p in path.rglob("samples_*") if SAMPLES.match(p.name)]
    files: dict[str, Path] = {}
    for file in sorted(candidates):
        match = SAMPLES.match(file.name)
        assert match is not None
        task = match["task"]
        if task in files:
            raise UserError(
                f"two evaluations of task '{task}': {files[task].name} and {file.name}",
                where=str(path),
                fix="give the results_*.json of the one you mean instead of the folder",
                code=DATA,
            )
        files[task] = file
    if not files:
        raise UserError(
            "no samples_*.jsonl: outcomes of single items are needed",
            where=str(path),
            fix="evaluate with lm-eval --log_samples",
            code=NO_INPUT,
        )
    return files


def _stamp(pattern: re.Pattern[str], name: str) -> str | None:
    match = pattern.match(name)
    return match["stamp"] if match else None


def _results_beside(file: Path) -> dict[str, Any]:
    stamp = _stamp(SAMPLES, file.name)
    path = file.parent / f"results_{stamp}.json"
    if not path.exists():
        return {}
    data = read_json(path)
    return data if isinstance(data, dict) else {}


def _student(results: Mapping[str, Any], file: Path) -> str:
    name = results.get("model_name")
    return name if isinstance(name, str) and name else file.parent.name


def _read_task(
    task: str, file: Path, results: Mapping[str, Any], choice: Choice, notes: list[str]
) -> Iterator[Outcome]:
    rows = list(read_jsonl(file))
    if not rows:
        raise UserError("no samples in the file", where=str(file), code=DATA)
    filters = list(dict.fromkeys(str(row.get("filter", NO_FILTER)) for _, row in rows))
    if choice.filter is not None and choice.filter not in filters:
        raise unknown_name("filter", choice.filter, filters, where=str(file), code=DATA)
    chosen = choice.filter or filters[0]
    if len(filters) > 1 and choice.filter is None:
        others = ", ".join(name for name in filters if name != chosen)
        notes.append(f"{task}: lm-eval filter '{chosen}' (also there: {others}; choose with --filter)")
    kept = [(number, row) for number, row in rows if str(row.get("filter", NO_FILTER)) == chosen]
    metric = _metric(kept[0][1], f"{file}:{kept[0][0]}", choice.metric)
    version = results.get("versions", {}).get(task)
    scorer = f"lm-eval {metric},{chosen}" + (f" v{version}" if version is not None else "")
    seen: dict[str, int] = {}
    for number, row in kept:
        item = _item(row)
        seen[item] = seen.get(item, 0) + 1
        if seen[item] > 1:  # a data set that holds one document twice
            item = f"{item}#{seen[item]}"
        doc = row.get("doc")
        yield Outcome(
            student=_student(results, file),
            task=task,
            item=item,
            score=_value(row, metric, f"{file}:{number}"),
            status=Status.OK,
            cluster=str(doc["cluster"]) if isinstance(doc, dict) and doc.get("cluster") else None,
            prompt=str(row["prompt_hash"])[:16] if row.get("prompt_hash") else None,
            gold=str(row.get("target", "")),
            scorer=scorer,
        )


def _item(row: Mapping[str, Any]) -> str:
    doc = row.get("doc")
    if isinstance(doc, dict) and isinstance(doc.get("item"), str):
        return str(doc["item"])
    if row.get("doc_hash"):
        return str(row["doc_hash"])[:16]
    return hashlib.sha256(to_json(doc, indent=None).encode()).hexdigest()[:16]


def _metric(row: Mapping[str, Any], where: str, wanted: str | None) -> str:
    listed = [str(name) for name in row.get("metrics", ()) if name in row]
    numbers = listed or [name for name in ("exact_match", "acc", "em", "f1") if name in row]
    if wanted is not None:
        if wanted not in row:
            raise unknown_name("metric", wanted, numbers, where=where, code=DATA)
        return wanted
    if not numbers:
        raise UserError("the samples hold no metric", where=where, fix="name it with --metric", code=DATA)
    return numbers[0]


def _value(row: Mapping[str, Any], metric: str, where: str) -> float:
    value = row.get(metric)
    if not isinstance(value, bool | int | float) or not 0 <= value <= 1:
        raise UserError(
            f"metric '{metric}' of this item is {value!r}, expected a number between 0 and 1",
            where=where,
            fix="choose another metric with --metric",
            code=DATA,
        )
    return float(value)
