"""Entries and releases of someone else: one error or harmless, the board and the site as they were."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile_boards import (
    Change,
    dated,
    instead,
    reseal,
    state,
    with_answers,
    with_card,
    with_column,
    with_run,
)

from board_cases import TARGET
from smallsteps.leaderboard.answers import schema
from support.commands import call

REJECTED: dict[str, tuple[Change, str]] = {
    **{
        f"{name} is {what}": (instead(name, make), "entry 'cot' is rejected")
        for name in ("entry.yaml", "runs.json", "answers.parquet")
        for what, make in {
            "a pipe": os.mkfifo,
            "a link to a device": lambda path: path.symlink_to("/dev/zero"),
            "a link to nothing": lambda path: path.symlink_to("nothing"),
            "a folder": lambda path: path.mkdir(),
            "empty": lambda path: path.touch(),
        }.items()
    },
    "packed card": (
        lambda entry: (entry / "entry.yaml").write_bytes(gzip.compress((entry / "entry.yaml").read_bytes())),
        "a gzip file",
    ),
    "nested record": (lambda entry: (entry / "runs.json").write_text("[" * 100_000), "nested too deeply"),
    "NaN in the record": (lambda entry: (entry / "runs.json").write_text(
        json.dumps({**json.loads((entry / "runs.json").read_text()), "x": float("nan")})), "damaged"),
    "a card of 10^400 parameters": (with_card(sizes={"parameters": 10**400}), "too many digits"),
    "a card of 2^63 parameters": (with_card(sizes={"parameters": 2**63}), "too many digits"),
    "a card that cost 1e308": (with_card(corpus={"name": "x", "cost_usd": 1e308}), "cost_usd"),
    "a card that cost NaN": (with_card(corpus={"name": "x", "cost_usd": float("nan")}), "cost_usd"),
    "a link with data:": (with_card(links={"paper": "data:text/html,x"}), "links"),
    "a link with a quote": (with_card(links={"paper": 'https://a"onclick=x'}), "links"),
    "a day in the future": (dated("9999-12-31"), "in the future"),
    "a day with a new line": (dated("2026-01-01\n"), "date"),
    **{
        f"contamination {found!r}"[:40]: (
            lambda entry, found=found: reseal(entry, contamination=found), "'contamination' is not items")
        for found in ("x", ["a"], {"svamp": 5}, {"svamp": {}},
                      {"svamp": {"items": "a", "exact": 0, "near": 0}},
                      {"svamp": {"items": 5, "exact": 10**400, "near": 0}})
    },
    "rules": (lambda entry: reseal(entry, rules={"a": 1}), "'rules' is not a text"),
    "decoding": (with_run(decoding={TARGET: 5}), "'decoding' of a run"),
    "decoding list": (with_run(decoding=[1]), "'decoding' of a run"),
    "student": (with_run(student=5), "'student' of a run"),
    "size of a student": (with_run(student={"parameters": "x"}), "'student.parameters'"),
    "negative tokens": (
        with_answers(lambda rows: [replace(row, tokens=-1) for row in rows]), "a negative number of tokens"),
    "2,000 seeds": (
        with_answers(lambda rows: [replace(rows[0], seed=seed) for seed in range(2000)]),
        "more than 1,000 seeds"),
    "likelihoods of a text": (
        with_answers(lambda rows: [replace(rows[0], response=None, likelihoods=(1.0, 2.0)), *rows[1:]]),
        "must have a response"),
    "a text and likelihoods": (
        with_answers(lambda rows: [replace(rows[0], likelihoods=(1.0, 2.0)), *rows[1:]]),
        "must have a response"),
    **{
        f"a list as {name}": (with_column(name, ["a"]), "no column" if name != "task" else "")
        for name in schema().names
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REJECTED)
def test_a_hostile_entry_is_rejected_and_the_site_stands(name: str, world: Path, capsys: Any) -> None:
    change, words = REJECTED[name]
    change(world / "board" / "entries" / "cot")
    before = state(world)
    code, _, said = call(capsys, "leaderboard", "build", world / "board", "--out", world / "site")
    assert 64 <= code < 70, said
    assert words in said
    assert "entry 'cot' is rejected" in said
    assert "defect" not in said + "".join(state(world))
    assert state(world) == before


NO_ENTRIES: list[Change] = [
    *(
        lambda path, name=name: shutil.copytree(path.parent / "cot", path.with_name(name))  # type: ignore[misc]
        for name in ("a\nb", "\x1b]0;P\x07", "x" * 200, "-rf", "\u202egnp")
    ),
    os.mkfifo,
    lambda path: path.symlink_to("/etc"),
    lambda path: path.symlink_to("zz"),
    lambda path: path.touch(),
    lambda path: path.mkdir(),
]


@pytest.mark.parametrize("make", NO_ENTRIES)
def test_what_is_no_folder_of_an_entry_is_named(make: Change, world: Path, capsys: Any) -> None:
    make(world / "board" / "entries" / "zz")
    code, out, said = call(capsys, "leaderboard", "check", world / "board")
    assert code == 1, said  # the answer is no
    assert out.count("REJECTED") == 1
    assert "\x1b" not in out
    assert "\u202e" not in out


NO_RELEASES: list[Change] = [
    os.mkfifo,
    lambda path: path.symlink_to("/dev/zero"),
    lambda path: path.mkdir(),
    lambda path: path.write_text("[]"),
    lambda path: path.write_text("[" * 99_999),
    lambda path: path.write_bytes(gzip.compress(b" " * (64 << 20))),
]


@pytest.mark.parametrize("make", NO_RELEASES)
def test_a_hostile_release_is_one_error(make: Change, world: Path, capsys: Any) -> None:
    (world / "board" / "releases").mkdir()
    make(world / "board" / "releases" / "r1.json")
    before = state(world)
    code, _, said = call(capsys, "leaderboard", "build", world / "board", "--out", world / "site")
    assert 64 <= code < 70, said
    assert state(world) == before


def test_scores_that_someone_else_remembered_are_not_used(world: Path, capsys: Any) -> None:
    """A pull request may bring `.cache/`: its scores are found nowhere on the site."""
    (path,) = (world / "board" / ".cache" / "scores").glob("cot-*.npz")
    raw = path.read_bytes()
    with np.load(io.BytesIO(raw[32:])) as stored:
        forged = {name: stored[name] for name in stored.files}
    forged["exact"] = np.ones_like(forged["exact"])
    with path.open("wb") as file:
        file.write(raw[:32])
        np.savez(file, **forged)
    for check in (world / "board" / ".cache" / "checks").glob("*.json"):
        check.write_bytes(check.read_bytes()[:32] + b'{"tasks": 5}')
    before = state(world / "site")
    assert call(capsys, "leaderboard", "build", world / "board", "--out", world / "site")[0] == 0
    assert state(world / "site") == before


def test_a_linked_cache_is_not_written_to(world: Path, capsys: Any) -> None:
    shutil.rmtree(world / "board" / ".cache")
    (world / "elsewhere").mkdir()
    (world / "board" / ".cache").symlink_to(world / "elsewhere")
    assert call(capsys, "leaderboard", "build", world / "board", "--out", world / "site")[0] == 0
    assert not list((world / "elsewhere").iterdir())
