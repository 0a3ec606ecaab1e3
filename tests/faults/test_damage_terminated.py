"""SIGTERM in the middle of each verb's work: one sentence, nothing half written, and the same end as ever."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from damage_cases import make_model

import board_cases
from smallsteps.leaderboard.adding import add_entry
from smallsteps.studies import pool
from support.commands import call

RECIPE = """recipe: mine
scheme: answer_only
base: {path: model}
corpus: {benchmark: micro_problems, limit: 20}
optimisation: {steps: 2, learning_rate: 1e-3, batch_tokens: 200, too_long: drop}
"""
STUDY = """study: s
title: T
recipes: [mine.yaml]
suites:
  t: {role: target, tasks: [smallsteps_micro_problems], limit: 2}
"""
SAID = "terminated: what was finished or saved is kept; run the same command again to go on"


@dataclass(frozen=True)
class Case:
    """A verb and what it leaves.

    Attributes:
        arguments: of the command line, in the folder of the test.
        out: what it writes there; empty for the verbs that work in stages.
        moments: of one call each: while the first file of this name is written, the signal comes.
    """

    name: str
    arguments: tuple[str, ...]
    out: str
    moments: tuple[str, ...]


CASES = (
    Case("score", ("score", "answers.jsonl", "--html", "page.html"), "page.html", ("page.html",)),
    Case(
        "eval",
        ("eval", "model", "--tasks", "smallsteps_micro_problems", "--limit", "3", "--max-new-tokens", "3",
         "--out", "run"),
        "run",
        ("*.json", "samples_*", "outcomes.parquet", "manifest.json"),
    ),
    Case(
        "leaderboard build",
        ("leaderboard", "build", "board", "--out", "site"),
        "site",
        ("index.html", "*.csv", "*"),
    ),
    Case("distill", ("distill", "mine.yaml", "--out", "made"), "", ("corpora/*/stage.json",) * 2),
    Case(
        "run",
        ("run", "study.yaml", "--out", "made", "--workers", "1"),
        "",
        ("corpora/*/stage.json", "overlaps/*/stage.json", "overlaps/*/stage.json"),
    ),
)  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the inputs of every verb, as the working directory."""
    board_cases.make_board(tmp_path, monkeypatch)
    make_model(tmp_path / "model")
    rows = [f'{{"response": "The answer is {n}.", "answer": "3", "kind": "number"}}\n' for n in range(9)]
    (tmp_path / "answers.jsonl").write_text("".join(rows))
    (tmp_path / "mine.yaml").write_text(RECIPE)
    (tmp_path / "study.yaml").write_text(STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(path: Path) -> dict[str, bytes]:
    """Files by their path, without those that hold times and the digests of such files."""
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    timed = ("timing.json", "times.json", "manifest.json", "stage.json", "results_*.json", "*.lock", "*.html")
    kept = [p for p in files if p == path or not any(p.match(name) for name in timed)]
    return {str(p.relative_to(path)): p.read_bytes() for p in kept}


def terminated_at(pattern: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Send this process SIGTERM while it puts a file of that name in place; says whether it came to that."""
    sent: list[Path] = []

    def signalling(original: Callable[..., Any], target: Callable[..., Path]) -> Callable[..., Any]:
        def write(path: Path, *arguments: Any, **options: Any) -> Any:
            if not sent and target(path, *arguments).match(pattern):
                sent.append(path)
                os.kill(os.getpid(), signal.SIGTERM)
            return original(path, *arguments, **options)

        return write

    monkeypatch.setattr(Path, "replace", signalling(Path.replace, lambda path, to: Path(to)))
    for name in ("write_bytes", "write_text"):
        monkeypatch.setattr(Path, name, signalling(getattr(Path, name), lambda path, *_: path))
    return lambda: bool(sent)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_sigterm_is_one_sentence_and_loses_nothing(
    case: Case, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if case.name == "leaderboard build":
        add_entry(
            board_cases.read_board(place / "board"),
            [board_cases.whole_run(place / "run_of_cot", "cot", 0.6, 1)],
            name="cot",
            who="tests",
        )
    corpora: list[list[int]] = []
    for moment in case.moments:
        with pytest.MonkeyPatch.context() as patch:
            came = terminated_at(moment, patch)
            code, _, said = call(capsys, *case.arguments)
        assert came(), f"nothing named {moment} was written: {said}"
        assert code == 143, said
        assert said.strip().splitlines()[-1] == SAID
        assert "Traceback" not in said
        assert not list(place.rglob("*.tmp")) + list(place.rglob(".*.tmp*"))
        corpora.append([path.stat().st_mtime_ns for path in place.glob("made/corpora/*/stage.json")])
        assert not pool.multiprocessing.active_children()
    if case.name == "run":  # each call went on from the one before; whole studies are trained elsewhere
        assert [len(times) for times in corpora] == [0, 1, 1]
        assert corpora[1] == corpora[2], "a finished stage was made again"
    if not case.out:
        return
    code, _, said = call(capsys, *case.arguments)
    assert code == 0, said
    made = content(place / case.out)
    (place / case.out).rename(place / "first")
    code, _, said = call(capsys, *case.arguments)
    assert code == 0, said
    assert content(place / case.out) == made
