"""What a study's folder holds of declarations and of watched trainings, as kinds of files to damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from damage_cases import Case

from smallsteps.files import write_json
from smallsteps.integrity import read_sealed, write_sealed
from smallsteps.outcomes.checkpoints import SCHEMA as SELECTED
from smallsteps.outcomes.checkpoints import SELECTION
from smallsteps.studies.declaring import declare, read_declared
from smallsteps.studies.study import Study
from smallsteps.studies.watching import RECORD, RECORD_SCHEMA, read_selection

STUDY = Study.model_validate(
    {
        "study": "s",
        "title": "S",
        "recipes": ["a.yaml"],
        "suites": {"target": {"role": "target", "tasks": ["smallsteps_micro_problems"]}},
        "claims": [{"better": "cot", "than": "answer_only", "on": ["target"]}],
    }
)
SEEN = {"step": 4, "tokens": 900, "supervised_tokens": 300, "scores": {"target": 0.5}}


def _watched(folder: Path) -> None:
    write_sealed(folder / RECORD, {"schema": RECORD_SCHEMA, "weights": "0" * 64, **SEEN})
    chosen = {"student": "cot", "rule": "last", "split": "dev", "tokens": 900, "step": 4}
    write_json(folder / SELECTION, {"schema": SELECTED, **chosen, "trajectory": [SEEN]})


def _read_record(folder: Path) -> Any:
    return read_sealed(folder / RECORD, RECORD_SCHEMA)


STUDY_CASES = (
    Case("declared", lambda f: declare(f, STUDY), read_declared, ("declared.json",)),
    Case("checkpoint scores", _watched, _read_record, (RECORD,)),
    # the digests of the stage's marker, and the student's card, hold what was chosen
    Case("selection", _watched, read_selection, (SELECTION,), sealed=False),
)
