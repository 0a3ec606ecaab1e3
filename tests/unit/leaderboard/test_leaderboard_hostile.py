"""Entries that would harm: links, names that lead elsewhere, bombs, wrong schemas and cards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from entry_cases import answers_of, check, rejected, reseal, rewrite

import board_cases as cases
from board_cases import TARGET
from smallsteps.errors import ConfigError, UserError
from smallsteps.files import sha256_file
from smallsteps.integrity import write_sealed
from smallsteps.leaderboard.adding import add_entry
from smallsteps.leaderboard.answers import (
    read_answers,
    schema,
)
from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.packing import RUNS_SCHEMA


@pytest.mark.parametrize("name", ["answers.parquet", "entry.yaml", "runs.json"])
def test_links_are_rejected(board: Board, entry: Path, tmp_path: Path, name: str) -> None:
    (entry / name).rename(tmp_path / name)
    (entry / name).symlink_to(tmp_path / name)
    rejected(board, "a link: entries hold plain files only")


def test_a_linked_folder_and_a_strange_file_are_rejected(board: Board, entry: Path, tmp_path: Path) -> None:
    (entry / "weights.bin").write_bytes(b"x")
    rejected(board, "does not belong in an entry")
    (entry / "weights.bin").unlink()
    entry.rename(tmp_path / "elsewhere")
    entry.symlink_to(tmp_path / "elsewhere")
    rejected(board, "not a link or a file")


@pytest.mark.parametrize("name", ["../out", "..", "a/b", "UPPER", "x" * 65, "naïve", "a b", ".hidden"])
def test_names_that_could_lead_elsewhere_are_refused(board: Board, tmp_path: Path, name: str) -> None:
    run = cases.whole_run(tmp_path / "run", "cot", 0.6, 1)
    before = sorted(str(path) for path in tmp_path.rglob("*"))
    with pytest.raises(UserError, match="is not a valid name of an entry"):
        add_entry(board, [run], name=name)
    assert sorted(str(path) for path in tmp_path.rglob("*")) == before


def test_a_decompression_bomb_is_refused_before_it_unpacks(board: Board, entry: Path) -> None:
    count = 20_000
    plain = {"task": pa.array([TARGET] * count), "score": pa.array([0.0] * count)}
    text = pa.array(["x" * 4000] * 20_000)
    table = pa.table({name: plain.get(name, pa.nulls(count)) for name in schema().names}).cast(schema())
    pq.write_table(table.slice(0, 20_000).set_column(1, schema().field(1), text), entry / "answers.parquet",
                   compression="zstd", use_dictionary=False)  # fmt: skip
    assert (entry / "answers.parquet").stat().st_size < 1 << 20
    reseal(entry)
    rejected(board, "unpacks to")


def test_a_response_without_end_is_refused(board: Board, entry: Path) -> None:
    rows = answers_of(entry)
    rewrite(entry, [replace(rows[0], response="1" * ((1 << 20) + 1)), *rows[1:]])
    rejected(board, "a response of more than 1,048,576 characters")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"score": [2.0]}, "a score that is not between 0 and 1"),
        ({"score": [float("nan")]}, "a score that is not between 0 and 1"),
        ({"sample": [-1]}, "a negative sample number"),
        ({"status": ["fine"]}, "an unknown status"),
        ({"status": ["truncated"], "score": [1.0]}, "a score above 0 with a status that is not ok"),
        ({"item": [None]}, "a row without item"),
    ],
)
def test_values_that_no_answer_can_have_are_rejected(
    board: Board, entry: Path, change: dict[str, list[Any]], text: str
) -> None:
    first = answers_of(entry)[0]
    row = {name: [getattr(first, name)] for name in schema().names} | change
    pq.write_table(pa.table(row, schema=schema()), entry / "answers.parquet")
    reseal(entry)
    rejected(board, text)


def test_another_schema_or_column_is_rejected(board: Board, entry: Path) -> None:
    table = read_answers(entry / "answers.parquet")
    pq.write_table(
        table.replace_schema_metadata({"schema": "smallsteps.answers/0"}), entry / "answers.parquet"
    )
    reseal(entry)
    rejected(board, "schema is 'smallsteps.answers/0'")
    wider = table.append_column("code", pa.array(["import os"] * len(table)))
    pq.write_table(wider, entry / "answers.parquet")
    reseal(entry)
    rejected(board, "unknown column 'code'")
    (entry / "answers.parquet").write_bytes(b"PAR1 no parquet PAR1")
    reseal(entry)
    rejected(board, "not a readable Parquet file")


def test_runs_of_another_schema_are_rejected(board: Board, entry: Path) -> None:
    write_sealed(entry / "runs.json", {"schema": "smallsteps.other/1", "runs": []})
    rejected(board, "schema is 'smallsteps.other/1'")
    digest = sha256_file(entry / "answers.parquet")
    write_sealed(entry / "runs.json", {"schema": RUNS_SCHEMA, "runs": {"a": 1}, "answers": digest})
    rejected(board, "'runs' is not a list of runs")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rank": 1}, "rank"),
        ({"links": {"paper": "javascript:alert(1)"}}, "links"),
        ({"links": {"paper": "https://a b"}}, "links"),
        ({"date": "2026-02-31"}, "date"),
        ({"sizes": {"parameters": -1}}, "parameters"),
        ({"kind": "reference"}, "published"),
        ({"base": {"name": "x", "entry": "../x"}}, "entry"),
        ({"name": ""}, "name"),
    ],
)
def test_a_wrong_card_is_rejected(board: Board, entry: Path, change: dict[str, Any], text: str) -> None:
    card = yaml.safe_load((entry / "entry.yaml").read_text()) | change
    (entry / "entry.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(ConfigError, match=text):
        check(board)


@pytest.mark.parametrize("file", ["../secret.jsonl", "/etc/passwd", "a/../../b.jsonl", "-rf"])
def test_published_files_stay_in_the_data_directory(board: Board, entry: Path, file: str) -> None:
    source = {
        "repository": "a/b", "commit": "c", "path": "p", "licence": "MIT", "file": file, "sha256": "0" * 64,
        "task": TARGET,
    }  # fmt: skip
    card = yaml.safe_load((entry / "entry.yaml").read_text()) | {"kind": "reference", "published": [source]}
    (entry / "entry.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(ConfigError, match="file"):
        check(board)
    source |= {"file": "p.jsonl", "id": "{id.__class__}"}
    (entry / "entry.yaml").write_text(yaml.safe_dump(card | {"published": [source]}))
    with pytest.raises(ConfigError, match="only plain"):
        check(board)
