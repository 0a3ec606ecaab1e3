"""The `smoke.yaml` of every system, all its stages in this process: random weights, the real tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.resources import shipped
from smallsteps.studies.study import load_study
from support.carried import carried_out

ELSEWHERE = {"micro"}  # tests/e2e/test_run.py
SYSTEMS = sorted(
    path.parent.name
    for path in shipped("baselines").glob("*/smoke.yaml")
    if path.parent.name not in ELSEWHERE
)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_stage_of_a_smoke_study_runs(
    system: str, repository: Path, data_dir: Path, tmp_path: Path
) -> None:
    prepared, finished = carried_out(
        repository / "baselines" / system / "smoke.yaml", tmp_path / "out", data_dir
    )
    report = (prepared.out / "report.md").read_text()
    for recipe in load_study(repository / "baselines" / system / "smoke.yaml")[1].values():
        title = recipe.title or recipe.recipe
        assert title in report, f"{title} is not in the report"
    assert finished.words


@pytest.mark.parametrize("system", [name for name in SYSTEMS if name != "smollm2"])
def test_a_system_has_all_its_files(system: str, repository: Path) -> None:
    folder = repository / "baselines" / system
    for name in ("README.md", "study.yaml", "micro.yaml"):
        assert (folder / name).exists(), f"baselines/{system} has no {name}"
    text = (folder / "README.md").read_text()
    for heading in ("Deviations", "Hardware", "Claims"):
        assert f"## {heading}" in text, f"README.md of {system} lacks the section {heading}"
    study, _ = load_study(folder / "study.yaml")
    assert len(study.seeds) >= 3
    assert study.claims
