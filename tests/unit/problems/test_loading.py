"""From a name to problems: splits, held-out items, and every way in which data can be wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from smallsteps.errors import ConfigError, UserError
from smallsteps.problems import load_benchmark, load_problems, normalised
from smallsteps.problems.listing import listing
from smallsteps.problems.verify import verify

FILES = """\
files:
  all: {path: toy/all.jsonl}
splits:
  test: {file: all}
"""
CUT = """\
files:
  train: {path: toy/train.jsonl}
  test: {path: toy/test.jsonl}
splits:
  train: {file: train, without: dev}
  dev: {file: train, held_out: 10}
  test: {file: test}
"""


def item(index: int, question: str | None = None) -> dict:
    return {
        "iIndex": index,
        "sQuestion": question or f"What is {index}?",
        "lSolutions": [index],
        "lEquations": [],
    }


def test_a_held_out_split_is_disjoint_also_where_questions_repeat(
    make_benchmark: Callable, write_rows: Callable, data: Path
) -> None:
    folder = make_benchmark("toy", "multiarith", CUT)
    repeated = [item(200 + n, f"What is {n} ?") for n in range(30)]  # the same questions but for spacing
    write_rows("toy/train.jsonl", *map(item, range(60)), *repeated)
    write_rows("toy/test.jsonl", *map(item, range(55, 70)))  # five are train questions too
    splits = {s: load_problems("toy", s, data, folder=folder) for s in ("train", "dev", "test")}
    questions = {s: {normalised(p.question) for p in problems} for s, problems in splits.items()}
    assert len(splits["dev"]) == 10
    assert len(splits["train"]) == 80
    assert not questions["dev"] & questions["train"]
    assert not questions["dev"] & questions["test"]


def test_the_held_out_choice_does_not_depend_on_the_order_of_the_file(
    make_benchmark: Callable, write_rows: Callable, data: Path
) -> None:
    folder = make_benchmark("toy", "multiarith", CUT)
    write_rows("toy/test.jsonl", item(999))
    write_rows("toy/train.jsonl", *map(item, range(40)))
    first = {p.question for p in load_problems("toy", "dev", data, folder=folder)}
    write_rows("toy/train.jsonl", *map(item, reversed(range(40))))
    assert {p.question for p in load_problems("toy", "dev", data, folder=folder)} == first


def test_brackets_and_operators_make_questions_different() -> None:
    assert normalised("Close: [ (") != normalised("Close: ( [")
    assert normalised("What is 3 + 4?") == normalised("what is  3 + 4")


def test_packed_and_plain_files_are_both_found(
    make_benchmark: Callable, write_rows: Callable, data: Path
) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    path = write_rows("toy/all.jsonl", item(1), item(2))
    plain = load_problems("toy", "test", data, folder=folder)
    (data / "toy/all.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert load_problems("toy", "test", data, folder=folder) == plain


def test_a_missing_file_says_where_it_goes_and_what_fetches_it(make_benchmark: Callable, data: Path) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    with pytest.raises(UserError) as caught:
        load_problems("toy", "test", data, folder=folder)
    text = str(caught.value)
    assert str(data / "toy/all.jsonl") in text
    assert f"smallsteps tasks data fetch toy --to {data}" in text


def test_without_a_data_directory_the_two_ways_to_name_one_are_said(
    make_benchmark: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMALLSTEPS_DATA", raising=False)
    folder = make_benchmark("toy", "multiarith", FILES)
    with pytest.raises(UserError, match=r"--data DIR or SMALLSTEPS_DATA=DIR"):
        load_problems("toy", "test", folder=folder)


def test_a_named_directory_that_is_not_there_is_an_error(make_benchmark: Callable, tmp_path: Path) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    with pytest.raises(UserError, match="no such data directory"):
        load_problems("toy", "test", tmp_path / "nowhere", folder=folder)


def test_a_truncated_gzip_is_named(make_benchmark: Callable, data: Path) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    rows = "".join(json.dumps(item(n)) + "\n" for n in range(500)).encode()
    path = data / "toy/all.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(rows)[:-200])
    with pytest.raises(UserError) as caught:
        load_problems("toy", "test", data, folder=folder)
    assert "damaged gzip file" in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"iIndex": 2, "sQuestion": "A?"}', ":2: key 'lSolutions' is missing"),
        ('{"iIndex": 2, "sQuestion": "A?", "lSolution": [1]}', "is it 'lSolution'?"),
        ('{"iIndex": 2, "sQues', ":2: not JSON"),
        ("[1, 2]", ":2: expected a JSON object"),
    ],
)
def test_a_bad_line_is_named(
    make_benchmark: Callable, write_rows: Callable, data: Path, line: str, message: str
) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    path = write_rows("toy/all.jsonl", item(1))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(UserError) as caught:
        load_problems("toy", "test", data, folder=folder)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_fewer_problems_than_published_are_an_error(
    make_benchmark: Callable, write_rows: Callable, data: Path
) -> None:
    folder = make_benchmark("toy", "multiarith", FILES.replace("{file: all}", "{file: all, rows: 3}"))
    write_rows("toy/all.jsonl", item(1), item(2))
    with pytest.raises(UserError, match="has 2 problems, 3 are published"):
        load_problems("toy", "test", data, folder=folder)


def test_a_known_incomplete_copy_is_used_and_said_to_be_one(
    make_benchmark: Callable, write_rows: Callable, data: Path
) -> None:
    path = write_rows("toy/all.jsonl", item(1), item(2))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    body = f"files:\n  all:\n    path: toy/all.jsonl\n    rows: 3\n    part: {{rows: 2, sha256: {digest}}}\n"
    folder = make_benchmark("toy", "multiarith", body + "splits:\n  test: {file: all, rows: 3}")
    assert len(load_problems("toy", "test", data, folder=folder)) == 2
    (check,) = verify(load_benchmark("toy", folder), data, folder)
    assert (check.state, check.detail, check.good) == ("part", "2 of 3 rows", True)
    assert listing(data, folder)[0].data == "part"
    write_rows("toy/all.jsonl", item(1), item(3))
    assert verify(load_benchmark("toy", folder), data, folder)[0].state == "differs"
    write_rows("toy/all.jsonl", item(1))
    with pytest.raises(UserError, match="has 1 problems, 3 are published"):
        load_problems("toy", "test", data, folder=folder)
    write_rows("toy/all.jsonl", item(1), item(2), item(3))
    assert len(load_problems("toy", "test", data, folder=folder)) == 3


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        ("gsm8", "test", "unknown benchmark 'gsm8'\n  did you mean 'gsm8k'?"),
        ("gsm8k", "tset", "unknown split of 'gsm8k': 'tset'\n  did you mean 'test'?"),
        ("bbh", "test", "unknown subtask of 'bbh': 'snark'\n  did you mean 'snarks'?"),
    ],
)
def test_unknown_names_get_the_nearest_one(name: str, split: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_problems(name, split, subtask="snark" if name == "bbh" else None)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("role: target", "role: targt", "did you mean 'target'?"),
        ("licence:", "license:", "did you mean 'licence'?"),
        ("file: all", "file: al", "no file 'al' (known: all)"),
        ("  test:", "  tets:", "'tets' is not one of train, dev, test"),
        ("reader: multiarith", "", "'files' need a 'reader'"),
        ("  question: {}", "  question: {exemplars: demos}", "no exemplars 'demos'"),
        ("  question: {}", "  questoin: {}", "question"),
        ("version: 1", "version: 1\nversion: 2", "key 'version' is given twice"),
        ("splits:", "splits: [", "malformed YAML"),
    ],
)
def test_a_wrong_benchmark_file_is_explained(
    make_benchmark: Callable, old: str, new: str, message: str
) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    path = folder / "toy" / "benchmark.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_benchmark("toy", folder)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_all_errors_of_a_benchmark_file_come_at_once(make_benchmark: Callable) -> None:
    folder = make_benchmark("toy", "multiarith", FILES)
    path = folder / "toy" / "benchmark.yaml"
    path.write_text(path.read_text().replace("role: target", "role: targt").replace("kind:", "knd:"))
    with pytest.raises(ConfigError) as caught:
        load_benchmark("toy", folder)
    assert len(caught.value.errors) == 3  # the wrong role, the unknown key, the missing one


def test_an_unknown_reader_gets_the_nearest_one(
    make_benchmark: Callable, write_rows: Callable, data: Path
) -> None:
    folder = make_benchmark("toy", "multiarit", FILES)
    write_rows("toy/all.jsonl", item(1))
    with pytest.raises(UserError, match="did you mean 'multiarith'"):
        load_problems("toy", "test", data, folder=folder)


def test_problems_made_by_rule_need_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMALLSTEPS_DATA", raising=False)
    problems = load_problems("micro_generic", "dev")
    assert len(problems) == load_benchmark("micro_generic").splits["dev"].rows
    assert {p.cluster for p in problems} == set(load_benchmark("micro_generic").subtask_names)
    assert len({p.id for p in problems}) == len(problems)
    only = load_problems("micro_generic", "dev", subtask="navigate")
    assert only == [p for p in problems if p.tags["subtask"] == "navigate"]
