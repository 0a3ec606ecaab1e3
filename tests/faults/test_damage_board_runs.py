"""Runs, texts and sites of someone else, and adding at the same time: the board as it was."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile_boards import HOSTILE, Change, reseal, state, with_answers, with_card, with_run

from board_cases import TARGET
from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.board import read_board
from smallsteps.locks import exclusive
from support.commands import call


def with_row(**changes: Any) -> Change:
    def change(run: Path) -> None:
        (path,) = run.glob(f"samples_{TARGET}_*")
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for name, value in changes.items():
            place, _, key = name.rpartition("__")
            (rows[0][place] if place else rows[0])[key] = value
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    return change


def with_manifest(**changes: Any) -> Change:
    def change(run: Path) -> None:
        found = json.loads((run / "manifest.json").read_text())
        del found["digest"]
        write_sealed(run / "manifest.json", {**found, **changes})

    return change


def samples(make: Callable[[Path], object]) -> Change:
    def change(run: Path) -> None:
        (path,) = run.glob(f"samples_{TARGET}_*")
        path.unlink()
        make(path)

    return change


def solutions(**changes: Any) -> Change:
    def change(run: Path) -> None:
        rows = [json.loads(line) for line in (run / "solutions.jsonl").read_text().splitlines()]
        (run / "solutions.jsonl").write_text("".join(json.dumps({**row, **changes}) + "\n" for row in rows))

    return change


RUNS: dict[str, Change] = {
    **{f"{name}={value!r}"[:40]: with_row(**{name: value}) for name, value in [
        ("doc", 5), ("resps", 5), ("resps", [[5]]), ("resps", [["a", 5]]), ("resps", [[["x", "y"]]]),
        ("arguments", {}), ("arguments", []), ("arguments", {"gen_args_0": 5}), ("doc__item", 5),
        ("doc__item", ["a"]), ("doc__cluster", 5), ("doc__cluster", ["a"]), ("doc__item", HOSTILE),
    ]},
    **{f"{name}: {value!r}"[:40]: with_manifest(**{name: value}) for name, value in [
        ("label", ["x"]), ("label", 5), ("seed", 10**30), ("seed", True), ("seed", "x"), ("student", 5),
        ("student", {"training": 5}), ("settings", 5), ("versions", 5), ("files", {"../../x": "y"}),
    ]},
    **{f"solutions {changes}"[:40]: solutions(**changes) for changes in (
        {"task": ["a"]}, {"item": {}}, {"tokens": -1}, {"tokens": 10**12}, {"tokens": "x"}, {"stop": 5},
    )},
    "samples: a pipe": samples(os.mkfifo),
    "samples: a device": samples(lambda path: path.symlink_to("/dev/zero")),
    "samples: another file": samples(lambda path: path.symlink_to("/etc/passwd")),
    "samples: nested": samples(lambda path: path.write_text("[" * 99_999)),
}  # fmt: skip


@pytest.mark.parametrize("own", [True, False], ids=["run", "lm-eval"])
@pytest.mark.parametrize("name", RUNS)
def test_a_hostile_run_is_not_added(name: str, own: bool, world: Path, capsys: Any) -> None:
    run = world / "run"
    if not own:
        if not name.startswith(("samples", "doc", "resps", "arguments")):
            pytest.skip("output of lm-eval has no such file")
        for file in ("manifest.json", "outcomes.parquet", "solutions.jsonl"):
            (run / file).unlink()
    RUNS[name](run)
    if own and ":" not in name:  # a forger makes the digests fit
        names = [path for path in sorted(run.iterdir()) if path.is_file() and path.name != "manifest.json"]
        with_manifest(files={path.name: sha256_file(path) for path in names})(run)
    before = state(world / "board")
    code, _, said = call(capsys, "leaderboard", "add", world / "board", run, "--name", "zz")
    assert 64 <= code < 70, said
    assert state(world / "board") == before


def test_texts_of_a_card_are_shown_as_texts(world: Path, capsys: Any) -> None:
    entry = world / "board" / "entries" / "cot"
    card = dict.fromkeys(("who", "licence", "teacher", "note"), HOSTILE)
    with_card(
        **card, name=HOSTILE[:80], base={"name": HOSTILE, "revision": HOSTILE}, corpus={"name": HOSTILE}
    )(entry)
    decoding = {TARGET: [{"do_sample": True, "temperature": HOSTILE, "max_gen_toks": HOSTILE}]}
    with_run(decoding=decoding)(entry)
    reseal(entry, rules=HOSTILE, contamination={HOSTILE: {"items": 9, "exact": 3, "near": 1}})
    with_answers(lambda rows: [replace(row, response=HOSTILE + str(row.response)) for row in rows])(entry)
    code, _, said = call(capsys, "leaderboard", "build", world / "board", "--out", world / "site")
    assert code == 0, said
    for path in world.glob("site/**/*"):
        if path.suffix in (".html", ".xml"):
            text = path.read_text()
            assert "<script>alert" not in text
            assert not re.search(r'href="?\s*(javascript|data):', text)
            assert "\x1b" not in text
            assert "\u202e" not in text
    assert not re.search(r"^[^,]*,[^,]*,=", (world / "site" / "data" / "main.csv").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["suites"][0]["rows"][0]["cells"][TARGET].update(accuracy=[1]),
        lambda data: data["suites"][0]["rows"][0]["cells"][TARGET].update(rank=[1]),
        lambda data: data["suites"][0].update(rows=5),
        lambda data: data["suites"][0].update(rank_by="gone"),
        lambda data: data["suites"][0].update(baseline="gone"),
        lambda data: data.update(suites=[5]),
        lambda data: data.update(suites={"a": 1}),
        lambda data: data.pop("suites"),
    ],
)
def test_a_hostile_site_is_no_release(change: Callable[[dict], object], world: Path, capsys: Any) -> None:
    path = world / "site" / "data" / "board.json"
    data = json.loads(path.read_text())
    change(data)
    (world / "other" / "data").mkdir(parents=True)
    (world / "other" / "data" / "board.json").write_text(json.dumps(data))
    code, _, said = call(capsys, "leaderboard", "diff", world / "site", world / "other")
    assert code == 65, said
    assert "not a release" in said


def test_two_adds_at_once(world: Path, capsys: Any) -> None:
    from smallsteps.errors import UserError

    board = read_board(world / "board")
    before = state(world / "board")
    with exclusive(board.cache / "adding.lock", UserError("busy")):
        code, _, said = call(capsys, "leaderboard", "add", world / "board", world / "run", "--name", "zz")
    assert (code, "another process is adding an entry" in said) == (69, True)
    assert state(world / "board") == before
    assert call(capsys, "leaderboard", "add", world / "board", world / "run", "--name", "zz")[0] == 0


def test_a_linked_staging_folder_is_left_alone(world: Path, capsys: Any) -> None:
    (world / "elsewhere").mkdir()
    (world / "board" / ".adding").symlink_to(world / "elsewhere")
    code, _, said = call(capsys, "leaderboard", "add", world / "board", world / "run", "--name", "zz")
    assert (code, "a link" in said) == (73, True)
    assert not list((world / "elsewhere").iterdir())


@pytest.mark.parametrize("out", [".", "", "/dev/null", "/proc/x", "board", "board/entries", "run"])
def test_a_site_is_written_to_a_place_of_its_own(
    out: str, world: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    before = state(world)
    code, _, said = call(capsys, "leaderboard", "build", "board", "--out", out)
    assert 64 <= code < 75, said
    assert "defect" not in said
    assert state(world) == before
