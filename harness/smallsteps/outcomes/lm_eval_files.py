"""Outcomes from lm-eval's own files, whichever version wrote them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import DATA, UserError, unknown_name
from smallsteps.outcomes.lm_eval_names import SamplesFile, find_samples, is_lm_eval
from smallsteps.outcomes.lm_eval_rows import (
    INVALID,
    Row,
    by_filter,
    choose_metric,
    filters_of,
    read_rows,
)
from smallsteps.outcomes.model import Outcome, Status
from smallsteps.outcomes.table import OutcomeTable
from smallsteps.outcomes.values import score_of

__all__ = ["Choice", "is_lm_eval", "read_lm_eval"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of lm-eval's numbers to read.

    Attributes:
        filter: name of the filter; None takes the first.
        metric: name of the metric; None takes the first that is a score of 0 to 1 in every row.
        tasks: only these; empty takes all.
    """

    filter: str | None = None
    metric: str | None = None
    tasks: tuple[str, ...] = ()


def read_lm_eval(path: Path, choice: Choice = Choice()) -> tuple[OutcomeTable, list[str]]:
    """Outcomes of one or more evaluations, and notes on what was chosen or left out.

    Args:
        path: folder, file of results, or one file of samples.
        choice: filter, metric and tasks to read.

    Raises:
        UserError: no samples; two evaluations of one model on one task; a filter or metric that is not there;
            no task with a score of single items.
    """
    files = find_samples(path)
    wanted = [file for file in files if file.task in choice.tasks]
    notes: list[str] = []
    rows: list[Outcome] = []
    failures: dict[str, UserError] = {}
    for file in wanted or files:
        if file.guessed:
            notes.append(f"{file.task}: the name of the task was read off the file name")
        name, kept = _filtered(file, choice, notes)
        try:
            metric, others, skipped = choose_metric(kept, choice.metric, file.path)
        except UserError as error:
            failures[file.task] = error
            continue
        if choice.metric is None and (others or skipped):
            notes.append(f"{file.task}: lm-eval metric '{metric}' ({_alternatives(others, skipped)})")
        rows.extend(_outcomes(file, kept, metric, name))
    if not rows:
        raise next(iter(failures.values()))
    for task, failure in failures.items():
        where = Path(failure.where or "").name
        notes.append(f"{task}: left out, {failure.message} ({where})")
    return OutcomeTable.of(rows), list(dict.fromkeys(notes))


def _outcomes(file: SamplesFile, rows: Sequence[Row], metric: str, filter_name: str) -> Iterator[Outcome]:
    versions = file.results.get("versions")
    version = versions.get(file.task) if isinstance(versions, dict) else None
    scorer = f"lm-eval {metric},{filter_name}" + (f" v{version}" if version is not None else "")
    seen: dict[str, int] = {}
    for row in _in_order(rows):
        item = row.item
        seen[item] = seen.get(item, 0) + 1
        if seen[item] > 1:  # a data set that holds one document twice
            item = f"{item}#{seen[item]}"
        score = score_of(row.metrics[metric])
        assert score is not None  # choose_metric looked at every row
        yield Outcome(
            student=file.student,
            task=file.task,
            item=item,
            score=score,
            status=Status.UNPARSED if row.answer == INVALID and not score else Status.OK,
            cluster=row.cluster,
            prompt=row.prompt,
            extracted=None if row.answer == INVALID else row.answer,
            gold=row.gold,
            scorer=scorer,
        )


def _filtered(file: SamplesFile, choice: Choice, notes: list[str]) -> tuple[str, list[Row]]:
    found, named = by_filter(read_rows(file.path), filters_of(file.results, file.task), str(file.path))
    if choice.filter is not None and choice.filter not in found:
        raise unknown_name("filter", choice.filter, found, where=str(file.path), code=DATA)
    name = choice.filter or next(iter(found))
    if choice.filter is None and len(found) > 1:
        others = ", ".join(other for other in found if other != name)
        unnamed = "" if named else "; the samples do not name them and repeat each document for each"
        notes.append(
            f"{file.task}: lm-eval filter '{name}' (also there: {others}; choose with --filter{unnamed})"
        )
    return name, found[name]


def _in_order(rows: Sequence[Row]) -> Sequence[Row]:
    """By document number, since several processes may have written them in another order."""
    numbers = [row.doc_id for row in rows]
    if all(isinstance(number, int) for number in numbers):
        return sorted(rows, key=lambda row: int(row.doc_id))
    return rows


def _alternatives(others: Sequence[str], skipped: Sequence[str]) -> str:
    parts = []
    if skipped:
        parts.append(f"not a score of 0 to 1: {', '.join(skipped)}")
    if others:
        parts.append(f"also there: {', '.join(others)}; choose with --metric")
    return "; ".join(parts)
