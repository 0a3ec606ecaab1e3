"""A section's key changes with the files behind it, not with their names alone."""

from __future__ import annotations

from pathlib import Path

from smallsteps.corpora import CorpusSpec
from smallsteps.corpora.sources import files_read
from smallsteps.studies.stages import corpus_stage
from smallsteps.teachers.spec import FileSpec, HuggingFaceSpec


def section(**extra: object) -> CorpusSpec:
    values: dict[str, object] = {
        "benchmark": "micro_problems",
        "samples": 4,
        "per_problem": 2,
        "filter": "diversity",
        "prompt": "p.jinja",
        "encoder": "bert",
        "teacher": FileSpec(kind="file", path="r.jsonl"),
    }
    return CorpusSpec.model_validate(values | extra)


def make(folder: Path) -> None:
    (folder / "bert").mkdir()
    (folder / "bert" / "model.safetensors").write_bytes(b"weights")
    (folder / "p.jinja").write_text("{{ question }}")
    (folder / "r.jsonl").write_text("{}\n")


def test_every_file_counts(tmp_path: Path) -> None:
    make(tmp_path)
    before = files_read(section(), [tmp_path])
    assert set(before) == {"prompt", "rationales", "encoder"}
    for name, place in (
        ("prompt", "p.jinja"),
        ("rationales", "r.jsonl"),
        ("encoder", "bert/model.safetensors"),
    ):
        (tmp_path / place).write_text("changed")
        after = files_read(section(), [tmp_path])
        assert {key for key in before if before[key] != after[key]} == {name}
        before = after


def test_what_is_missing_is_left_to_the_collection(tmp_path: Path) -> None:
    assert files_read(section(), [tmp_path]) == {}
    model = HuggingFaceSpec(kind="huggingface", model=str(tmp_path / "m"))
    assert "teacher" not in files_read(section(teacher=model), [tmp_path])
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"weights")
    assert "teacher" in files_read(section(teacher=model), [tmp_path])


def test_the_stage_of_a_study_is_made_again(tmp_path: Path) -> None:
    make(tmp_path)
    stages = []
    for weights in (b"weights", b"others", b"weights"):
        (tmp_path / "bert" / "model.safetensors").write_bytes(weights)
        stage = corpus_stage("r", section(), tmp_path / "r.yaml", tmp_path / "out", None)
        stages.append(stage.key)
    assert stages[0] == stages[2] != stages[1]
