"""Boards, entries and runs of someone else: one error or harmless, the board and the site as they were."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import board_cases as cases
from board_cases import GENERIC, TARGET
from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.adding import add_entry
from smallsteps.leaderboard.answers import (
    Answer,
    parts_of,
    read_answers,
    rows_of,
    schema,
    write_answers,
)
from smallsteps.leaderboard.board import read_board
from smallsteps.leaderboard.site import build
from smallsteps.locks import exclusive
from smallsteps.problems.finding import ENVIRONMENT
from support.commands import call
from support.limited import Job, Limited

HOSTILE = "\x1b]0;PWN\x07\u202e</script><script>alert(1)</script>`x`|*_[a](javascript:x)\n=cmd()"
Change = Callable[[Path], object]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with a board of two entries, their runs and its site, and where its benchmarks are."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
        board = cases.make_board(folder, patch)
        cases.add_students(board, folder, {"cot": 0.6, "other": 0.4})
        build(board, folder / "site")
        yield folder, os.environ[ENVIRONMENT]


@pytest.fixture
def world(made: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it for one test."""
    monkeypatch.setenv(ENVIRONMENT, made[1])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(made[0] / "settings"))
    for name in ("board", "site"):
        shutil.copytree(made[0] / name, tmp_path / name)
    shutil.copytree(made[0] / "runs" / "cot", tmp_path / "run")
    return tmp_path


