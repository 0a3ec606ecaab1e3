"""The verbs `eval` and `lm-eval`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from smallsteps.cli import main
from smallsteps.evaluation.command import needs_only_ours, warnings_only, with_our_tasks
from smallsteps.evaluation.manager import folders_of, our_names, task_manager
from smallsteps.resources import shipped


def call(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    found = capsys.readouterr()
    code = done.value.code
    return (code if isinstance(code, int) else 1), found.out, found.err


def test_eval_prints_and_writes(llama: Path, tasks: Path, tmp_path: Path, capsys: Any) -> None:
    arguments = ["eval", str(llama), "--tasks", "toy", "--out", str(tmp_path / "run"), "--limit", "5"]
    code, out, _ = call(capsys, *arguments, "--include-path", str(tasks))
    assert code == 0
    assert "toy: " in out
    assert " of 5" in out
    code, out, _ = call(capsys, *arguments, "--include-path", str(tasks), "--json")
    assert code == 0
    (row,) = json.loads(out)["tasks"]
    assert row["items"] == 5
    assert row["low"] <= row["accuracy"] <= row["high"]


def test_eval_names_the_mistake(llama: Path, tasks: Path, tmp_path: Path, capsys: Any) -> None:
    code, _, err = call(
        capsys,
        "eval",
        str(llama),
        "--tasks",
        "toyy",
        "--out",
        str(tmp_path / "r"),
        "--include-path",
        str(tasks),
    )
    assert code == 64
    assert "unknown task 'toyy'" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'doc_to_text: "{{questoin}}"',
            "doc_to_text: no document has a field 'questoin'\n  did you mean 'question'?",
        ),
        ('doc_to_tekst: "{{question}}"', "unknown key 'doc_to_tekst'\n  did you mean 'doc_to_text'?"),
        ("doc_to_text: [", "malformed YAML"),
    ],
)
@pytest.mark.parametrize("verb", ["eval", "lm-eval"])
def test_a_wrong_task_file_is_one_error_and_nothing_is_written(
    verb: str, text: str, message: str, llama: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    head = f"task: bad\ninclude: {shipped('tasks')}/_common/question_yaml\n"
    (folder / "bad.yaml").write_text(f"{head}dataset_kwargs: {{benchmark: micro_problems}}\n{text}\n")
    out = tmp_path / "run"
    ours = ["eval", str(llama), "--tasks", "bad", "--include-path", str(folder), "--out", str(out)]
    stock = ["lm-eval", "run", "--model", "smallsteps", "--model_args", f"student={llama}", "--tasks", "bad"]
    stock += ["--include_path", str(folder), "--output_path", str(out)]
    code, _, err = call(capsys, *(ours if verb == "eval" else stock))
    assert code == 64
    assert message in err
    assert "bad.yaml:" in err
    assert "Traceback" not in err
    assert not out.exists()


def test_eval_outside_a_repository_says_nothing_of_git(
    llama: Path, tasks: Path, tmp_path: Path, capfd: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as done:
        main(
            [
                "eval",
                str(llama),
                "--tasks",
                "toy",
                "--out",
                "run",
                "--limit",
                "1",
                "--include-path",
                str(tasks),
            ]
        )
    assert done.value.code == 0
    assert "git" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("given", "added"),
    [
        (["run", "--tasks", "a"], True),
        (["ls", "tasks"], True),
        (["--tasks", "a", "--model", "hf"], True),
        (["run", "--include_path", "here"], False),
        (["--help"], False),
        ([], False),
    ],
)
def test_our_tasks_are_in_reach(given: list[str], added: bool) -> None:
    expected = [*given, "--include_path", str(shipped("tasks"))] if added else given
    assert with_our_tasks(given) == expected


@pytest.mark.parametrize(
    ("names", "folders"),
    [
        (["smallsteps_gsm8k_cot"], ["gsm8k"]),
        (["smallsteps_gsm8k_cot", "smallsteps_gsm8k", "smallsteps_svamp"], ["gsm8k", "svamp"]),
        (["smallsteps_bbh", "smallsteps_bbh_cot_navigate"], ["bbh"]),
        (["smallsteps_gsm8k", "smallsteps_math"], ["."]),
        (["smallsteps_generic"], ["."]),
        (["nowhere"], ["."]),
        ([], []),
    ],
)
def test_only_the_folders_that_are_needed_are_read(names: list[str], folders: list[str]) -> None:
    assert folders_of(names) == [(shipped("tasks") / folder).resolve() for folder in folders]
    if len(folders) == 1 and names != ["nowhere"]:
        given = ["run", "--tasks", ",".join(names)]
        assert with_our_tasks(given)[-1] == str(shipped("tasks") / folders[0])
        assert set(names) <= set(task_manager(names=names).all_tasks)


@pytest.mark.parametrize(
    ("given", "only"),
    [
        (["run", "--tasks", "smallsteps_gsm8k,smallsteps_svamp"], True),
        (["run", "--tasks", "smallsteps_gsm8k", "smallsteps_svamp", "--limit", "2"], True),
        (["run", "--tasks", "smallsteps_gsm8k,gsm8k"], False),
        (["run", "--tasks", "smallsteps_gsm8k", "--include_path", "elsewhere"], False),
        (["run", "--tasks", "smallsteps_gsm8k", "--include_path=elsewhere"], False),
        (["run", "--tasks", "smallsteps_gsm8k", "--include_path", str(shipped("tasks"))], True),
        (["run", "--tasks", "smallsteps_math", "-t", "smallsteps_bbh_cot_navigate"], True),
        (["ls", "tasks"], False),
    ],
)
def test_lm_evals_own_tasks_are_indexed_only_when_needed(given: list[str], only: bool) -> None:
    assert needs_only_ours(given) is only


def test_names_are_known_without_reading_the_files() -> None:
    assert our_names() == set(task_manager().all_tasks)


def test_lm_eval_runs_a_student(llama: Path, tmp_path: Path, capsys: Any, lines: Any) -> None:
    side = tmp_path / "solutions.jsonl"
    given = f"student={llama},solutions={side}"
    code, out, _ = call(
        capsys,
        *("lm-eval", "run", "--model", "smallsteps", "--model_args", given),
        *("--tasks", "smallsteps_micro_problems", "--limit", "3", "--gen_kwargs", "max_gen_toks=4"),
    )
    assert code == 0
    assert "smallsteps_micro_problems" in out
    assert len(lines(side)) == 3


@pytest.mark.parametrize(("asked", "seen"), [((), None), (("--verbosity", "INFO"), None), ((), "DEBUG")])
def test_lm_eval_shows_its_info_lines_only_where_they_are_asked_for(
    asked: tuple[str, ...], seen: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LMEVAL_LOG_LEVEL", raising=False)
    if seen:
        monkeypatch.setenv("LMEVAL_LOG_LEVEL", seen)
    with warnings_only(["run", *asked]):
        assert os.environ.get("LMEVAL_LOG_LEVEL") == (seen or (None if asked else "WARNING"))
    assert os.environ.get("LMEVAL_LOG_LEVEL") == seen


def test_lm_eval_help(capsys: Any) -> None:
    code, out, _ = call(capsys, "lm-eval", "--help")
    assert code == 0
    assert "lm-eval" in out
