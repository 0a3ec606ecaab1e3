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
from smallsteps.terminal import markdown_text, visible_text

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
Intervals: 95 % Wilson intervals over the items, for this one checkpoint.

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
        raise UserError("there are files already", where=str(to), fix=fix, code=CANNOT_CREATE)
    if to.resolve().is_relative_to(student.resolve()):
        raise UserError(
            "the export would lie inside the student itself",
            where=str(to),
            fix="choose a folder outside it",
            code=CANNOT_CREATE,
        )
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
    title = _line(card.name if card else student.name)
    data = ModelCardData(
        model_name=title,
        base_model=_line(student.base) or None,
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
        "Base": _code(student.base) + (f" at {_code(student.revision)}" if student.revision else ""),
        "Teacher": markdown_text(card.teacher) if card and card.teacher else None,
        "Corpus": f"{markdown_text(card.corpus.name if card and card.corpus else 'sha256')} "
        + _code(student.corpus[:12]),
        "Recipe": _code(student.recipe[:12]),
        "Seed": student.seed,
        "Versions": markdown_text(
            ", ".join(f"{name} {version}" for name, version in sorted(student.versions.items()))
        ),
    }
    text = ModelCard.from_template(
        data,
        template_str=TEMPLATE,
        title=markdown_text(title),
        summary=f"A student of the {_code(student.scheme)} scheme.",
        results=table if results else "No evaluation was given.",
        rules=f"`{RULES}`",
        made_of="\n".join(f"- {name}: {value}" for name, value in made.items() if value is not None),
        parts=", ".join(f"{_code(name)} in {_code(place)}" for name, place in student.parts.items()),
        task=results[0][0] if results else "smallsteps_gsm8k",
    )
    return str(text.content)


def _line(text: str) -> str:
    """On one line, control characters written out: names come from the student's card."""
    return visible_text(text)


def _code(text: str) -> str:
    """As code in Markdown, which a backtick of its own cannot end."""
    return "`" + _line(text).replace("`", "'") + "`"


def _dataset(task: str) -> str:
    parts = parse_task(task)
    hub: Any = load_benchmark(parts.benchmark).hub if parts else None
    return str(hub.id) if hub is not None else (parts.benchmark if parts else task)