def state(folder: Path) -> dict[str, str]:
    """Digests and links below a folder, without what is remembered."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if ".cache" in path.parts or path.suffix == ".lock" or path.is_dir():
            continue
        name = str(path.relative_to(folder))
        found[name] = os.readlink(path) if path.is_symlink() else "file" if not path.is_file() else _sum(path)
    return found


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def reseal(entry: Path, **changes: Any) -> None:
    """`runs.json` that says something else, with digests that fit."""
    record = json.loads((entry / "runs.json").read_text())
    del record["digest"]
    sums = {"answers": sha256_file(entry / "answers.parquet")}
    write_sealed(entry / "runs.json", {**record, **sums, **changes})


def with_run(**changes: Any) -> Change:
    def change(entry: Path) -> None:
        runs = json.loads((entry / "runs.json").read_text())["runs"]
        reseal(entry, runs=[{**runs[0], **changes}])

    return change


def with_card(**changes: Any) -> Change:
    def change(entry: Path) -> None:
        card = yaml.safe_load((entry / "entry.yaml").read_text())
        (entry / "entry.yaml").write_text(json.dumps({**card, **changes}))

    return change


def with_answers(forge: Callable[[list[Answer]], list[Answer]]) -> Change:
    def change(entry: Path) -> None:
        table = read_answers(entry / "answers.parquet")
        rows = [row for part in parts_of(table) for row in rows_of(table, part)]
        write_answers(entry / "answers.parquet", forge(rows))
        reseal(entry)

    return change


def with_column(name: str, values: Any) -> Change:
    def change(entry: Path) -> None:
        table = read_answers(entry / "answers.parquet")
        column = pa.array([values] * len(table))
        table = table.set_column(table.schema.get_field_index(name), name, column)
        pq.write_table(table, entry / "answers.parquet")
        reseal(entry)

    return change


def instead(name: str, make: Callable[[Path], object]) -> Change:
    """Something else in place of a file of the entry."""

    def change(entry: Path) -> None:
        (entry / name).unlink()
        make(entry / name)

    return change


def dated(text: str) -> Change:
    return with_card(date=text)


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


# processes of their own

pytest_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    found = Limited(
        "smallsteps.leaderboard.site", "smallsteps.leaderboard.adding", "smallsteps.leaderboard.from_study",
        "smallsteps.evaluation.docs", "pydantic", "jinja2",
    )  # fmt: skip
    yield found
    found.close()


def wide(column: str) -> Change:
    """Answers of a few kilobytes: one text of 10 MB in each of 100,000 rows."""

    def change(entry: Path) -> None:
        rows = 100_000
        codes = pa.array([0]).take(pa.array([0] * rows)).cast(pa.int32())
        values = {name: pa.nulls(rows, schema().field(name).type) for name in schema().names}
        values |= {"task": pa.array([TARGET] * rows)}
        values |= {column: pa.DictionaryArray.from_arrays(codes, pa.array(["x" * (10 << 20)]))}
        table = pa.table(values).replace_schema_metadata({"schema": "smallsteps.answers/1"})
        pq.write_table(table, entry / "answers.parquet", compression="zstd", write_statistics=False)
        reseal(entry)

    return change


def last_sample(rows: list[Answer]) -> list[Answer]:
    """A sample number from which no list of that length may be made."""
    return [*(row for row in rows if row.task == GENERIC), replace(rows[-1], sample=2**31 - 1)]


BOMBS: dict[str, tuple[Change, int]] = {
    "card of gzip": (
        lambda entry: (entry / "entry.yaml").write_bytes(gzip.compress(b"a: [" + b"a," * (30 << 20))), 65),
    "record of gzip": (
        lambda entry: (entry / "runs.json").write_bytes(gzip.compress(b"[" + b"[]," * (40 << 20))), 65),
    "record of lists": (lambda entry: (entry / "runs.json").write_text("[" + "[]," * 2_600_000 + "[]]"), 65),
    "record of 16 GB": (lambda entry: os.truncate(entry / "runs.json", 1 << 34), 65),
    "answers of 16 GB": (lambda entry: os.truncate(entry / "answers.parquet", 1 << 34), 65),
    "items": (wide("item"), 65),
    "responses": (wide("response"), 65),
    "sample 2^31 - 1": (with_answers(last_sample), 0),  # an item lacks samples: incomplete, not ranked
}  # fmt: skip


@pytest_linux
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_in_an_entry_takes_little_memory(name: str, world: Path, limited: Limited) -> None:
    change, code = BOMBS[name]
    change(world / "board" / "entries" / "cot")
    before = state(world / "site")
    place = {ENVIRONMENT: os.environ[ENVIRONMENT], "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
    done = limited.run(
        Job(["leaderboard", "build", str(world / "board"), "--out", str(world / "site")], place)
    )
    assert done.code == code, done.err[-2000:]
    assert code == 0 or state(world / "site") == before


@pytest_linux
@pytest.mark.parametrize("verb", ["add", "build"])
def test_a_full_disk_leaves_board_and_site(verb: str, world: Path, limited: Limited) -> None:
    given = {"add": [str(world / "run"), "--name", "zz"], "build": ["--out", str(world / "site")]}[verb]
    place = {ENVIRONMENT: os.environ[ENVIRONMENT], "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
    before = state(world)
    for size in (100, 2000):
        done = limited.run(Job(["leaderboard", verb, str(world / "board"), *given], place, file_size=size))
        assert done.code in (73, 74), (size, done.err[-2000:])
        assert state(world) == before
        assert not list(world.glob(".*.building-*"))


def test_the_entry_that_a_killed_add_left_is_cleared_away(world: Path, capsys: Any) -> None:
    """SIGKILL between any two files: the board is as before, and the next add is not disturbed."""
    left = world / "board" / ".adding" / "entries" / "zz"
    left.mkdir(parents=True)
    (left / "entry.yaml").write_text("half")
    assert call(capsys, "leaderboard", "check", world / "board")[0] == 0
    assert call(capsys, "leaderboard", "add", world / "board", world / "run", "--name", "zz")[0] == 0
    assert not (world / "board" / ".adding").exists()
    add_entry(read_board(world / "board"), [world / "run"], name="yy", who="tests")


@pytest_linux
@pytest.mark.parametrize("verb", ["add", "build"])
def test_a_kill_at_any_rename_leaves_the_old_or_the_new(
    verb: str, world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its n-th rename, it leaves entries and pages old or new, never half."""
    given = (
        [str(world / "run"), "--name", "zz", "--replace"] if verb == "add" else ["--out", str(world / "site")]
    )
    arguments = ["leaderboard", verb, str(world / "board"), *given]
    whole = state(world / "site")
    for number in (1, 2, 3, 5):
        if not (pid := os.fork()):
            _die_at_rename(number, arguments)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code in (-9, 0)
        assert state(world / "site") == whole
        found = world / "board" / "entries" / "zz"
        assert not found.exists() or sorted(path.name for path in found.iterdir()) == [
            "answers.parquet", "entry.yaml", "runs.json",
        ]  # fmt: skip


def _die_at_rename(number: int, arguments: list[str]) -> None:
    from smallsteps.cli import main

    done = [0]

    def dying(original: Callable[..., Any]) -> Callable[..., Any]:
        def rename(*given: Any) -> Any:
            done[0] += 1
            if done[0] == number:
                os.kill(os.getpid(), 9)
            return original(*given)

        return rename

    Path.replace, Path.rename = dying(Path.replace), dying(Path.rename)  # type: ignore[method-assign]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        main(arguments)
    except SystemExit as stopped:
        os._exit(int(stopped.code or 0))
