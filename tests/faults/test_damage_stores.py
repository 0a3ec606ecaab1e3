"""Rows of a corpus store: a value changed on disk is found; stores of earlier versions stay readable."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from smallsteps.corpora import Store, schema
from smallsteps.corpora.schema import EARLIER, EARLIER_TABLES, SCHEMA
from smallsteps.errors import UserError
from smallsteps.problems import TokenLogprob
from smallsteps.teachers import Sample, Sampling, Status, sample_key


def row(number: int, status: Status = Status.OK, text: str = "1 + 1 = 2. The answer is 2.") -> Sample:
    sampling, prompt = Sampling().canonical(), f"prompt {number}"
    tokens = (TokenLogprob("a", -0.5),)
    key = sample_key("t", prompt, sampling, 0)
    return Sample(key, f"p{number}", "t", prompt, sampling, 0, status, text, 1, 3, 4, tokens)


ROWS = [row(number) for number in range(5)]


def execute(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Store(tmp_path / "s.sqlite") as store:
        store.add(ROWS)
    return tmp_path / "s.sqlite"


def make_earlier(path: Path) -> None:
    """A store as version 1 made it."""
    connection = sqlite3.connect(path)
    connection.executescript(EARLIER_TABLES)
    connection.execute("INSERT INTO meta VALUES ('schema', ?)", (EARLIER,))
    for number, one in enumerate(ROWS):
        values = schema.to_row(one)
        connection.execute("INSERT INTO prompts VALUES (?, ?)", (number, one.prompt))
        connection.execute("INSERT OR IGNORE INTO samplings VALUES (1, ?, ?)", (one.teacher, one.sampling))
        connection.execute(
            "INSERT INTO samples VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (values[0], values[1], number, *values[5:]),
        )
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "change",
    [
        "samples SET text = replace(text, '2', '3')",
        "samples SET status = 'length'",
        "samples SET completion_tokens = 5",
        "samples SET attempts = 2",
        "samples SET problem_id = 'p9'",
        "samples SET sample = 1",
        'samples SET extra = \'{"stated_answer": "3"}\'',
        "samples SET tokens = NULL",
        "samples SET prompt = (SELECT max(id) FROM prompts)",
        "samples SET digest = NULL",
        "samples SET digest = zeroblob(32)",
        "prompts SET prompt = prompt || '.'",
        "samplings SET teacher = 'u'",
    ],
)
def test_a_changed_value_that_still_decodes_is_found(change: str, path: Path) -> None:
    where = (
        "" if change.startswith("samplings") else "WHERE rowid = 2" if "samples" in change else "WHERE id = 2"
    )
    execute(path, f"UPDATE {change} {where}")
    with Store(path, readonly=True) as store:
        with pytest.raises(UserError, match="content is not that of its digest"):
            list(store)
        with pytest.raises(UserError, match="this store is damaged"):
            store.get([one.key for one in ROWS])
        left = list(store.salvage())
        assert all(one in ROWS for one in left)
        assert len(left) == (0 if change.startswith("samplings") else 4)


def test_a_row_whose_prompt_is_lost_is_not_left_out(path: Path) -> None:
    execute(path, "DELETE FROM prompts WHERE id = 3")
    with Store(path, readonly=True) as store, pytest.raises(UserError, match="this store is damaged"):
        list(store)


def test_a_failed_row_that_is_asked_again_keeps_a_fitting_digest(tmp_path: Path) -> None:
    with Store(tmp_path / "s") as store:
        store.add([row(0, Status.ERROR, "")])
        store.add([row(0, Status.ERROR, "")])
        store.add([replace(row(0), problem_id="other")])
        found = next(iter(store))
    assert (found.status, found.attempts, found.prompt_tokens, found.completion_tokens) == (
        Status.OK,
        3,
        9,
        12,
    )


def test_a_store_of_the_earlier_version_is_read_and_gets_digests_when_written(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    make_earlier(path)
    before = path.read_bytes()
    with Store(path, readonly=True) as store:
        assert sorted(store, key=lambda one: one.problem_id) == ROWS
        digest = store.hash()
    assert path.read_bytes() == before
    with Store(path) as store:  # moves on
        assert store.hash() == digest
        store.add([row(7)])
    with Store(path, readonly=True) as store:  # the form that SQLite keeps after adding a column is known
        assert len(list(store)) == 6
    execute(path, "UPDATE samples SET text = replace(text, '2', '3') WHERE rowid = 1")
    with Store(path) as store, pytest.raises(UserError, match="not that of its digest"):
        list(store)


def test_a_broken_move_to_digests_leaves_the_earlier_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.sqlite"
    make_earlier(path)
    monkeypatch.setattr("smallsteps.corpora.store.SEAL_ALL", "UPDATE samples SET nothing = 1")
    with pytest.raises(UserError):
        Store(path)
    monkeypatch.undo()
    with Store(path, readonly=True) as store:
        assert len(list(store)) == 5
    with Store(path) as store:
        assert len(list(store)) == 5
        assert store.note("x", "y") == "y"
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT value FROM meta WHERE name = 'schema'").fetchone() == (SCHEMA,)
    assert connection.execute("SELECT count(*) FROM samples WHERE digest IS NULL").fetchone() == (0,)
    connection.close()


def test_a_damaged_store_of_the_earlier_version_gets_no_digests(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    make_earlier(path)
    execute(path, "UPDATE samples SET extra = '[1' WHERE rowid = 1")
    with pytest.raises(UserError, match="4 of its rows can be read, 1 are lost"):
        Store(path)
