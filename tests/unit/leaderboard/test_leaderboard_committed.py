"""The leaderboard of this repository: built by one command from what is committed, and checked."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from smallsteps.leaderboard.board import Board, read_board
from smallsteps.leaderboard.checking import check_entry
from smallsteps.leaderboard.collecting import Collected, collect
from smallsteps.leaderboard.items import Items
from smallsteps.leaderboard.site import _write_all
from smallsteps.problems.finding import ENVIRONMENT

MICRO = {"base", "answer_only", "cot", "socratic", "specialised", "specialised_replay"}
SMOLLM2 = {"smollm2-base", "smollm2-answer_only", "smollm2-cot"}


@pytest.fixture(scope="module")
def collected(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collected]:
    """Every entry checked, without a data directory: what CI can do anywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SMALLSTEPS_DATA", raising=False)
        patch.setenv(ENVIRONMENT, "")
        folder = tmp_path_factory.mktemp("committed")
        shutil.copytree(
            repository / "leaderboard", folder / "board", ignore=shutil.ignore_patterns(".cache", "site")
        )
        yield collect(read_board(folder / "board"), None)


def test_every_micro_score_follows_from_its_response(collected: Collected) -> None:
    checks = {one.entry.name: one.check for one in collected.contestants}
    assert set(checks) >= MICRO
    for name in MICRO:
        assert {one.scores for one in checks[name].tasks.values()} == {"from responses"}, name
        assert all(one.complete for one in checks[name].tasks.values()), name


def test_rows_are_whole_and_ranked(collected: Collected) -> None:
    boards = {ranked.numbers.name: ranked.numbers for ranked in collected.boards}
    assert {row.entry for row in boards["micro"].ranked} == MICRO
    assert boards["micro"].ranked[0].entry == "cot"
    assert len(boards["gsm8k"].ranked) == 14
    assert [row.entry for row in boards["bbh"].ranked] == ["codex-cot", "codex-direct"]
    assert {row.entry for row in boards["smollm2"].ranked} == SMOLLM2


def test_published_accuracies_are_those_of_their_sources(collected: Collected) -> None:
    """Of the files themselves (`is_correct`, `result`), or recomputed from them (see the data's README)."""
    found = {
        row.entry: 100 * row.cells[ranked.numbers.rank_by].accuracy
        for ranked in collected.boards
        for row in ranked.numbers.ranked
    }
    published = {
        "gpt3-6b-finetuning": 21.68,
        "gpt3-6b-verification": 39.04,
        "gpt3-175b-finetuning": 34.72,
        "gpt3-175b-verification": 56.25,
        "abel-7b": 59.74,
        "abel-70b": 83.62,
        "codex-cot": 73.97,
        "codex-direct": 52.34,
    }
    for name, value in published.items():
        assert found[name] == pytest.approx(value, abs=0.005), name
    assert found["abel-13b"] == pytest.approx(66.41, abs=0.1)  # one response more is right by our rules


def test_the_site_of_this_repository_is_whole(collected: Collected, tmp_path: Path) -> None:
    sums = _write_all(tmp_path, collected, [], None)
    assert {"index.html", "suite-gsm8k.html", "suite-bbh.html", "students/codex-cot.html"} <= set(sums)
    for name in sums:
        if name.endswith(".html"):
            assert (tmp_path / name).stat().st_size < 2_000_000, name
    linked = {"index.html"}
    for name in sums:
        if name.endswith(".html"):
            page = (tmp_path / name).read_text()
            for href in re.findall(r'<a [^>]*href="(?!https:)([^"#]+)', page):
                found = os.path.normpath(Path(name).parent / href)
                assert (tmp_path / found).is_file(), (name, href)
                linked.add(found)
    assert {name for name in sums if name.endswith(".html")} <= linked  # every page can be reached


def test_raw_outputs_of_others_are_not_committed(repository: Path) -> None:
    import pyarrow.parquet as pq

    for path in sorted((repository / "leaderboard" / "entries").glob("*/entry.yaml")):
        card = yaml.safe_load(path.read_text())
        table = pq.read_table(path.parent / "answers.parquet", columns=["response"])
        texts = len(table) - table.column("response").null_count
        assert (texts == 0) == (card["kind"] == "reference"), path
    total = sum(
        p.stat().st_size
        for p in (repository / "leaderboard").rglob("*")
        if p.is_file() and ".cache" not in p.parts
    )
    assert total < 4_000_000
    assert not list((repository / "leaderboard").rglob("*.safetensors"))


@pytest.mark.parametrize("name", ["abel-13b", "gpt3-6b-finetuning", "subq-finetune-dist"])
def test_reference_scores_follow_from_the_published_outputs(
    repository: Path, data_dir: Path, name: str
) -> None:
    board: Board = read_board(repository / "leaderboard")
    found = check_entry(board, name, Items(board, data_dir))
    assert {one.scores for one in found.tasks.values()} == {"from published outputs"}


def test_the_workflow_for_submitters_is_sound(repository: Path) -> None:
    workflow = yaml.safe_load((repository / "leaderboard" / "templates" / "check-entry.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    commands = [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step]
    assert "smallsteps leaderboard check leaderboard" in commands
    assert "pull_request_target" not in json.dumps(workflow)
