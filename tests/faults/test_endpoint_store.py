"""The store: no row takes others with it; files of other people run nothing; damage says what is left."""

from __future__ import annotations

import random
import sqlite3
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from endpoint_cases import Hostile, Scripted, body, collected, raw, teacher_of

from smallsteps.corpora import Store, schema
from smallsteps.corpora.export import export_store, import_store
from smallsteps.corpora.schema import SCHEMA
from smallsteps.errors import DATA, UserError
from smallsteps.problems import TokenLogprob
from smallsteps.teachers import Sample, Sampling, Status, dispatch, sample_key

pytestmark = pytest.mark.timeout(120)


def row(index: int, text: str = "1 + 1 = 2.", **changes: Any) -> Sample:
    sampling = Sampling().canonical()
    prompt = f"prompt {index}"
    found = Sample(
        sample_key("t", prompt, sampling, 0), f"p{index}", "t", prompt, sampling, 0, Status.OK, text
    )
    return replace(found, **changes)


UNSTORABLE: dict[str, dict[str, Any]] = {
    "a log-probability of infinity": {"tokens": (TokenLogprob("a", float("-inf")),)},
    "bytes as text": {"text": b"1 + 1"},
    "a text that is none": {"text": None},
}
MENDED: dict[str, dict[str, Any]] = {
    "NaN beside it": {"extra": {"finish": float("nan"), "deep": [[float("inf")]]}},
    "2^63 tokens": {"completion_tokens": 2**63},
    "a negative count": {"prompt_tokens": -5},
    "5,000 digits": {"extra": {"n": 10**5000}},
    "deep nesting": {"extra": {"deep": reduce(lambda v, _: [v], range(900), 1)}},  # type: ignore[return-value]
    "a set": {"extra": {"set": {1, 2}}},
    "surrogates everywhere": {"problem_id": "\ud800", "error": "\udfff", "extra": {"\ud800": "\ud800"}},
}


@pytest.mark.parametrize("name", UNSTORABLE)
def test_a_row_that_cannot_be_stored_costs_only_itself(tmp_path: Path, name: str) -> None:
    """All rows of the commit were lost, though each was paid for."""
    rows = [row(i) for i in range(9)]
    rows[4] = row(4, **{"attempts": 3, **UNSTORABLE[name]})
    with Store(tmp_path / "s") as store:
        store.add(rows)
        assert store.counts() == {Status.OK: 8, Status.ERROR: 1}
        assert store.unstorable == {rows[4].key}
        failed = store.get([rows[4].key])[rows[4].key]
        assert failed.error.startswith("its answer could not be stored: ")
        assert failed.attempts == 3
        assert rows[4].key not in store.done([rows[4].key]), "the next run asks for it again"
        store.add([row(4)])
        assert store.counts() == {Status.OK: 9}


@pytest.mark.parametrize("name", MENDED)
def test_what_can_be_mended_is_stored(tmp_path: Path, name: str) -> None:
    with Store(tmp_path / "s") as store:
        store.add([row(0), row(1, **MENDED[name])])
        assert store.counts() == {Status.OK: 2}
        assert not store.unstorable
        assert {"escaped", "replaced"} & set(store.get([row(1).key])[row(1).key].extra)
        assert export_store(store, tmp_path / "x.jsonl") == 2
        assert export_store(store, tmp_path / "x.parquet") == 2
        digest = store.hash()
    for name_ in ("x.jsonl", "x.parquet"):
        with Store(tmp_path / f"{name_}.sqlite") as store:
            import_store(store, tmp_path / name_)
            assert store.hash() == digest


def test_a_collection_with_a_row_that_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = dispatch.Job.rows

    def spoiled(job: Any, *arguments: Any) -> Sequence[Sample]:
        rows = answered(job, *arguments)
        return [replace(r, text=b"x") if r.problem_id == "3" else r for r in rows]  # type: ignore[arg-type]

    monkeypatch.setattr(dispatch.Job, "rows", spoiled)
    with Hostile(script=lambda asked, number: Scripted(raw(body()))) as server:
        rows = collected(teacher_of(server), tmp_path / "s", 12)
        assert len(server.times) == 12
    assert [r.status for r in rows] == [Status.ERROR if i == 3 else Status.OK for i in range(12)]


def foreign(path: Path, script: str) -> Path:
    with Store(path) as store:
        store.add([row(i) for i in range(3)])
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


