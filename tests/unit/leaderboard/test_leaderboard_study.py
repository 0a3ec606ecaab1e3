"""All students of a study as entries by one command, and entries that have part of an item set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import board_cases as cases
from smallsteps.errors import UserError
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.adding import add_entry
from smallsteps.leaderboard.board import Board, read_board
from smallsteps.leaderboard.collecting import collect
from smallsteps.leaderboard.entry import read_entry
from smallsteps.leaderboard.from_study import add_study, is_study
from smallsteps.leaderboard.numbers import as_json, from_json
from smallsteps.leaderboard.site import build

RATES = {"cot": 0.8, "answer_only": 0.4}
KEY = "0123456789ab"


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    return cases.make_board(tmp_path, monkeypatch, baseline="s-base")


def study_folder(folder: Path, seeds: int = 3) -> Path:
    """What `smallsteps run` leaves: runs, overlaps and a manifest that names their folders."""
    names: dict[str, tuple[str, float, int | None]] = {"base-target": ("base", 0.1, None)}
    for student, rate in RATES.items():
        for seed in range(1, seeds + 1):
            names[f"{student}-s{seed}-target"] = (student, rate, seed)
    for number, (name, (student, rate, trained)) in enumerate(names.items()):
        cases.whole_run(folder / "runs" / f"{name}-{KEY}", student, rate, number, training_seed=trained)
    gold = cases.whole_run(folder / "runs" / f"cot+gold_plans-s1-target-{KEY}", "cot+gold_plans", 0.9, 99)
    manifest = json.loads((gold / "manifest.json").read_text())
    del manifest["digest"]
    write_sealed(gold / "manifest.json", {**manifest, "settings": {"plans": "gold"}})
    found = {"benchmark": "sums", "items": cases.ITEMS, "exact": 1, "near": 2, "hits": []}
    write_sealed(
        folder / "overlaps" / f"cot-{KEY}" / "overlap.json",
        {"schema": "smallsteps.overlap/1", "benchmarks": [found]},
    )
    stages = [*(f"run {name}" for name in names), "run cot+gold_plans-s1-target", "overlap cot"]
    recipes = {
        "cot": {"title": "Chain of thought", "corpus": {"benchmark": "sums", "teacher": {"kind": "oracle"}}}
    }
    write_sealed(
        folder / "manifest.json",
        {
            "schema": "smallsteps.study-manifest/2",
            "study": {"reference": {"name": "base", "title": "The base"}},
            "recipes": recipes,
            "stages": dict.fromkeys(stages, KEY),
        },
    )
    return folder


def test_a_study_is_added_by_one_command_that_can_be_given_again(board: Board, tmp_path: Path) -> None:
    folder = study_folder(tmp_path / "study")
    assert is_study(folder)
    assert not is_study(tmp_path)
    first = add_study(board, folder, prefix="s-", who="Ann")
    assert [(one.check.entry, one.state) for one in first] == [
        ("s-base", "added"), ("s-answer_only", "added"), ("s-cot", "added"),
    ]  # fmt: skip
    assert {one.check.entry: one.check.tasks[cases.TARGET].seeds for one in first} == {
        "s-base": (None,), "s-answer_only": (1, 2, 3), "s-cot": (1, 2, 3),
    }  # fmt: skip
    cot = read_entry(board.entries / "s-cot")
    assert (cot.file.name, cot.file.base and cot.file.base.entry, cot.file.teacher) == (
        "Chain of thought", "s-base", "oracle",
    )  # fmt: skip
    record = json.loads((board.entries / "s-cot" / "runs.json").read_text())
    assert record["contamination"] == {"sums": {"items": cases.ITEMS, "exact": 1, "near": 2}}
    assert read_entry(board.entries / "s-base").file.kind == "base"
    again = add_study(board, folder, prefix="s-", who="Ann")
    assert {one.state for one in again} == {"unchanged"}
    assert read_entry(board.entries / "s-cot").digest == cot.digest


def test_a_study_never_replaces_silently_and_keeps_cards_that_people_wrote(
    board: Board, tmp_path: Path
) -> None:
    add_study(board, study_folder(tmp_path / "one", seeds=1), prefix="s-")
    card = board.entries / "s-cot" / "entry.yaml"
    card.write_text(card.read_text().replace("name: Chain of thought", "name: By hand"))
    other = study_folder(tmp_path / "two", seeds=2)
    before = {path: path.read_bytes() for path in sorted(board.entries.rglob("*")) if path.is_file()}
    with pytest.raises(UserError, match="there is an entry"):
        add_study(board, other, prefix="s-")
    assert {path: path.read_bytes() for path in before} == before
    states = {one.check.entry: one.state for one in add_study(board, other, prefix="s-", replace=True)}
    assert states == {"s-base": "unchanged", "s-answer_only": "replaced", "s-cot": "replaced"}
    assert read_entry(board.entries / "s-cot").file.name == "By hand"


def test_part_of_an_item_set_is_shown_and_never_ranked(board: Board, tmp_path: Path) -> None:
    cases.add_students(board, tmp_path, {"s-base": 0.2, "top": 0.8})
    ranks = {row.entry: row.cells[cases.TARGET].rank for row in collect(board, None).boards[0].numbers.ranked}
    some = {task: cases.responses(task, 0.99, 3)[:10] for task in (cases.TARGET, cases.GENERIC)}
    add_entry(board, [cases.write_run(tmp_path / "some", "some", some)], name="some")
    numbers = collect(board, None).boards[0].numbers
    assert {row.entry: row.cells[cases.TARGET].rank for row in numbers.ranked} == ranks
    row = next(row for row in numbers.rows if row.entry == "some")
    part = row.partial[cases.TARGET]
    right = sum("1000000" not in text for text in some[cases.TARGET])
    assert (row.complete, row.cells, part.items, part.expected) == (False, {}, 10, cases.ITEMS)
    assert part.accuracy == right / 10
    assert from_json(as_json(numbers)).rows[-1].partial[cases.TARGET].items == 10
    build(board, tmp_path / "site")
    for name in ("index.html", "students/some.html", f"benchmarks/{cases.TARGET}.html"):
        page = (tmp_path / "site" / name).read_text()
        assert "10 of 40 items" in page, name
        assert "partial item set" in page, name


def test_a_suite_of_partial_entries_alone_has_a_sentence(board: Board, tmp_path: Path) -> None:
    suites = {
        "main": {"title": "Sums", "tasks": [cases.TARGET]},
        "second": {"title": "Lists", "tasks": [cases.GENERIC]},
    }
    text = yaml.safe_dump({"board": 1, "title": "B", "suites": suites})
    (board.folder / "board.yaml").write_text(text)
    two = read_board(board.folder)
    part = {cases.GENERIC: cases.responses(cases.GENERIC, 0.5, 1)[:9]}
    add_entry(two, [cases.write_run(tmp_path / "part", "part", part)], name="part", who="tests")
    with pytest.raises(UserError, match=r"'Lists' has no board yet: no entry .* 1 entry with"):
        build(two, tmp_path / "site")
    whole = {cases.TARGET: cases.responses(cases.TARGET, 0.5, 1)}
    add_entry(two, [cases.write_run(tmp_path / "whole", "whole", whole)], name="whole", who="tests")
    build(two, tmp_path / "site")
    page = (tmp_path / "site" / "index.html").read_text()
    assert "has no board yet: no entry has every item of one of its tasks; 1 entry with some of them" in page
