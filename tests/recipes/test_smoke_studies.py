"""The smoke study of every published system runs through all its stages, and a second time does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.files import read_json
from smallsteps.studies.catalogue import entries
from smallsteps.studies.run import run_study

# those of `micro` and `smollm2` are run elsewhere
SMOKES = [
    entry.path
    for entry in entries()
    if entry.path.endswith("/smoke.yaml") and entry.path.split("/")[1] not in ("micro", "smollm2")
]


@pytest.mark.parametrize("path", SMOKES, ids=lambda path: path.split("/")[1])
def test_smoke_study_runs(path: str, repository: Path, tmp_path: Path, data_dir: Path) -> None:
    finished = run_study(repository / path, tmp_path / "out", data=data_dir, workers=1)
    manifest = read_json(tmp_path / "out" / "manifest.json")
    stages = [name for name in manifest["stages"] if name.startswith("run ")]
    assert len(stages) >= 2
    assert "random weights, learns nothing" in finished.words
