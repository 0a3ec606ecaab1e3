"""A student's folder ready for upload: its files, and a model card with its results (`model-index`)."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, UserError
from smallsteps.files import disk_error
from smallsteps.integrity import digests
from smallsteps.leaderboard.entry import EntryFile
from smallsteps.leaderboard.ranking import title_of
from smallsteps.leaderboard.swap import put_in_place
from smallsteps.outcomes import OutcomeTable
from smallsteps.outcomes.run_folder import check_run, read_manifest
from smallsteps.outcomes.table import read_outcomes
from smallsteps.problems import load_benchmark
from smallsteps.problems.tasks import parse_task
from smallsteps.stats.proportions import wilson_interval
from smallsteps.students import CARD, Student, read_student

README = "README.md"
TEMPLATE = """---
{{ card_data }}
---

# {{ title }}

{{ summary }}

## Results

{{ results }}

Every score is recomputed from the responses by [smallsteps](https://pypi.org/project/smallsteps/), rules {{
rules }}.
Intervals: 95 %, Wilson's, over the items of this one checkpoint.

## Made of

{{ made_of }}

## Use

```sh
smallsteps eval FOLDER --tasks {{ task }} --out runs/mine
```

Parts: {{ parts }}. Each is a Hugging Face model folder of its own.
"""


def export(
    student: Path,
    to: Path,
    runs: Sequence[Path] = (),
    *,
    card: EntryFile | None = None,
    replace: bool = False,
) -> Student:
    """Copy a student and write its model card.

    Args:
        student: its directory.
        to: a new folder.
        runs: its evaluations; their students must have these weights.
        card: `entry.yaml` of a leaderboard, for licence, teacher and corpus.
        replace: `to` may be there already and is replaced as a whole.

    Raises:
        UserError: not a student directory, a run of other weights, or a folder that is there.
    """
    found = read_student(student)
    if not (student / CARD).exists():
        raise UserError(
            f"no {CARD}: only students that were trained here are exported", where=str(student), code=DATA
        )
    if to.exists() and (not to.is_dir() or (any(to.iterdir()) and not (replace and (to / CARD).exists()))):
        fix = "choose a new folder" if not (to / CARD).exists() else "choose a new folder, or add --replace"
        raise UserError("there is something already", where=str(to), fix=fix, code=CANNOT_CREATE)
    tables = [_outcomes(found, run) for run in runs]
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=to.parent, prefix=f".{to.name}.exporting-"))
    except OSError as error:
        raise disk_error(error, to) from error
    try:
        shutil.copyfile(student / CARD, fresh / CARD)
        for part in found.parts.values():
            for name in digests(student / part):
                target = fresh / part / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(student / part / name, target)
        (fresh / README).write_text(_card(found, tables, card), encoding="utf-8")
        fresh.chmod(0o755)
        read_student(fresh)
        put_in_place(fresh, to)
    except OSError as error:
        raise disk_error(error, to) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return found


def _outcomes(student: Student, run: Path) -> OutcomeTable:
    check_run(run)
    weights = (read_manifest(run).get("student") or {}).get("weights")
    if weights != student.weights:
        raise UserError(
            "this run evaluated other weights than those of the student",
            where=str(run),
            fix="give runs of this very student",
            code=DATA,
        )
    return read_outcomes(run / "outcomes.parquet")


def _results(tables: Sequence[OutcomeTable]) -> list[tuple[str, int, float, float, float]]:
    """(task, items, accuracy, low, high), by task."""
    found: dict[str, tuple[str, int, float, float, float]] = {}
    for table in tables:
        for task in table.unique("task"):
            part = table.where(task=task)
            if len(part.unique("item")) != len(part):
                raise UserError(f"'{task}' has several samples an item", fix="export greedy runs", code=DATA)
            scores = part.scores()
            interval = wilson_interval(round(float(scores.sum())), len(scores))
            found[task] = (task, len(scores), float(scores.mean()), interval.low, interval.high)
    return [found[task] for task in sorted(found)]


def _card(student: Student, tables: Sequence[OutcomeTable], card: EntryFile | None) -> str:
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    from smallsteps.evaluation.scoring import RULES

    results = _results(tables)
    evaluations = [
        EvalResult(
            task_type="text-generation",
            dataset_type=_dataset(task),
            dataset_name=title_of(task),
            dataset_config=task,
            metric_type="accuracy",
            metric_value=round(accuracy, 6),
            metric_name=f"accuracy, {items:,} items, 95 % interval {low:.4f} to {high:.4f}",
            dataset_split="test",
        )
        for task, items, accuracy, low, high in results
    ]
    title = card.name if card else student.name
    data = ModelCardData(
        model_name=title,
        base_model=student.base or None,
        license=(card.licence or "").lower() or None if card else None,
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["smallsteps", "reasoning-distillation", student.scheme],
        eval_results=evaluations or None,
    )
    table = "\n".join(
        ["| benchmark | items | per cent right | 95 % interval |", "|---|---|---|---|"]
        + [
            f"| {title_of(task)} | {items:,} | {100 * accuracy:.1f} | {100 * low:.1f} to {100 * high:.1f} |"
            for task, items, accuracy, low, high in results
        ]
    )
    made = {
        "Base": f"`{student.base}`" + (f" at `{student.revision}`" if student.revision else ""),
        "Teacher": card.teacher if card else None,
        "Corpus": f"{card.corpus.name if card and card.corpus else 'sha256'} `{student.corpus[:12]}`",
        "Recipe": f"`{student.recipe[:12]}`",
        "Seed": student.seed,
        "Versions": ", ".join(f"{name} {version}" for name, version in sorted(student.versions.items())),
    }
    text = ModelCard.from_template(
        data,
        template_str=TEMPLATE,
        title=title,
        summary=f"A student of the `{student.scheme}` scheme.",
        results=table if results else "No evaluation was given.",
        rules=f"`{RULES}`",
        made_of="\n".join(f"- {name}: {value}" for name, value in made.items() if value is not None),
        parts=", ".join(f"`{name}` in `{place}`" for name, place in student.parts.items()),
        task=results[0][0] if results else "smallsteps_gsm8k",
    )
    return str(text.content)


def _dataset(task: str) -> str:
    parts = parse_task(task)
    hub: Any = load_benchmark(parts.benchmark).hub if parts else None
    return str(hub.id) if hub is not None else (parts.benchmark if parts else task)
