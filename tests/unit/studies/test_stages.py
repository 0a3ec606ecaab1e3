"""Stages: keys that stay, kinds that are one file, versions that follow."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest

from smallsteps.engines.numerics import Numerics
from smallsteps.errors import UserError
from smallsteps.evaluation import versions
from smallsteps.integrity import digests, write_sealed
from smallsteps.studies.check import check_folder
from smallsteps.studies.folder import claim_folder
from smallsteps.studies.prepare import Prepared, prepare
from smallsteps.studies.runner import Carried, carry_out
from smallsteps.studies.stages import RunStage, StudentStage
from support.stages import NoteStage

KEYS = Path(__file__).with_name("smoke_keys.json")  # SMALLSTEPS_UPDATE_GOLDEN=1 writes it
FOLDERS = {"collect": "corpora", "compare with tests": "overlaps", "train": "students", "evaluate": "runs"}


@pytest.fixture
def smoke(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """The smoke study, planned for a processor that computes in bfloat16."""
    numerics = Numerics("auto", "bfloat16", "cpu", 1024)
    monkeypatch.setattr("smallsteps.studies.stages.run.resolve", lambda **_: numerics)
    return prepare(repository / "baselines" / "micro" / "smoke.yaml", tmp_path / "out")


def test_the_keys_of_the_smoke_study_stay(smoke: Prepared) -> None:
    """A change here makes all finished studies start anew: it must be meant."""
    keys = {stage.label: stage.key for stage in smoke.plan.stages()}
    if os.environ.get("SMALLSTEPS_UPDATE_GOLDEN"):
        KEYS.write_text(json.dumps(keys, indent=1) + "\n")
    assert keys == json.loads(KEYS.read_text())


def test_nothing_is_done_again_that_the_version_before_has_done(smoke: Prepared) -> None:
    for label, key in json.loads(KEYS.read_text()).items():
        verb, _, name = label.rpartition(" ")
        kinds = {
            "collect": "corpora",
            "compare with tests": "overlaps",
            "train": "students",
            "evaluate": "runs",
        }
        folder = smoke.out / kinds[verb] / f"{name}-{key}"
        folder.mkdir(parents=True)
        (folder / "output").write_text(label)
        marker = {"schema": "smallsteps.stage/2", "key": key, "files": digests(folder)}
        write_sealed(folder / "stage.json", marker)
    stages = smoke.plan.stages()
    assert len(stages) == 39
    assert carry_out(stages, smoke.out, workers=1) == Carried(39, {})


def test_the_version_of_a_run_follows_from_engines_and_rules(
    smoke: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = next(stage for stage in smoke.plan.stages() if isinstance(stage, RunStage))
    found = {run.version()}
    monkeypatch.setattr(versions, "GENERATION_VERSION", versions.GENERATION_VERSION + 1)
    found.add(run.version())
    monkeypatch.setattr(versions, "RULES", "flexible-4")
    found.add(run.version())
    monkeypatch.undo()
    monkeypatch.setattr(versions, "RULES", "flexible-4")
    found.add(run.version())
    assert len(found) == 4


def test_other_evaluation_leaves_the_students_alone(smoke: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = prepare(smoke.path, smoke.out).plan
    monkeypatch.setattr(versions, "GENERATION_VERSION", versions.GENERATION_VERSION + 1)
    keys = json.loads(KEYS.read_text())
    for stage in plan.stages():
        assert (stage.key != keys[stage.label]) == isinstance(stage, RunStage), stage.label


def test_a_stage_reaches_a_worker_as_it_is(smoke: Prepared) -> None:
    for stage in smoke.plan.stages():
        again = pickle.loads(pickle.dumps(stage))  # noqa: S301 - our own
        assert (again.key, again.needs, again.label) == (stage.key, stage.needs, stage.label)


def test_words_and_unset_keys_do_not_shape_a_student(smoke: Prepared) -> None:
    student = next(stage for stage in smoke.plan.stages() if isinstance(stage, StudentStage))
    recipe = student.content()["recipe"]
    assert not {"title", "description", "decoding", "lora", "format"} & set(recipe)
    assert {"parts", "replay", "tokenizer", "examples"} <= set(recipe)


def test_a_new_kind_of_stage_is_one_class(tmp_path: Path) -> None:
    """Keys, folders, order, screen, workers and checks need no list of kinds."""
    first = NoteStage(name="one", shaped_by={"a": 1})
    second = NoteStage(name="two", reads=(first,))
    alone = NoteStage(name="three", after=(second,))
    claim_folder(tmp_path / "out", "notes", resume=False)
    carried = carry_out([alone, second, first], tmp_path / "out", workers=1)
    assert list(carried.now) == ["write one", "write two", "write three"]
    assert (second.folder(tmp_path / "out") / "note.txt").read_text() == "one.two."
    assert check_folder(tmp_path / "out").problems == ()
    assert carry_out([first, second, alone], tmp_path / "out") == Carried(3, {})
    other = NoteStage(name="two", reads=(NoteStage(name="one", shaped_by={"a": 2}),))
    assert other.key != second.key
    (first.folder(tmp_path / "out") / "note.txt").write_text("changed")
    with pytest.raises(UserError, match=r"note\.txt"):
        carry_out([first, second], tmp_path / "out")
    assert [problem.what for problem in check_folder(tmp_path / "out").problems]
