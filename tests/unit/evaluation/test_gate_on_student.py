"""The live gate on a student: graded as the reference was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.comparing.graded import Graded, grade_all
from smallsteps.errors import UserError
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.files import read_json, sha256_file
from smallsteps.gate.live import LivePlan, run_live
from smallsteps.gate.rules import parse_margins
from smallsteps.gate.student import StudentGrader, settings_of
from smallsteps.integrity import write_sealed
from smallsteps.stats.noninferiority import Verdict

TASK = "smallsteps_micro_problems"


@pytest.fixture(scope="module")
def reference(llama: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Graded]:
    run = tmp_path_factory.mktemp("runs") / "frozen"
    settings = Settings(tasks=(TASK,), limit=48, max_new_tokens=6)
    table = evaluate(llama, settings, run, label="frozen")
    return run, grade_all(table, [TASK])["frozen", TASK]


def test_the_reference_against_itself_has_no_discordant_item(
    llama: Path, reference: tuple[Path, Graded], tmp_path: Path
) -> None:
    run, graded = reference
    grader = StudentGrader(llama, settings_of(run), [graded])
    scores = grader(TASK, graded.items[:16])
    assert scores == dict(zip(graded.items[:16], graded.by_seed()[0][:16].tolist(), strict=True))
    plan = LivePlan(grader.identity, "salt", batch=48)
    report = run_live(plan, [graded], parse_margins(["30"]), grader, tmp_path / "s.json")
    assert report.verdict is Verdict.PASS
    (line,) = report.lines
    assert line.counts is not None
    assert line.counts.discordant == 0
    assert line.graded < line.items


def test_identity_follows_the_weights(llama: Path, pair: Path, reference: tuple[Path, Graded]) -> None:
    run, graded = reference
    settings = settings_of(run)
    assert settings.max_new_tokens == 6
    mine, other = StudentGrader(llama, settings, [graded]), StudentGrader(pair, settings, [graded])
    assert mine.identity == StudentGrader(llama, settings, [graded]).identity
    assert mine.identity != other.identity


def test_small_students_grade_more_items_together(
    llama: Path, reference: tuple[Path, Graded], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, graded = reference
    grader = StudentGrader(llama, settings_of(run), [graded])
    weights = sum(file.stat().st_size for file in llama.rglob("*.safetensors"))
    assert grader.together == 2**30 // weights > 100
    monkeypatch.setattr("smallsteps.gate.student.STEP_BYTES", weights // 2)
    assert grader.together == 1  # a large one is graded look by look


def test_other_prompts_than_the_reference_s_are_counted(llama: Path, reference: tuple[Path, Graded]) -> None:
    from dataclasses import replace

    run, graded = reference
    changed = replace(graded, prompts=tuple("other" for _ in graded.prompts))
    grader = StudentGrader(llama, settings_of(run), [changed])
    assert len(grader(TASK, graded.items[:2])) == 2
    assert grader.other_prompts == {TASK: set(graded.items[:2])}


def test_items_that_the_task_no_longer_has_are_named(llama: Path, reference: tuple[Path, Graded]) -> None:
    from dataclasses import replace

    run, graded = reference
    gone = replace(graded, items=("0" * 16, *graded.items[1:]))
    with pytest.raises(UserError, match="no longer has 1 items of the reference"):
        StudentGrader(llama, settings_of(run), [gone])


def test_a_reference_without_its_settings_is_refused(tmp_path: Path, reference: tuple[Path, Graded]) -> None:
    with pytest.raises(UserError, match="made by 'smallsteps eval'"):
        settings_of(tmp_path)
    manifest = read_json(reference[0] / "manifest.json")
    manifest["settings"]["surprise"] = 1
    shutil.copytree(reference[0], tmp_path, dirs_exist_ok=True)
    reseal(tmp_path, manifest)
    with pytest.raises(UserError, match="no settings that this version knows"):
        settings_of(tmp_path)


def reseal(run: Path, manifest: dict[str, Any]) -> None:
    """Write a manifest that fits the files of a run again, as a forger would."""
    del manifest["digest"]
    manifest["files"]["outcomes.parquet"] = sha256_file(run / "outcomes.parquet")
    write_sealed(run / "manifest.json", manifest)


def _exit_code(*arguments: object) -> int:
    from smallsteps.cli import main

    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(str(stopped.value.code))


def test_exit_codes_of_a_live_gate(
    llama: Path, reference: tuple[Path, Graded], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from smallsteps.outcomes import OutcomeTable, read_outcomes, write_outcomes

    run, _ = reference
    live = ("gate", llama, "--live", "--batch", 48, "--against")
    assert _exit_code(*live, run, "--margin", 30, "--state", tmp_path / "a.json") == 0
    assert "items graded" in capsys.readouterr().err
    # texts are kept until the gate is done; the lock beside the state stays
    assert {path.name for path in tmp_path.iterdir()} == {"a.json", ".a.json.lock"}
    assert _exit_code(*live, run, "--margin", 30, "--state", tmp_path / "a.json") == 0
    assert "items graded" not in capsys.readouterr().err  # the verdict stands, nothing is graded again
    assert _exit_code(*live, run, "--margin", 25, "--state", tmp_path / "a.json") >= 64
    assert "margins" in capsys.readouterr().err
    assert _exit_code(*live, run, "--margin", 1, "--state", tmp_path / "b.json") == 2
    perfect = tmp_path / "perfect"
    shutil.copytree(run, perfect)
    table = read_outcomes(run / "outcomes.parquet")
    right = {"score": [1.0] * len(table), "status": ["ok"] * len(table)}
    ones = OutcomeTable({**table.columns, **right})
    write_outcomes(perfect / "outcomes.parquet", ones)
    assert _exit_code(*live, perfect, "--margin", 30, "--state", tmp_path / "c.json") >= 64
    assert "outcomes.parquet is damaged or was changed" in capsys.readouterr().err
    reseal(perfect, read_json(perfect / "manifest.json"))
    assert _exit_code(*live, perfect, "--margin", 30, "--state", tmp_path / "c.json") == 1


def test_a_gate_in_exact_precision_says_that_the_reference_was_not(
    llama: Path, reference: tuple[Path, Graded], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = reference
    live = ("gate", llama, "--live", "--against", run, "--margin", 40, "--json")
    assert _exit_code(*live, "--state", tmp_path / "same.json") in (0, 2)
    assert "Numerics differ" not in capsys.readouterr().out
    assert _exit_code(*live, "--precision", "exact", "--state", tmp_path / "exact.json") in (0, 2)
    assert "Numerics differ from the reference's: precision auto there, exact here" in capsys.readouterr().out


def test_a_killed_gate_takes_up_its_texts(
    llama: Path, reference: tuple[Path, Graded], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stretch up to a look is long: what was answered of it is saved beside the state."""
    from smallsteps.evaluation.store import ChunkStore

    run, graded = reference
    items = graded.items[:12]
    grader = StudentGrader(llama, settings_of(run), [graded])
    grader.save_to(tmp_path / "responses")
    scores = grader(TASK, items)
    assert list((tmp_path / "responses").iterdir())
    again = StudentGrader(llama, settings_of(run), [graded])
    again.save_to(tmp_path / "responses")
    monkeypatch.setattr(ChunkStore, "write", lambda *_: pytest.fail("answered again"))
    assert again(TASK, items) == scores
    again.finish()
    assert not (tmp_path / "responses").exists()