FOREIGN = {
    "trigger": "CREATE TRIGGER x AFTER INSERT ON meta BEGIN DELETE FROM samples; END;",
    "trigger on rows": "CREATE TRIGGER x BEFORE UPDATE ON samples BEGIN SELECT randomblob(1000000000); END;",
    "view": "ALTER TABLE prompts RENAME TO q; CREATE VIEW prompts AS SELECT id, upper(prompt) prompt FROM q;",
    "table": "CREATE TABLE other (a, b);",
    "index": "CREATE INDEX i ON samples (text);",
    "index of an expression": "CREATE INDEX i ON samples (upper(text));",
    "column": "ALTER TABLE samples ADD COLUMN more TEXT;",
    "generated column": "ALTER TABLE samples ADD COLUMN g TEXT AS (zeroblob(1000000000)) VIRTUAL;",
    "check": "DROP TABLE meta; CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT CHECK (abs(1)));"
    f"INSERT INTO meta VALUES ('schema', '{SCHEMA}');",
    "name with an escape": 'CREATE TABLE "\x1b]0;x\x07" (a);',
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("readonly", [True, False])
def test_what_another_maker_put_into_a_store_never_runs(tmp_path: Path, name: str, readonly: bool) -> None:
    """A trigger of a store from elsewhere ran as soon as the store was opened."""
    path = foreign(tmp_path / "s", FOREIGN[name])
    before = path.read_bytes()
    with pytest.raises(UserError, match="not a plain store of smallsteps: it holds") as caught:
        Store(path, readonly=readonly)
    assert caught.value.code == DATA
    assert "nothing of it was used" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert path.read_bytes() == before


def damaged(source: Path, target: Path, places: Sequence[int], rng: random.Random) -> Path:
    data = bytearray(source.read_bytes())
    for place in places:
        data[place : place + 64] = rng.randbytes(64)
    target.write_bytes(bytes(data))
    return target


def test_damage_is_explained_and_the_rest_can_be_saved(tmp_path: Path) -> None:
    """A damaged page was "a defect of smallsteps", with a traceback."""
    source = tmp_path / "s"
    rows = [row(i, f"text {i} " * 40, tokens=(TokenLogprob("a", -0.5),)) for i in range(400)]
    with Store(source) as store:
        store.add(rows)
    texts = {r.key: r.text for r in rows}
    rng = random.Random(3)
    size = source.stat().st_size
    explained = 0
    for number in range(20):
        place = damaged(source, tmp_path / f"d{number}", [rng.randrange(200, size - 64)], rng)
        try:
            with Store(place) as store:
                list(store)
                store.counts(), store.usage(), store.done(list(texts))
                continue  # in unused space, or within a text
        except UserError as error:
            said = str(error)
        explained += 1
        assert str(place) in said
        assert "damaged" in said or "no store of smallsteps" in said or "not a store" in said, said
        if "rows can be read" not in said:
            continue
        assert f"--store {place} --salvage --export rows.jsonl" in said
        out = tmp_path / f"{place.name}.jsonl"
        with Store(place, readonly=True) as store:
            found = store.salvage()
            kept = export_store(found, out)
            assert kept + found.lost <= 400
            assert f"{kept} of its rows can be read, {found.lost} are lost" in said
        assert kept > 300, "one damaged page costs the rows on it"
        with Store(tmp_path / f"{place.name}.new") as store:
            import_store(store, out)
            assert sum(texts.get(r.key) == r.text for r in store) >= kept - 2
    assert explained >= 8


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("tokens", b"no zlib"),
        ("tokens", sqlite3.Binary(zlib.compress(b"[[[" * 5000))),
        ("extra", "[1"),
        ("extra", "[]"),
        ("extra", "[" * 20_000),
        ("status", "fine"),
        ("text", b"\xff\xfe"),
        ("sample", "many"),
        ("prompt_tokens", "x" * 10),
    ],
)
def test_a_damaged_value_names_its_row(tmp_path: Path, column: str, value: object) -> None:
    path = tmp_path / "s"
    with Store(path) as store:
        store.add([row(i) for i in range(3)])
    connection = sqlite3.connect(path)
    connection.execute(f"UPDATE samples SET {column} = ? WHERE problem_id = 'p1'", (value,))
    connection.commit()
    connection.close()
    with Store(path) as store, pytest.raises(UserError, match="this store is damaged") as caught:
        list(store)
    assert row(1).key[:16] in str(caught.value) or column == "text"
    assert "2 of its rows can be read, 1 are lost" in str(caught.value)


def test_a_bomb_in_the_log_probabilities_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zlib

    monkeypatch.setattr(schema, "_LONGEST_TOKENS", 1 << 20)
    with pytest.raises(ValueError, match="log-probabilities of more than"):
        schema.unpack_tokens(zlib.compress(bytes(50 << 20), 9))


def test_a_missing_table_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with Store(path) as store:
        store.add([row(0)])
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE samples")
    connection.commit()
    connection.close()
    with Store(path, readonly=True) as store, pytest.raises(UserError, match="cannot use the store"):
        list(store)
