"""lm-eval tasks of a user's own benchmarks: made from the YAML, found by path and by folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from smallsteps.cli.main import main
from smallsteps.errors import UserError
from smallsteps.evaluation.manager import folders_of, load_tasks, our_names, own_folders, task_manager
from smallsteps.evaluation.task_check import check_tasks
from smallsteps.evaluation.task_code import code_of_folder
from smallsteps.evaluation.task_files import asked_task, unknown_task
from smallsteps.problems import load_problems, named_benchmark
from smallsteps.problems.finding import ENVIRONMENT, add_place
from smallsteps.problems.tasks import find_task

ROWS = [{"question": f"Tom has {n} apples. How many now?", "answer": n} for n in range(4)]
YAML = """\
schema: 1
name: apples
kind: number
reader: jsonl
fields: {}
files: {all: {path: p.jsonl}}
splits: {test: {}}
variants:
  question: {max_tokens: 8}
  zeroshot_cot: {max_tokens: 8}
"""
WRITTEN = """\
task: apples_by_hand
include: {common}/question_yaml
dataset_kwargs: {{benchmark: apples, variant: question}}
doc_to_text: "Say: {{{{question}}}}"
generation_kwargs: {{until: [], max_gen_toks: 8, do_sample: false}}
metadata: {{version: 1, prompt: raw}}
"""


@pytest.fixture(autouse=True)
def nothing_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SMALLSTEPS_DATA", raising=False)


@pytest.fixture
def apples(tmp_path: Path) -> Path:
    folder = tmp_path / "own" / "apples"
    folder.mkdir(parents=True)
    (folder / "benchmark.yaml").write_text(YAML)
    (folder / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return folder


def call(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    found = capsys.readouterr()
    return int(done.value.code or 0), found.out, found.err


def test_tasks_are_made_from_the_yaml_and_evaluated_by_its_path(
    apples: Path, llama: Path, tmp_path: Path, capsys: Any
) -> None:
    path, out = str(apples / "benchmark.yaml"), str(tmp_path / "run")
    code, printed, _ = call(capsys, "eval", str(llama), "--tasks", path, "--out", out)
    assert code == 0
    assert "smallsteps_apples: " in printed
    assert " of 4" in printed
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert set(manifest["own_benchmarks"]) == {"apples"}
    assert not list(apples.glob("smallsteps_*"))  # nothing is written into the user's folder


def test_a_run_on_other_problems_is_not_taken_for_done(
    apples: Path, llama: Path, tmp_path: Path, capsys: Any
) -> None:
    arguments = [
        "eval",
        str(llama),
        "--tasks",
        str(apples / "benchmark.yaml"),
        "--out",
        str(tmp_path / "run"),
    ]
    assert call(capsys, *arguments)[0] == 0
    with (apples / "p.jsonl").open("a") as file:
        file.write('{"question": "How many pears?", "answer": 1}\n')
    code, _, error = call(capsys, *arguments)
    assert code >= 64
    assert "the problems of apples differ" in error


def test_the_generated_files_are_the_same_in_every_process(apples: Path) -> None:
    add_place(apples)
    (folder,) = own_folders()[:1]
    assert folder.parent == Path(os.environ["XDG_CACHE_HOME"]) / "smallsteps" / "tasks"
    names = {path.stem for path in folder.glob("apples/*.yaml")}
    assert names == {"smallsteps_apples", "smallsteps_apples_zeroshot_cot"}
    assert names <= our_names()
    assert folders_of(names) == []  # no shipped folder is read for them
    (task,) = load_tasks(task_manager(names=["smallsteps_apples"]), ["smallsteps_apples"])
    assert [doc["answer"] for doc in task.test_docs()] == ["0", "1", "2", "3"]


def test_task_files_of_a_named_folder_are_found_too(apples: Path, repository: Path) -> None:
    common = repository / "tasks" / "_common"
    (apples / "by_hand.yaml").write_text(WRITTEN.format(common=common))
    add_place(apples.parent)
    assert "apples_by_hand" in our_names()
    (task,) = load_tasks(task_manager(), ["apples_by_hand"])
    assert task.doc_to_text(next(iter(task.test_docs()))).startswith("Say: Tom has 0")


@pytest.mark.parametrize("named", ["apples", "apples/benchmark.yaml"])
def test_a_benchmark_that_a_recipe_names_brings_no_task_files(
    named: str, apples: Path, repository: Path
) -> None:
    (apples / "by_hand.yaml").write_text(WRITTEN.format(common=repository / "tasks" / "_common"))
    assert named_benchmark(f"./{named}", apples.parent) == "apples"
    assert "smallsteps_apples" in our_names()
    assert "apples_by_hand" not in our_names()


def test_check_reads_every_problem_and_lists_foreign_code(apples: Path, repository: Path) -> None:
    common = repository / "tasks" / "_common"
    (apples / "by_hand.yaml").write_text(
        WRITTEN.format(common=common) + "process_results: !function apples_code.score\n"
    )
    (apples / "apples_code.py").write_text("def score(doc, results): return {}\n")
    (apples / "recipe.yaml").write_text("recipe: r\nscheme: cot\n")  # not a task file
    found = check_tasks(apples)
    assert (found.benchmarks, found.problems) == (("apples",), {"apples": {"test": 4}})
    assert found.task_files == 1
    ((_, what),) = code_of_folder(apples)
    assert what.endswith("apples_code.score")
    (apples / "p.jsonl").write_text('{"question": "q?"}\n')
    with pytest.raises(UserError, match="field 'answer' is missing"):
        check_tasks(apples)


def test_a_path_stands_for_the_benchmark_and_its_base_task(apples: Path) -> None:
    path = str(apples / "benchmark.yaml")
    assert asked_task(path) == "smallsteps_apples"
    assert asked_task("smallsteps_gsm8k") == "smallsteps_gsm8k"
    assert find_task(path).benchmark == "apples"


def test_an_own_variant_shows_examples_from_its_train_split(apples: Path) -> None:
    rows = [{"id": f"a{n}", "why": f"There are {n}.", **row} for n, row in enumerate(ROWS)]
    (apples / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = YAML.replace("fields: {}", "fields: {id: id, rationale: why}")
    text = text.replace("{test: {}}", "{test: {held_out: 2}, train: {without: test}}")
    (apples / "benchmark.yaml").write_text(text)
    name = named_benchmark(str(apples / "benchmark.yaml"))
    shown = load_problems(name, "train")[0]
    (apples / "benchmark.yaml").write_text(
        f"{text}  cot: {{exemplars: demos, max_tokens: 8}}\n"
        f"exemplars: {{demos: {{benchmark: apples, split: train, ids: [{shown.id}], count: 1}}}}\n"
    )
    (task,) = load_tasks(task_manager(), ["smallsteps_apples_cot"])
    context = task.fewshot_context(next(iter(task.test_docs())), 1)
    assert f"{shown.rationale} The answer is {shown.answer}." in context


def test_verbs_find_a_folder_of_benchmarks(apples: Path, capsys: Any, monkeypatch: Any) -> None:
    code, printed, _ = call(capsys, "tasks", "ls", "--tasks-path", str(apples.parent))
    assert code == 0
    assert "apples " in printed
    monkeypatch.setenv(ENVIRONMENT, str(apples.parent))
    code, printed, _ = call(capsys, "tasks", "show", "smallsteps_apples_zeroshot_cot")
    assert "Q: Tom has 0 apples. How many now?\nA: Let's think step by step.\n[gold: 0]" in printed
    code, printed, _ = call(capsys, "power", "apples", "--json")
    assert json.loads(printed)["benchmarks"][0]["items"] == 4
    assert json.loads(printed)["counts"] == {"apples": "4 test items, counted in the data"}


def test_overlap_with_an_own_test_set_is_found(apples: Path, tmp_path: Path, capsys: Any) -> None:
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text(json.dumps({"question": ROWS[2]["question"]}) + "\n")
    arguments = ["tasks", "overlap", str(corpus), "--suite", "own", "--tasks-path", str(apples)]
    code, printed, error = call(capsys, *arguments)
    assert code == 1
    assert "apples" in printed
    assert "more than 1.0%" in error


def test_lm_evals_command_line_runs_own_tasks(
    apples: Path, llama: Path, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(apples))
    arguments = ["lm-eval", "run", "--model", "smallsteps", "--model_args", f"student={llama}"]
    code, printed, _ = call(capsys, *arguments, "--tasks", "smallsteps_apples")
    assert code == 0
    assert "smallsteps_apples" in printed


def test_the_name_of_a_benchmark_gets_its_task_suggested(llama: Path, tmp_path: Path, capsys: Any) -> None:
    code, _, error = call(capsys, "eval", str(llama), "--tasks", "gsm8k", "--out", str(tmp_path / "run"))
    assert code == 64
    assert "unknown task 'gsm8k'\n  did you mean 'smallsteps_gsm8k'?" in error
    assert not (tmp_path / "run").exists()
    assert "did you mean 'smallsteps_svamp'" in str(unknown_task("smallsteps_swamp", our_names()))
