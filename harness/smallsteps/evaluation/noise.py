"""The noise floor of a run: the share of verdicts that change when the same items are answered in float32.

In 16 bits a text depends on what was decoded beside it. A difference between two students
that is smaller than the share of verdicts which rounding changes says nothing about them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.evaluation.progress import Progress
from smallsteps.evaluation.runner import OUTCOMES, Settings, evaluate
from smallsteps.integrity import write_sealed
from smallsteps.outcomes import OutcomeTable, read_outcomes
from smallsteps.outcomes.run_folder import MANIFEST, read_manifest

NOISE_FLOOR = "noise_floor"


def noise_floor(run: OutcomeTable, exact: OutcomeTable) -> dict[str, Any]:
    """Verdicts of a run against those of the same items in float32.

    Returns:
        `items` that were answered twice, `flips`: items with a sample whose score changed, `share`: flips by
        items, `difference`: mean change of an item's score, float32 minus run; `tasks`: the same by task.

    Raises:
        UserError: an item of `exact` that the run does not have.
    """
    before, after = _scores(run), _scores(exact)
    tasks: dict[str, dict[str, Any]] = {}
    for (task, item), scores in after.items():
        if (task, item) not in before:
            raise UserError(f"item '{item}' was not answered by the run", where=f"task '{task}'", code=DATA)
        earlier = before[task, item]
        found = tasks.setdefault(task, {"items": 0, "flips": 0, "difference": 0.0})
        found["items"] += 1
        found["flips"] += scores != earlier
        found["difference"] += sum(scores) / len(scores) - sum(earlier) / len(earlier)
    whole = {name: sum(found[name] for found in tasks.values()) for name in ("items", "flips", "difference")}
    return {**_shares(whole), "tasks": {task: _shares(found) for task, found in tasks.items()}}


def measure_noise_floor(
    student: str | Path,
    settings: Settings,
    out: Path,
    items: int,
    *,
    data: Path | None = None,
    include: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Answer the first items of each task of a finished run again in float32, and store the changes.

    The result is the field `noise_floor` of the run's manifest: see the function of this name, and `run` and
    `against`, the numerics of both. An existing measurement on as many items is only read.

    Args:
        student, settings, data, include: of the run in `out`.
        items: of each task.
    """
    manifest = read_manifest(out)
    known = manifest.get(NOISE_FLOOR)
    if known is not None and known["asked"] == items:
        return dict(known)
    limit = items if settings.limit is None else min(items, settings.limit)
    exact = replace(settings, precision="exact", dtype="auto", limit=limit)
    scratch = out / NOISE_FLOOR  # kept until the end, so that an interrupted measurement can resume
    table = evaluate(student, exact, scratch, data=data, include=include, progress=progress)
    other = read_manifest(scratch)["numerics"]
    found = {
        **noise_floor(read_outcomes(out / OUTCOMES), table),
        "asked": items,
        "run": manifest["numerics"],
        "against": other,
    }
    write_sealed(out / MANIFEST, {**manifest, NOISE_FLOOR: found})
    shutil.rmtree(scratch)
    return found


def _scores(table: OutcomeTable) -> dict[tuple[str, str], list[float]]:
    columns = table.columns
    rows = sorted(zip(columns["task"], columns["item"], columns["sample"], columns["score"], strict=True))
    found: dict[tuple[str, str], list[float]] = {}
    for task, item, _, score in rows:
        found.setdefault((task, item), []).append(score)
    return found


def _shares(found: dict[str, Any]) -> dict[str, Any]:
    items = found["items"]
    return {
        "items": items,
        "flips": found["flips"],
        "share": found["flips"] / items if items else 0.0,
        "difference": found["difference"] / items if items else 0.0,
    }
