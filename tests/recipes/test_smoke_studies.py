"""The `smoke.yaml` of every system, all its stages in this process: random weights, the real tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.resources import shipped
from smallsteps.studies.prepare import prepare
from smallsteps.studies.report import write_report
from smallsteps.studies.runner import Carried
from smallsteps.studies.study import load_study

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
    prepared = prepare(repository / "baselines" / system / "smoke.yaml", tmp_path / "out", data=data_dir)
    for stage in prepared.plan.stages():
        stage.work(prepared.out, lambda done, total, note: None)
        stage.mark_done(prepared.out)
    finished = write_report(prepared, Carried(0, {}))
    assert "# " in (prepared.out / "report.md").read_text()
    for recipe in load_study(repository / "baselines" / system / "smoke.yaml")[1].values():
        title = recipe.title or recipe.recipe
        assert title in (prepared.out / "report.md").read_text(), f"{title} is not in the report"
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
