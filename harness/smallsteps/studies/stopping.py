"""The rounds at which a study's stopping rules would have stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smallsteps.outcomes import OutcomeTable
from smallsteps.studies.rounds import RoundsSpec, last_round
from smallsteps.studies.source import Source
from smallsteps.studies.study import Study


def stopping_notes(study: Study, path: Path, outcomes: OutcomeTable) -> list[str]:
    """One sentence for each stopping rule.

    Args:
        path: the study's file, to which its recipes are relative.
        outcomes: of all runs.
    """
    return [_note(entry, study, path, outcomes) for entry in study.rounds if entry.stop is not None]


def _note(entry: RoundsSpec, study: Study, path: Path, outcomes: OutcomeTable) -> str:
    assert entry.stop is not None
    data = Source((path.parent / entry.recipe).resolve()).document().data
    names = entry.names(str(data.get("recipe", Path(entry.recipe).stem)))
    students, tasks = np.array(outcomes.columns["student"]), np.array(outcomes.columns["task"])
    scores = np.array(outcomes.columns["score"], dtype=float)
    of_suite = np.isin(tasks, study.suites[entry.stop.on].tasks)
    means = [float(scores[of_suite & (students == name)].mean()) for name in names]
    found = last_round(means, entry.stop.gain)
    shown = ", ".join(f"{100 * mean:.1f}" for mean in means)
    end = f"stops at round {found}" if found < len(means) else "has not stopped yet"
    return (
        f"the rule of '{names[0]}' (less than {entry.stop.gain:g} points gained on {entry.stop.on}) {end}: "
        f"{shown} per cent in rounds 1 to {len(means)}, mean of seeds"
    )
