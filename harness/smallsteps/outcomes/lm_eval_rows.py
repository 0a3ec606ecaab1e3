"""Rows of lm-eval's sample files: items, filters and metrics."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.files import escaped, read_objects
from smallsteps.outcomes.values import score_of, shown

NO_FILTER = "none"  # what lm-eval calls the filter of a task without filters
INVALID = "[invalid]"  # what lm-eval's filters give for a response without an answer
_NO_METRICS = {
    "doc_id",
    "doc",
    "target",
    "arguments",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
}


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one sample.

    Attributes:
        line: of the file; doc_id: number of the document; filter: name of the filter, None if not stated.
        item: key of the document; cluster: its cluster; prompt: hash of the prompt; gold: the target.
        answer: the filtered response of a generation.
        metrics: values of the metrics, in the order of the file.
    """

    line: int
    doc_id: Any
    filter: str | None
    item: str
    cluster: str | None
    prompt: str | None
    gold: str
    answer: str | None
    metrics: Mapping[str, Any]


def read_rows(path: Path) -> list[Row]:
    """All rows of a file of JSON lines or of one JSON array.

    Raises:
        UserError: no rows, or damaged ones.
    """
    rows = [_row(line, sample) for line, sample in read_objects(path)]
    if not rows:
        raise UserError("no samples in the file", where=str(path), code=DATA)
    return rows


def _row(line: int, sample: Mapping[str, Any]) -> Row:
    doc = sample.get("doc")
    listed = sample.get("metrics")
    names = listed if isinstance(listed, list) else [name for name in sample if name not in _NO_METRICS]
    doc_id = sample.get("doc_id")
    answers = sample.get("filtered_resps")
    single = isinstance(answers, list) and len(answers) == 1 and isinstance(answers[0], str)
    return Row(
        line=line,
        doc_id=doc_id if isinstance(doc_id, int | str) else None,
        filter=str(sample["filter"]) if sample.get("filter") is not None else None,
        item=item_of(sample),
        cluster=str(doc["cluster"]) if isinstance(doc, dict) and doc.get("cluster") else None,
        prompt=str(sample["prompt_hash"])[:16] if sample.get("prompt_hash") else None,
        gold=escaped(str(sample.get("target", ""))),
        answer=escaped(answers[0]) if single and answers else None,
        metrics={str(name): sample[name] for name in names if isinstance(name, str) and name in sample},
    )


def item_of(sample: Mapping[str, Any]) -> str:
    """Key of a logged sample's document."""
    doc = sample.get("doc")
    if isinstance(doc, dict) and isinstance(doc.get("item"), str):
        return escaped(doc["item"])
    if sample.get("doc_hash"):
        return str(sample["doc_hash"])[:16]
    # as lm-eval computes doc_hash since 0.4.3, so that earlier outputs pair with later ones
    text = json.dumps(doc, indent=2, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def by_filter(rows: Sequence[Row], stated: Sequence[str], where: str) -> tuple[dict[str, list[Row]], bool]:
    """Rows of each filter, and whether the file names its filters.

    Before 0.4.7 lm-eval logs a document once for each filter and does not say which: the first row of a
    document is of the first filter, and so on.

    Args:
        rows: of one file.
        stated: names of the filters in the results of the evaluation.
        where: the file.

    Raises:
        UserError: a document that is there twice under one filter, or not as often as the others.
    """
    named = any(row.filter is not None for row in rows)
    found: dict[str, list[Row]] = {}
    if named:
        for row in rows:
            found.setdefault(row.filter or NO_FILTER, []).append(row)
        for name, part in found.items():
            _check_once(part, name, where)
        return found, True
    seen: Counter[Any] = Counter()
    places = []
    for row in rows:
        places.append(seen[row.doc_id] if row.doc_id is not None else 0)
        seen[row.doc_id] += row.doc_id is not None
    often = max(places) + 1
    rare = next((key for key, count in seen.items() if count != often and key is not None), None)
    if rare is not None:
        raise UserError(
            f"document {rare} appears {seen[rare]} times, others {often} times",
            where=where,
            fix="every document is expected once, or once for each filter",
            code=DATA,
        )
    names = list(stated) if len(stated) == often else [str(n) for n in range(1, often + 1)]
    if often == 1 and len(stated) != 1:
        names = [NO_FILTER]
    for row, place in zip(rows, places, strict=True):
        found.setdefault(names[place], []).append(row)
    return found, often == 1


def _check_once(rows: Sequence[Row], name: str, where: str) -> None:
    seen: dict[Any, int] = {}
    for row in rows:
        if row.doc_id is not None and seen.setdefault(row.doc_id, row.line) != row.line:
            raise UserError(
                f"document {row.doc_id} appears twice under filter '{name}' "
                f"(first in line {seen[row.doc_id]})",
                where=f"{where}:{row.line}",
                fix="give the samples of one evaluation",
                code=DATA,
            )


def filters_of(results: Mapping[str, Any], task: str) -> list[str]:
    """Names of a task's filters in the order of its results (`"exact_match,strict-match": 0.5`)."""
    numbers = results.get("results")
    mine = numbers.get(task) if isinstance(numbers, dict) else None
    keys = [key.rpartition(",") for key in mine if "_stderr," not in key] if isinstance(mine, dict) else []
    return list(dict.fromkeys(name for _, comma, name in keys if comma))


def usable_metrics(rows: Sequence[Row]) -> tuple[list[str], dict[str, Row]]:
    """Metrics that give every row a score of 0 to 1; and of each other metric the first row without one."""
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    bad = {name: next((r for r in rows if score_of(r.metrics.get(name)) is None), None) for name in names}
    return [name for name, row in bad.items() if row is None], {n: r for n, r in bad.items() if r is not None}


def choose_metric(rows: Sequence[Row], wanted: str | None, path: Path) -> tuple[str, list[str], list[str]]:
    """A metric; the other usable ones; and those before it that are not scores of single items.

    Raises:
        UserError: no metric, or the requested one is missing or not a score of single items.
    """
    usable, bad = usable_metrics(rows)
    if wanted is not None and wanted not in usable and wanted not in bad:
        raise unknown_name("metric", wanted, usable or bad, where=f"{path}:{rows[0].line}", code=DATA)
    if not usable and not bad:
        where = f"{path}:{rows[0].line}"
        raise UserError("the samples hold no metric", where=where, fix="name it with --metric", code=DATA)
    if wanted in bad or not usable:
        name = wanted or next(iter(bad))
        row = bad[name]
        value = shown(row.metrics.get(name))
        raise UserError(
            f"metric '{name}' of this item is {value}, expected a number between 0 and 1",
            where=f"{path}:{row.line}",
            fix=f"choose another with --metric: {', '.join(usable)}" if usable else None,
            code=DATA,
        )
    chosen = wanted or usable[0]
    order = [name for row in rows[:1] for name in row.metrics]
    skipped = [] if wanted else [name for name in order[: order.index(chosen)] if name in bad]
    return chosen, [name for name in usable if name != chosen], skipped
