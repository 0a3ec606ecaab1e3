"""Outcomes from files in the every_eval_ever format: instance-level JSON lines next to an aggregate JSON."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, NO_INPUT, UserError, unknown_name
from smallsteps.files import escaped, read_objects, start_of
from smallsteps.outcomes.model import Outcome, Status
from smallsteps.outcomes.table import OutcomeTable
from smallsteps.outcomes.values import integer_of, score_of, shown

_SAMPLES = "_samples.jsonl"


@dataclass(frozen=True, slots=True)
class _Row:
    where: str
    student: str
    task: str
    item: str
    result: str | None  # id of the aggregate result, one for each metric
    score: float
    failed: bool
    extracted: str | None
    gold: str
    prompt: str | None
    tokens: int | None


def is_every_eval(path: Path) -> bool:
    """Whether a file or folder holds instance-level or aggregate files of every_eval_ever."""
    if path.is_dir():
        return any(_is_instances(file) or _is_aggregate(file) for file in path.rglob("*.json*"))
    return _is_instances(path) or _is_aggregate(path)


def _keys(path: Path, pattern: str, *names: str) -> bool:
    if not re.search(pattern, path.name) or not path.is_file():
        return False
    start = start_of(path)
    return all(re.search(rf'"{name}"\s*:', start) for name in names)


def _is_instances(path: Path) -> bool:
    names = ("schema_version", "evaluation_name", "sample_id", "interaction_type")
    return _keys(path, r"\.jsonl(\.gz)?$", *names)


def _is_aggregate(path: Path) -> bool:
    return _keys(path, r"\.json$", "schema_version", "evaluation_id") and not _is_instances(path)


def read_every_eval(path: Path, result: str | None = None) -> tuple[OutcomeTable, list[str]]:
    """Outcomes of one file, or of all instance-level files of a folder, and notes on what was chosen.

    Args:
        path: instance-level file, aggregate file with its instances next to it, or folder.
        result: id of the evaluation result (one for each metric) to read; None takes a task's first.

    Raises:
        UserError: only aggregates; a row that lacks what the format requires; a score outside 0 to 1.
    """
    files = _instances(path)
    rows = [_row(line, number, file) for file in files for number, line in read_objects(file)]
    notes: list[str] = []
    parts: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        parts.setdefault((row.student, row.task), []).append(row)
    outcomes: list[Outcome] = []
    for (_, task), part in parts.items():
        results = list(dict.fromkeys(row.result for row in part))
        if result is not None and result not in results:
            known = [name for name in results if name is not None]
            raise unknown_name("result", result, known, where=str(path), code=DATA)
        chosen = result if result is not None else results[0]
        if result is None and len(results) > 1:
            others = ", ".join(str(name) for name in results[1:])
            notes.append(f"{task}: result '{chosen}' (also there: {others}; choose with --metric)")
        outcomes.extend(_outcomes([row for row in part if row.result == chosen], chosen))
    return OutcomeTable.of(outcomes), list(dict.fromkeys(notes))


def _instances(path: Path) -> list[Path]:
    if path.is_dir():
        files = [file for file in sorted(path.rglob("*.jsonl*")) if _is_instances(file)]
    elif _is_instances(path):
        files = [path]
    else:
        beside = path.with_name(path.stem + _SAMPLES)
        files = [beside] if beside.exists() and _is_instances(beside) else []
    if not files:
        raise UserError(
            "only aggregate results: outcomes of single items are needed",
            where=str(path),
            fix=f"give the instance-level file, usually named NAME{_SAMPLES}",
            code=NO_INPUT,
        )
    return files


def _row(row: Mapping[str, Any], number: int, file: Path) -> _Row:
    where = f"{file}:{number}"
    for name in ("model_id", "evaluation_name", "sample_id", "evaluation"):
        if row.get(name) in (None, ""):
            raise UserError(f"no '{name}'", where=where, code=DATA)
    evaluation = _object(row["evaluation"])
    raw = evaluation.get("score", evaluation.get("is_correct"))
    score = score_of(raw)
    failed = row.get("error") not in (None, "")
    if score is None and not failed:
        raise UserError(
            f"the score of this item is {shown(raw)}, expected a number between 0 and 1",
            where=where,
            code=DATA,
        )
    asked = _object(row.get("input"))
    reference = asked.get("reference")
    texts = reference if isinstance(reference, list) else [] if reference is None else [reference]
    result = row.get("evaluation_result_id")
    digest = hashlib.sha256(str(asked.get("raw")).encode("utf-8", "backslashreplace")).hexdigest()[:16]
    shown_text = asked.get("formatted")
    return _Row(
        where=where,
        student=str(row["model_id"]),
        task=str(row["evaluation_name"]),
        item=f"{row['sample_id']}:{digest}",
        result=None if result is None else str(result),
        score=0.0 if failed or score is None else score,
        failed=failed,
        extracted=_answer(row.get("answer_attribution")),
        gold=escaped("; ".join(map(str, texts))),
        prompt=_short_hash(shown_text) if isinstance(shown_text, str) and shown_text else None,
        tokens=integer_of(_object(row.get("token_usage")).get("output_tokens")),
    )


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def _answer(attribution: Any) -> str | None:
    """The final answer: the last one marked as terminal, else the last."""
    items = [item for item in attribution if isinstance(item, dict)] if isinstance(attribution, list) else []
    final = [item for item in items if item.get("is_terminal")] or items
    value = final[-1].get("extracted_value") if final else None
    return None if value is None else escaped(str(value)) or None


def _outcomes(rows: Sequence[_Row], result: str | None) -> list[Outcome]:
    """Outcomes of one model on one task; a sample that is there again is another response to it."""
    seen: dict[str, int] = {}
    found = []
    for row in rows:
        sample = seen.get(row.item, 0)
        seen[row.item] = sample + 1
        found.append(
            Outcome(
                student=escaped(row.student),
                task=escaped(row.task),
                item=escaped(row.item),
                score=row.score,
                sample=sample,
                status=Status.ERROR if row.failed else Status.OK,
                prompt=row.prompt,
                extracted=row.extracted,
                gold=row.gold,
                tokens=row.tokens,
                scorer="every_eval_ever" + (f" {result}" if result else ""),
            )
        )
    return found
