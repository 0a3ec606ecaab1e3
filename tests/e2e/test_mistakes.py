"""Mistakes that users make, over all verbs: exit code, and what the message says.

Each line: what was typed, the exit code, and the words that the message must hold. `BASE` is a model folder,
`STUDENTS` a folder of three students, `RUN` a run of BASE, `RUNS` a folder of two, `RECIPE` and `STUDY` valid
files that ship. Everything is called in an empty folder, and nothing may leave a file there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from smallsteps.cli import main
from smallsteps.errors import CANNOT_CREATE, DATA, NO_INPUT, USAGE
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.students import Student, write_student

TASK = "smallsteps_micro_problems"


@dataclass(frozen=True)
class Mistake:
    """A command line, and what is said to it."""

    typed: str
    code: int
    says: tuple[str, ...]


def mistake(typed: str, code: int, *says: str) -> Mistake:
    return Mistake(typed, code, says)


MISTAKES = [
    # no verb, wrong verb, wrong option
    mistake("comapre RUN", USAGE, "Did you mean 'compare'?"),
    mistake("eval", USAGE, "Missing argument 'STUDENT...'"),
    mistake("eval BASE --tasks TASK", USAGE, "Missing option '--out'"),
    mistake("eval BASE --out out", USAGE, "Missing option '--tasks'"),
    mistake("eval BASE --task TASK --out out", USAGE, "--task", "--tasks"),
    # eval: students
    mistake(
        "eval nowhere/at/all --tasks TASK --out out", NO_INPUT, "nowhere/at/all", "no such folder", "hub id"
    ),
    mistake("eval ./bsae --tasks TASK --out out", NO_INPUT, "no such folder", "check the path"),
    mistake("eval STUDENTS --tasks TASK --out out", NO_INPUT, "holds 3: cot-s1-", "name one of them"),
    mistake(
        "eval EMPTY --tasks TASK --out out", NO_INPUT, "no student.json, config.json or adapter_config.json"
    ),
    mistake("eval FILE --tasks TASK --out out", NO_INPUT, "a file, not a student directory"),
    mistake("eval RUN --tasks TASK --out out", NO_INPUT, "a run, not a student"),
    mistake("eval PICKLE --tasks TASK --out out", DATA, "pickle", "safetensors"),
    mistake("eval BASE BASE --tasks TASK --out out", USAGE, "is given twice"),
    mistake("eval BASE COT --tasks TASK --out out --label x", USAGE, "--label names one student"),
    mistake("eval BASE COT --tasks TASK --out RUN", CANNOT_CREATE, "is the run of one student"),
    # eval: tasks, schemes, numerics, folders
    mistake("eval BASE --tasks smallsteps_micro_problem --out out", USAGE, f"did you mean '{TASK}'?"),
    mistake("eval BASE --tasks , --out out", USAGE, "no tasks given", "smallsteps tasks ls"),
    mistake("eval BASE --tasks TASK --out out --scheme cott", USAGE, "did you mean 'cot'?"),
    mistake("eval BASE --tasks TASK --out out --scheme socratic", USAGE, "needs the part 'decomposer'"),
    mistake("eval BASE --tasks TASK --out out --plans gold", USAGE, "asks no sub-questions"),
    mistake("eval BASE --tasks TASK --out out --dtype fp32", USAGE, "unknown dtype 'fp32'", "float32"),
    mistake("eval BASE --tasks TASK --out out --device gpu", USAGE, "unknown device 'gpu'", "cuda"),
    mistake("eval BASE --tasks TASK --out out --device cuda:99", 69, "no CUDA device"),
    mistake(
        "eval BASE --tasks TASK --out out --precision exact --dtype bfloat16",
        USAGE,
        "float32, not in bfloat16",
    ),
    mistake("eval BASE --tasks TASK --out out --limit 0", USAGE, "--limit", "0 is not in the range"),
    mistake("eval BASE --tasks TASK --out out --temperature -1", USAGE, "--temperature"),
    mistake("eval BASE --tasks TASK --out RUN", CANNOT_CREATE, "holds another run: limit 3 there, None here"),
    mistake("eval BASE --tasks TASK --out FILE", USAGE, "is a file"),
    mistake("eval BASE --tasks TASK --out out --include-path nowhere", USAGE, "'nowhere' does not exist"),
    # run, distill, recipes
    mistake("run nowhere.yaml", NO_INPUT, "nowhere.yaml", "smallsteps recipes ls"),
    mistake("run FILE", USAGE, "expected keys and values"),
    mistake("run BROKEN", DATA, "broken.yaml:3", "malformed YAML"),
    mistake("run STUDY --set seds=[1]", USAGE, "unknown key 'seds'", "did you mean 'seeds'?", "--set"),
    mistake("run STUDY --set seeds", USAGE, "'seeds' is not KEY=VALUE"),
    mistake("run STUDY --set seeds=[1,1]", USAGE, "--set seeds=[1,1]", "given twice"),
    mistake("run STUDY --set suites.target.tasks=[gsm9k]", USAGE, "unknown task 'gsm9k'"),
    mistake("run STUDY --resume", CANNOT_CREATE, "nothing to resume"),
    mistake("run STUDY --out FULL", CANNOT_CREATE, "not empty", "--out"),
    mistake("run RECIPE --set base.path=./nowhere", NO_INPUT, "--set: base.path", "no such model"),
    mistake("distill RECIPE --set base.path=models/tiny/hf", NO_INPUT, "--set: base.path", "no such model"),
    mistake("distill RECIPE --set base.path=nobody/nothing", NO_INPUT, "nobody/nothing", "cache"),
    mistake("distill RECIPE --set scheme=cott", USAGE, "did you mean 'cot'"),
    mistake("distill RECIPE --set optimisation.steps=10 --set optimisation.epochs=1", USAGE, "--set"),
    mistake("distill RECIPE --set decoding.precision=exakt", USAGE, "did you mean 'exact'?"),
    mistake(
        "distill RECIPE --set parts.solver.steps=3", USAGE, "--set parts.solver.steps=3", "no part 'solver'"
    ),
    mistake("distill STUDY", USAGE, "a study, not a recipe", "smallsteps run"),
    mistake("gate BASE --against RUN --margin 2", USAGE, "a student, not a run", "--live"),
    mistake("recipes check nowhere.yaml", USAGE, "no such file"),
    mistake("recipes show baselines/micro/cott.yaml", NO_INPUT, "no such file"),
    mistake("recipes plan RECIPE --set base.path=EMPTY", NO_INPUT, "no *.safetensors weights"),
    mistake("recipes plan STUDY --seed 3", USAGE, "--seed is for recipes"),
    # teach
    mistake("teach", USAGE, "nothing to do", "--import"),
    mistake("teach nowhere.yaml", NO_INPUT, "no such file"),
    mistake("teach RECIPE --set corpus.samples=0", USAGE, "corpus.samples", "greater than"),
    mistake("teach RECIPE --set corpus.benchmark=svap", USAGE, "did you mean 'svamp'?"),
    mistake("teach --import nowhere.jsonl --out out", NO_INPUT, "nowhere.jsonl", "no such file"),
    # gate
    mistake("gate RUN --against RUN", USAGE, "Missing option '--margin'"),
    mistake("gate RUN --against RUN --margin 0.02", USAGE, "a margin is in points", "--margin 2", "0.02pp"),
    mistake("gate RUN --against RUN --margin generic=0.01", USAGE, "--margin generic=1"),
    mistake("gate RUN --against RUN --margin two", USAGE, "'two' is not a number of points"),
    mistake("gate RUN --against RUN --margin 150", USAGE, "less than 100 points"),
    mistake("gate RUN --against RUN --margin svmap=2", USAGE, "svmap"),
    mistake("gate RUN --against RUN --margin 2 --watch", USAGE, "--watch goes with --live"),
    mistake("gate RUNS --against RUN --margin 2", DATA, "holds 2 students: one, two", "one run"),
    mistake("gate nowhere --against RUN --margin 2", NO_INPUT, "no such file or folder"),
    mistake("gate EMPTY --against RUN --margin 2", NO_INPUT, "neither a run nor output of lm-eval"),
    mistake("gate STUDENTS --live --against RUN --margin 2", NO_INPUT, "holds 3: cot-s1-"),
    mistake("gate BASE --live --against EMPTY --margin 2", DATA, "made by 'smallsteps eval'"),
    # what reads runs
    mistake("compare nowhere", NO_INPUT, "no such file or folder"),
    mistake("compare EMPTY", NO_INPUT, "neither a run nor output of lm-eval"),
    mistake("compare RUN RUN", USAGE, "is given twice"),
    mistake("compare RUNS --task nothing", DATA, "unknown task 'nothing'", "known:"),
    mistake("compare RUNS --student thre", DATA, "unknown student 'thre'", "known: one, two"),
    mistake("tradeoff RUNS --base nobody", DATA, "unknown student 'nobody'", "known: one, two"),
    mistake("power gsm9k", USAGE, "did you mean 'gsm8k'?"),
    mistake("score nowhere.jsonl", NO_INPUT, "nowhere.jsonl"),
    # tasks
    mistake("tasks show gsm9k", USAGE, "did you mean 'gsm8k'?"),
    mistake("tasks show micro_problems --row 99999", USAGE, "no row 99999"),
    mistake("tasks data verify svmap --data EMPTY", USAGE, "did you mean 'svamp'?"),
    mistake(
        "lm-eval run --model smallsteps --model_args studnet=BASE --tasks TASK",
        USAGE,
        "did you mean 'student'?",
    ),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, str]:
    """What the words in capitals stand for."""
    root = tmp_path_factory.mktemp("places")
    base = repository / "baselines/micro/base"
    shutil.copytree(base, root / "base")
    for seed in (1, 2, 3):
        folder = root / "students" / f"cot-s{seed}-0123456789ab"
        shutil.copytree(base, folder / "model")
        write_student(folder, Student("cot", "cot", {"model": "model"}, seed=seed))
    settings = Settings((TASK,), limit=3, max_new_tokens=4)
    evaluate(root / "base", settings, root / "run")
    for label in ("one", "two"):
        evaluate(root / "base", replace(settings, limit=3), root / "runs" / label, label=label)
    for name in ("empty", "pickle", "full"):
        (root / name).mkdir()
    shutil.copy(base / "config.json", root / "pickle")
    (root / "pickle" / "pytorch_model.bin").write_bytes(b"no weights")
    (root / "full" / "notes.txt").write_text("mine")
    (root / "file.yaml").write_text("just text\n")
    (root / "broken.yaml").write_text("a: 1\nb: [\n")
    return {
        "STUDENTS": str(root / "students"),
        "COT": str(root / "students" / "cot-s1-0123456789ab"),
        "RUNS": str(root / "runs"),
        "RUN": str(root / "run"),
        "BASE": str(root / "base"),
        "EMPTY": str(root / "empty"),
        "PICKLE": str(root / "pickle"),
        "FULL": str(root / "full"),
        "FILE": str(root / "file.yaml"),
        "BROKEN": str(root / "broken.yaml"),
        "RECIPE": str(repository / "baselines/micro/cot.yaml"),
        "STUDY": str(repository / "baselines/micro/smoke.yaml"),
        "TASK": TASK,
    }


def written(typed: str, places: dict[str, str]) -> list[str]:
    """The arguments, with the words in capitals replaced."""
    found = []
    for word in typed.split():
        head, sign, tail = word.rpartition("=")
        found.append(head + sign + places.get(tail, tail))
    return found


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.typed.replace(" ", "_"))
def test_a_mistake_is_named_with_its_remedy(
    case: Mistake,
    places: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SystemExit) as stopped:
        main(written(case.typed, places))
    said = capsys.readouterr().err
    print(json.dumps([case.typed, stopped.value.code, said]))  # the table of all messages: pytest -rP
    assert "Traceback" not in said
    assert stopped.value.code == case.code, said
    for words in case.says:
        assert words in said
    if not case.typed.startswith("teach --import"):  # makes its folder first
        assert list(tmp_path.iterdir()) == []


def test_the_table_is_long_and_says_everything_once() -> None:
    assert len(MISTAKES) >= 49
    assert len({case.typed for case in MISTAKES}) == len(MISTAKES)
    verbs = {case.typed.split()[0] for case in MISTAKES}
    assert {
        "run",
        "teach",
        "distill",
        "eval",
        "compare",
        "tradeoff",
        "gate",
        "power",
        "score",
        "tasks",
    } <= verbs
