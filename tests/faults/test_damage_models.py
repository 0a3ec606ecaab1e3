"""Models without a card (bases, references, teachers): swapped between two stages, they are found."""

from __future__ import annotations

from pathlib import Path

import pytest
from damage_cases import make_model

from smallsteps.errors import UserError
from smallsteps.students.recorded import RECORD, record_models, unchanged
from smallsteps.studies.runner import carry_out
from support.stages import NoteStage


@pytest.fixture
def base(tmp_path: Path) -> Path:
    make_model(tmp_path / "base")
    return tmp_path / "base"


@pytest.mark.parametrize(
    "name", ["model.safetensors", "tokenizer.json", "config.json", "chat_template.jinja"]
)
def test_a_model_that_changed_before_a_study_goes_on_is_found(name: str, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = record_models(out, {"base": str(base)})
    assert record_models(out, {"base": str(base)}) == first
    before = (base / name).read_bytes() if (base / name).exists() else b""
    (base / name).write_bytes(before + b" ")
    with pytest.raises(UserError, match=f"'base' is not what it was when this study began: {name} changed"):
        record_models(out, {"base": str(base)})
    (out / RECORD).unlink()  # the way out that the message names
    assert record_models(out, {"base": str(base)}) != first


def test_a_finished_study_finds_a_swapped_tokenizer(base: Path, tmp_path: Path) -> None:
    """The keys of its stages hash the weights alone."""
    stage = NoteStage(name="base", shaped_by={"student": "w"}, models={"base": str(base)})
    stage.folder(tmp_path / "out").mkdir(parents=True)
    stage.mark_done(tmp_path / "out")
    carry_out([stage], tmp_path / "out")
    (base / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer.json changed"):
        carry_out([stage], tmp_path / "out")


def test_weights_swapped_while_a_stage_runs_are_found(base: Path, tmp_path: Path) -> None:
    recorded = record_models(tmp_path / "out", {"base": str(base)})
    weights = (base / "model.safetensors").read_bytes()
    with pytest.raises(UserError, match="changed while the study was running"), unchanged(recorded):
        (base / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))
    with pytest.raises(UserError, match="changed while the study was running"), unchanged(recorded):
        raise AssertionError("the stage began with other weights")
