"""The numbers of a board are those of `compare` on the same outcomes; the site shows nothing else."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pyarrow.parquet as pq
import pytest

import board_cases as cases
from board_cases import GENERIC, TARGET
from smallsteps.comparing.compare import Question
from smallsteps.comparing.compare import build as compare
from smallsteps.errors import UserError
from smallsteps.leaderboard import checking, swap
from smallsteps.leaderboard.adding import add_entry
from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.collecting import collect
from smallsteps.leaderboard.downloads import plain_cell
from smallsteps.leaderboard.numbers import as_json, from_json
from smallsteps.leaderboard.pages import said_of
from smallsteps.leaderboard.releases import differences, find_release
from smallsteps.leaderboard.site import build
from smallsteps.outcomes.readers import load

RATES = {"low": 0.3, "mid": 0.6, "near": 0.62, "top": 0.9}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Board, Path]]:
    """A board of four students, and the folder with their runs."""
    folder = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        board = cases.make_board(folder, patch, baseline="low")
        cases.add_students(board, folder, RATES)
        build(board, folder / "site", release="first")
        yield board, folder


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Board:
    board = cases.make_board(tmp_path, monkeypatch)
    cases.add_students(board, tmp_path, {"one": 0.4, "two": 0.8})
    return board


def files_of(site: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(site)): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()
    }


def test_numbers_are_those_of_a_comparison_of_the_same_runs(world: tuple[Board, Path]) -> None:
    board, folder = world
    suite = collect(board, None).boards[0].numbers
    loaded = load([folder / "runs" / name for name in RATES])
    report = compare(loaded.table, Question())
    against = {(row.a.student, row.b.student, row.task): row for row in report.rows}
    assert suite.tests == 12  # six pairs on two columns
    for row in suite.rows:
        for task, cell in row.cells.items():
            side = next(
                s for r in report.rows if r.task == task for s in (r.a, r.b) if s.student == row.entry
            )
            assert cell.accuracy == pytest.approx(side.accuracy)
            assert side.interval is not None
            assert cell.interval is not None
            assert (cell.interval.low, cell.interval.high) == (side.interval.low, side.interval.high)
            if row.entry != "low":
                pair = against.get((row.entry, "low", task)) or against[("low", row.entry, task)]
                sign = 1 if pair.a.student == row.entry else -1
                assert cell.change == pytest.approx(sign * pair.difference)


def test_ranks_letters_and_ties_follow_from_the_same_p_values(world: tuple[Board, Path]) -> None:
    board, folder = world
    suite = collect(board, None).boards[0].numbers
    loaded = load([folder / "runs" / name for name in RATES])
    # the same two columns and no mean over them, so that the family is that of the board
    one = compare(loaded.table, Question(tasks=(TARGET,)))
    ranks = {s.student: (s.rank.low, s.rank.high) for s in one.boards[0].standings}
    found = {row.entry: row.cells[TARGET].rank for row in suite.rows}
    for name, (low, high) in ranks.items():  # the board's family is larger: intervals may only be wider
        rank = found[name]
        assert rank is not None
        assert rank[0] <= low
        assert rank[1] >= high
    assert found["top"] == (1, 1)
    tied = {row.entry for row in suite.rows if row.cells[TARGET].tied}
    assert tied == {"top"}
    assert suite.rows[0].entry == "top"
    mid, near = (
        next(row for row in suite.rows if row.entry == name).cells[TARGET].rank for name in ("mid", "near")
    )
    assert mid is not None
    assert near is not None
    assert max(mid[0], near[0]) <= min(mid[1], near[1])  # their intervals overlap


def test_incomplete_entries_are_shown_and_not_ranked(own: Board, tmp_path: Path) -> None:
    run = cases.write_run(tmp_path / "half", "half", {TARGET: cases.responses(TARGET, 1.0, 9)})
    add_entry(own, [run], name="half")
    suite = collect(own, None).boards[0].numbers
    last = suite.rows[-1]
    assert (last.entry, last.complete, last.missing) == ("half", False, ("The lists: not evaluated",))
    assert last.cells[TARGET].rank is None
    assert suite.tests == 2
    assert "half" not in said_of(suite)
    page = build(own, tmp_path / "site").out / "index.html"
    assert "incomplete: The lists: not evaluated" in page.read_text()


def test_numbers_survive_json(world: tuple[Board, Path]) -> None:
    suite = collect(world[0], None).boards[0].numbers
    data = json.loads(json.dumps(as_json(suite)))
    assert as_json(from_json({key: value for key, value in data.items() if key != "schema"})) == as_json(
        suite
    )


def test_the_same_entries_give_the_same_bytes(world: tuple[Board, Path], tmp_path: Path) -> None:
    board, folder = world
    first = files_of(folder / "site")
    build(board, tmp_path / "again")
    assert files_of(tmp_path / "again") == first
    for path in sorted(board.cache.rglob("*")):  # and with nothing remembered
        if path.is_file():
            path.unlink()
    build(board, tmp_path / "third")
    assert files_of(tmp_path / "third") == first


def test_an_added_entry_is_the_only_one_checked(
    own: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(own, tmp_path / "site")
    add_entry(own, [cases.whole_run(tmp_path / "new", "new", 0.5, 5)], name="new")
    seen: list[str] = []
    real = checking.check_entry
    monkeypatch.setattr(
        checking, "check_entry", lambda board, name, items: seen.append(name) or real(board, name, items)
    )
    build(own, tmp_path / "site")
    assert seen == ["new"]


def test_a_rejected_entry_leaves_the_site_as_it_was(own: Board, tmp_path: Path) -> None:
    build(own, tmp_path / "site")
    before = files_of(tmp_path / "site")
    (own.entries / "one" / "runs.json").write_text("{}")
    with pytest.raises(UserError, match="entry 'one' is rejected"):
        build(own, tmp_path / "site")
    assert files_of(tmp_path / "site") == before
    assert sorted(path.name for path in tmp_path.iterdir() if "building" in path.name) == []


def test_a_folder_that_is_no_site_is_not_replaced(own: Board, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="not a site written by"):
        build(own, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "x"


KILLED = """
import os, signal, sys
from pathlib import Path
from smallsteps.leaderboard import site
from smallsteps.leaderboard.board import read_board
def die(*_):
    print("there", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
place, name = sys.argv[3].split(":")
real = getattr(site, name)
if place == "before":
    setattr(site, name, die)
else:
    setattr(site, name, lambda *a, **k: (real(*a, **k), die()))
site.build(read_board(Path(sys.argv[1])), Path(sys.argv[2]))
"""


@pytest.mark.parametrize(
    "moment", ["before:collect", "before:student_page", "before:put_in_place", "after:put_in_place"]
)
def test_a_killed_build_leaves_a_whole_site(own: Board, tmp_path: Path, moment: str) -> None:
    site = tmp_path / "site"
    old = build(own, site).digest
    add_entry(own, [cases.whole_run(tmp_path / "new", "new", 0.5, 5)], name="new")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(own.folder), str(site), moment],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "there\n"), done.stderr
    whole = json.loads((site / "site.json").read_text())["files"]
    assert sorted(whole) == sorted(name for name in files_of(site) if name != "site.json")
    assert ("students/new.html" in whole) is (moment == "after:put_in_place")
    again = build(own, site)
    assert again.digest != old
    assert not [path for path in tmp_path.iterdir() if "building" in path.name]


def test_there_is_a_site_at_every_moment_of_the_exchange(tmp_path: Path) -> None:
    place = tmp_path / "site"
    place.mkdir()
    (place / "index.html").write_text("0")
    watch = (
        "import sys, time, os\nend = time.time() + 2\nn = 0\n"
        "while time.time() < end:\n    os.stat(sys.argv[1]); n += 1\nprint(n)"
    )
    watcher = subprocess.Popen(
        [sys.executable, "-c", watch, str(place / "index.html")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    end, number = time.monotonic() + 2.5, 0
    while time.monotonic() < end:
        number += 1
        fresh = tmp_path / f"fresh{number}"
        fresh.mkdir()
        (fresh / "index.html").write_text(str(number))
        swap.put_in_place(fresh, place)
    out, errors = watcher.communicate(timeout=30)
    assert (watcher.returncode, errors) == (0, b"")
    assert number > 10
    assert int(out) > 10
    assert (place / "index.html").read_text() == str(number)


def test_without_an_exchange_the_old_site_is_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    place, fresh = tmp_path / "site", tmp_path / "fresh"
    for folder, text in ((place, "old"), (fresh, "new")):
        folder.mkdir()
        (folder / "index.html").write_text(text)
    swap.put_in_place(fresh, place)
    assert (place / "index.html").read_text() == "new"
    place.rename(tmp_path / ".site.before")  # a kill between the two renames
    swap.recover(place)
    assert (place / "index.html").read_text() == "new"


def test_releases_never_change(own: Board, tmp_path: Path) -> None:
    build(own, tmp_path / "site", release="r1")
    build(own, tmp_path / "site", release="r1")  # the same numbers: nothing to do
    frozen = (own.releases / "r1.json").read_bytes()
    add_entry(own, [cases.whole_run(tmp_path / "new", "new", 0.95, 5)], name="new")
    with pytest.raises(UserError, match="releases never change"):
        build(own, tmp_path / "site", release="r1")
    assert (own.releases / "r1.json").read_bytes() == frozen
    build(own, tmp_path / "site", release="r2")
    page = (tmp_path / "site" / "releases" / "r1" / "index.html").read_text()
    assert 'students/new.html"' not in page
    assert "Release r1" in page
    (one,) = differences(find_release(own, "r1"), find_release(own, "r2"))
    assert (one.suite, one.added, one.removed) == ("main", ("new",), ())
    assert differences(find_release(own, "r2"), find_release(None, str(tmp_path / "site"))) == []
    (own.releases / "r1.json").write_text(frozen.decode().replace('"accuracy": 0', '"accuracy": 1'))
    with pytest.raises(UserError, match="damaged or changed"):
        build(own, tmp_path / "site")


def test_downloads_hold_the_same_numbers(world: tuple[Board, Path]) -> None:
    site = world[1] / "site"
    rows = list(csv.DictReader(io.StringIO((site / "data" / "main.csv").read_text())))
    table = pq.read_table(site / "data" / "main.parquet").to_pylist()
    suites = json.loads((site / "data" / "board.json").read_text())["suites"]
    cells = {(row["entry"], name): cell for row in suites[0]["rows"] for name, cell in row["cells"].items()}
    assert len(rows) == len(table) == len(cells) == 8
    for text, row in zip(rows, table, strict=True):
        cell = cells[row["entry"], row["column"]]
        assert float(text["accuracy"]) == row["accuracy"] == cell["accuracy"]
        assert [row["rank_low"], row["rank_high"]] == cell["rank"]


def test_the_feed_is_atom_with_one_entry_each(world: tuple[Board, Path]) -> None:
    feed = ElementTree.fromstring((world[1] / "site" / "feed.xml").read_text())
    atom = "{http://www.w3.org/2005/Atom}"
    assert feed.find(f"{atom}id").text == "https://example.org/board/"
    titles = sorted(str(e.find(f"{atom}title").text) for e in feed.findall(f"{atom}entry"))
    assert titles == ["Release first", "low", "mid", "near", "top"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    assert plain_cell(text)[0] in ("'", "\\")
    assert plain_cell(-0.5) == -0.5


def test_hostile_names_and_texts_are_shown_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = cases.make_board(tmp_path, monkeypatch, hostile=True)
    for number, name in enumerate(("one", "two", "three")):
        texts = cases.responses(TARGET, 0.5, number, text=cases.HOSTILE)
        texts[0] += "z" * 1_000_000 if number == 0 else ""
        run = cases.write_run(
            tmp_path / name,
            "=HYPERLINK(1)</script>",
            {TARGET: texts, GENERIC: cases.responses(GENERIC, 0.5, number)},
        )
        add_entry(board, [run], name=name, who="</td><script>alert(3)</script>")
    site = build(board, tmp_path / "site").out
    for path in site.rglob("*.html"):
        page = path.read_text()
        assert page.count("<script>") == 1, path  # our own
        assert "<img" not in page
        assert "\u202e" not in page
        assert "\x00" not in page
    assert "&lt;/td&gt;&lt;script&gt;" in (site / "students" / "one.html").read_text()
    assert "'=HYPERLINK(1)" in (site / "data" / "main.csv").read_text()
    ElementTree.fromstring((site / "feed.xml").read_text())


def test_several_seeds_speak_of_the_method(own: Board, tmp_path: Path) -> None:
    for name, rate in (("three", 0.5), ("four", 0.9)):
        runs = [
            cases.whole_run(tmp_path / name / str(s), name, rate, 10 * s, training_seed=s) for s in (1, 2, 3)
        ]
        add_entry(own, runs, name=name)
    suite = collect(own, None).boards[0].numbers
    assert {row.entry: row.seeds for row in suite.rows} == {"one": 1, "two": 1, "three": 3, "four": 3}
    assert suite.tests == 4  # one seed is not tested against several


def test_generic_ability_is_compared_with_the_base(own: Board, tmp_path: Path) -> None:
    import yaml

    path = own.entries / "one" / "entry.yaml"
    card = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(card | {"base": {"name": "tiny", "entry": "two"}}))
    rows = {row.entry: row for row in collect(own, None).boards[0].numbers.rows}
    kept = rows["one"].kept["generation"]
    change = rows["one"].cells[GENERIC].accuracy - rows["two"].cells[GENERIC].accuracy
    assert (kept.base, kept.change) == ("two", pytest.approx(change))
    assert "chance level" in kept.why  # the made-up benchmark states none
    assert rows["two"].kept == {}
