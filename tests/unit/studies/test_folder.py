"""The output folder: one study, one process."""

from __future__ import annotations

from pathlib import Path

import pytest

from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.studies.folder import claim_folder, locked


def test_a_folder_belongs_to_one_study(tmp_path: Path) -> None:
    claim_folder(tmp_path / "out", "micro", resume=False)
    claim_folder(tmp_path / "out", "micro", resume=True)
    with pytest.raises(UserError, match="holds the study 'micro', not 'other'") as caught:
        claim_folder(tmp_path / "out", "other", resume=False)
    assert caught.value.code == CANNOT_CREATE


def test_a_strange_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(UserError, match="not a study's"):
        claim_folder(tmp_path, "micro", resume=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_resume_needs_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing to resume"):
        claim_folder(tmp_path / "out", "micro", resume=True)


def test_two_processes_cannot_work_in_one_folder(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="another process"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
