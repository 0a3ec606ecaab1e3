"""Questions and responses behind outcomes, from the sample files that lm-eval writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from smallsteps.errors import UserError
from smallsteps.evaluation.graded import response_of
from smallsteps.files import escaped, read_jsonl, read_objects
from smallsteps.outcomes import read_outcomes
from smallsteps.outcomes.lm_eval_names import SAMPLES
from smallsteps.outcomes.lm_eval_rows import item_of
from smallsteps.outcomes.readers import OUTCOMES, Source, runs_of
from smallsteps.reports.page.items import Sample, SampleSource

Turns = tuple[tuple[str, str], ...]
Places = Mapping[tuple[str, int | None], Sequence[Path]]


def logged_samples(places: Places) -> SampleSource:
    """Look texts up in the sample files below the folders of each (student, seed)."""

    @lru_cache(maxsize=4)
    def texts(student: str, seed: int | None, task: str) -> dict[str, Sample]:
        found: dict[str, Sample] = {}
        for folder in places.get((student, seed), ()):
            for path in sorted(folder.rglob("samples_*.jsonl")):
                named = SAMPLES.fullmatch(path.name)
                if named is None or named["task"] != task:
                    continue
                turns = _turns(path.parent)
                for _, row in read_objects(path):
                    item = item_of(row)
                    if item not in found:
                        found[item] = _sample(row, turns.get((task, item), ()))
        return found

    def source(student: str, seed: int | None, task: str, item: str) -> Sample | None:
        return texts(student, seed, task).get(item)

    return source


def places_of(sources: Sequence[Source]) -> dict[tuple[str, int | None], list[Path]]:
    """Folders of each (student, seed), where known: our run directories, and sources of one run."""
    found: dict[tuple[str, int | None], list[Path]] = {}
    for source in sources:
        if not source.path.is_dir():
            continue
        ours = [source.path / OUTCOMES] if (source.path / OUTCOMES).exists() else source.path.rglob(OUTCOMES)
        runs = [(file.parent, _run_of(file)) for file in sorted(ours)]
        for folder, run in runs:
            if run is not None and run[0] in source.students:
                found.setdefault(run, []).append(folder)
        if not runs and len(source.runs) == 1:
            found.setdefault(source.runs[0], []).append(source.path)
    return found


def _run_of(file: Path) -> tuple[str, int | None] | None:
    """The one student and seed of a run directory."""
    try:
        runs = runs_of(read_outcomes(file))
    except UserError:
        return None
    return runs[0] if len(runs) == 1 else None


@lru_cache(maxsize=2)
def _turns(folder: Path) -> dict[tuple[str, str], tuple[Turns, ...]]:
    """Dialogues of a run by task and item, one for each sample; empty where there are none."""
    found: dict[tuple[str, str], dict[int, Turns]] = {}
    path = folder / "solutions.jsonl"
    for _, row in read_jsonl(path) if path.exists() else ():
        if row["turns"]:
            dialogue = tuple((turn["question"], turn["reply"]) for turn in row["turns"])
            found.setdefault((row["task"], row["item"]), {})[row["sample"]] = dialogue
    return {
        key: tuple(by_sample.get(sample, ()) for sample in range(max(by_sample) + 1))
        for key, by_sample in found.items()
    }


def _sample(row: Mapping[str, Any], turns: tuple[Turns, ...]) -> Sample:
    doc = row.get("doc") if isinstance(row.get("doc"), dict) else {}
    assert isinstance(doc, dict)
    steps = doc.get("steps")
    plan = [step["question"] for step in steps if step.get("question")] if isinstance(steps, list) else []
    question = doc.get("question")
    return Sample(
        escaped(question if isinstance(question, str) else _prompt(row)),
        tuple(map(escaped, _responses(row))),
        tuple(plan),
        turns,
    )


def _prompt(row: Mapping[str, Any]) -> str:
    """What the model was shown, where a document names no question."""
    asked = row.get("arguments")
    first = next(iter(asked.values()), None) if isinstance(asked, dict) else (asked or [None])[0]
    values = list(first.values()) if isinstance(first, dict) else first
    return str(values[0]) if isinstance(values, list) and values else ""


def _responses(row: Mapping[str, Any]) -> list[str]:
    given = row.get("resps")
    if not isinstance(given, list) or not given or not isinstance(given[0], list) or not given[0]:
        return []
    if isinstance(given[0][0], str):
        return [str(text) for text in given[0]]
    try:
        return [response_of(row)]
    except (KeyError, IndexError, TypeError, ValueError):  # another harness's layout: the verdict is enough
        return []
