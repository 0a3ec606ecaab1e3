"""`smallsteps tasks` as a user calls it, and plain lm-eval on our task files."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent


def run(*arguments: str, data: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "SMALLSTEPS_DATA"}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", **more}
    if data is not None:
        environment["SMALLSTEPS_DATA"] = str(data)
    return subprocess.run(
        [str(BIN / arguments[0]), *arguments[1:]],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )


def test_ls_answers_in_under_a_second(data_dir: Path) -> None:
    took = []
    for _ in range(3):  # processor time, because on a busy machine the clock measures the others too
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = run("smallsteps", "tasks", "ls", data=data_dir)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
    assert done.returncode == 0, done.stderr
    assert min(took) < 1.0, took
    listed, _, legend = done.stdout.partition("\ndata:\n")
    lines = {line.split()[0]: line for line in listed.splitlines()[1:]}
    assert lines["gsm8k"].split()[1:] == ["target", "number", "6973", "500", "1319", "yes", "MIT"]
    assert " no " in lines["quarel"]
    assert "built in" in lines["micro_problems"]
    assert "  yes        in the data directory\n" in legend
    assert "hub" not in legend  # words that no line uses are not explained


def test_ls_loads_nothing_heavy() -> None:
    code = (
        "import sys; from smallsteps.problems.listing import listing; listing(); import smallsteps.cli.tasks;"
        "heavy = ('torch', 'lm_eval', 'datasets', 'pandas', 'transformers', 'scipy');"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = run("python", "-c", code)
    assert done.stdout.strip() == "[]", done.stderr


def test_ls_for_machines_names_what_is_there(data_dir: Path, tmp_path: Path) -> None:
    rows = json.loads(run("smallsteps", "tasks", "ls", "--json", data=data_dir).stdout)
    assert {row["name"]: row["data"] for row in rows}["aqua"] == "test only"
    rows = json.loads(run("smallsteps", "tasks", "ls", "--json", "--data", str(tmp_path)).stdout)
    assert {row["data"] for row in rows} == {"no", "built in"}
    rows = json.loads(run("smallsteps", "tasks", "ls", "--json").stdout)
    assert {row["name"]: row["data"] for row in rows}["gsm8k"] == "hub"


def test_show_prints_a_real_row_in_every_variant(data_dir: Path) -> None:
    done = run("smallsteps", "tasks", "show", "gsm8k", data=data_dir)
    assert done.returncode == 0, done.stderr
    for name in ("smallsteps_gsm8k\n", "smallsteps_gsm8k_cot\n", "smallsteps_gsm8k_fu_icl_cot\n"):
        assert name in done.stdout
    assert done.stdout.count("Janet’s ducks lay 16 eggs per day.") == 9  # all but the socratic variant
    assert "not available: exemplar 'train-0' has no sub-questions" in done.stdout
    one = run("smallsteps", "tasks", "show", "smallsteps_bbh_cot_navigate", data=data_dir)
    assert "Q: If you follow these instructions" in one.stdout
    assert "smallsteps_bbh_answer_only" not in one.stdout
    wrong = run("smallsteps", "tasks", "show", "gsm8kk", data=data_dir)
    assert (wrong.returncode, wrong.stdout) == (64, "")
    assert "did you mean 'gsm8k'?" in wrong.stderr


def test_show_refuses_rows_and_subtasks_that_are_not_there(data_dir: Path) -> None:
    for arguments, message in (
        (["bbh", "--subtask", "navigat"], "did you mean 'navigate'?"),
        (["svamp", "--subtask", "x"], "no subtask"),
        (["svamp", "--row", "300"], "the last row of 'smallsteps_svamp' is 299"),
    ):
        done = run("smallsteps", "tasks", "show", *arguments, data=data_dir)
        assert (done.returncode, done.stdout) == (64, "")
        assert message in done.stderr
    done = run("smallsteps", "tasks", "show", "smallsteps_svamp", "--row", "299", data=data_dir)
    assert done.stdout.count("[gold: ") == 1


def test_verify_says_what_differs(data_dir: Path, tmp_path: Path) -> None:
    for name in ("svamp", "prompts", "openbookqa"):
        shutil.copytree(data_dir / name, tmp_path / name, copy_function=shutil.copyfile)
        (tmp_path / name).chmod(0o755)
    assert run("smallsteps", "tasks", "data", "verify", "openbookqa", "--data", str(tmp_path)).returncode == 0
    path = tmp_path / "openbookqa/dev.jsonl"
    path.write_text(path.read_text().replace("Frilled sharks", "Frilly sharks", 1))
    train = tmp_path / "openbookqa/train.jsonl.gz"
    train.write_bytes(train.read_bytes()[:-100])
    done = run("smallsteps", "tasks", "data", "verify", "openbookqa", "quarel", "--data", str(tmp_path))
    assert done.returncode == 1
    states = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines() if "/" in line}
    assert states["openbookqa/dev.jsonl"] == "differs"
    assert states["openbookqa/train.jsonl.gz"] == "damaged"
    assert states["quarel/test.jsonl"] == "missing"
    assert "openbookqa/test.jsonl" not in states


def test_overlap_of_a_real_corpus_is_found_in_under_a_minute(data_dir: Path) -> None:
    corpus = str(data_dir / "teacher/llm_adapters_math_train.jsonl.gz")
    start = time.perf_counter()
    done = run("smallsteps", "tasks", "overlap", corpus, "--suite", "all", data=data_dir)
    assert time.perf_counter() - start < 60
    assert done.returncode == 1
    assert "multiarith: 315 of 450 test items (70.0%)" in done.stderr
    assert "skipped quarel" in done.stdout
    fine = run(
        "smallsteps", "tasks", "overlap", corpus, "--suite", "svamp", "--allow", "svamp", data=data_dir
    )
    assert (fine.returncode, fine.stderr) == (0, "")


def test_plain_lm_eval_finds_and_runs_our_tasks(tmp_path: Path, data_dir: Path) -> None:
    tasks = run("smallsteps", "tasks", "path").stdout.strip()
    names = "smallsteps_micro_problems,smallsteps_gsm8k_cot,smallsteps_bbh_answer_only_navigate"
    out = tmp_path / "out"
    done = run(
        *("lm-eval", "run", "--model", "dummy", "--include_path", tasks, "--tasks", names),
        *("--limit", "2", "--output_path", str(out), "--log_samples"),
        data=data_dir,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads(next(out.rglob("results_*.json")).read_text())["results"]
    assert set(results) == set(names.split(","))
    assert {"flexible,none", "strict,none", "unparsed,none"} <= set(results["smallsteps_micro_problems"])
    assert "compatible,none" in results["smallsteps_gsm8k_cot"]
    assert len(list(out.rglob("samples_*.jsonl"))) == 3


@pytest.mark.full
def test_plain_lm_eval_validates_and_lists_our_tasks() -> None:
    tasks = run("smallsteps", "tasks", "path").stdout.strip()
    names = "smallsteps_math,smallsteps_bbh_cot,smallsteps_gsm8k_socratic,smallsteps_all"
    done = run("lm-eval", "validate", "--include_path", tasks, "--tasks", names)
    assert "All tasks found and valid" in done.stdout
    listed = run("lm-eval", "ls", "tasks", "--include_path", tasks)
    assert "smallsteps_gsm8k_cot" in listed.stdout


def test_missing_data_in_lm_eval_is_one_clear_last_line(tmp_path: Path) -> None:
    code = (
        "from smallsteps.evaluation.manager import task_manager; from pathlib import Path;"
        f"task_manager(Path({str(tmp_path)!r})).load(['smallsteps_svamp'])"
    )
    done = run("python", "-c", code)
    assert "no data for benchmark 'svamp'" in done.stderr
    assert f"smallsteps tasks data fetch svamp --to {tmp_path}" in done.stderr.splitlines()[-1]
