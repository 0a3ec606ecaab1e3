"""The store: keys, statuses, final rows, locks, full disks, hashes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from smallsteps.corpora import Store
from smallsteps.corpora.schema import pack_tokens, unpack_tokens
from smallsteps.errors import IO_ERROR, UNAVAILABLE, UserError
from smallsteps.problems import TokenLogprob
from smallsteps.teachers import Sample, Sampling, Status, sample_key


def sample(index: int = 0, text: str = "1 + 1 = 2.", status: Status = Status.OK, **changes: object) -> Sample:
    sampling = Sampling().canonical()
    row = Sample(
        key=sample_key("t", "p", sampling, index),
        problem_id="p1",
        teacher="t",
        prompt="p",
        sampling=sampling,
        sample=index,
        status=status,
        text=text,
        prompt_tokens=3,
        completion_tokens=4,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def test_every_part_of_the_key_counts() -> None:
    base = Sampling(temperature=0.7)
    keys = {
        sample_key("t", "p", base.canonical(), 0),
        sample_key("u", "p", base.canonical(), 0),
        sample_key("t", "q", base.canonical(), 0),
        sample_key("t", "p", base.canonical(), 1),
        sample_key("t", "p", Sampling(temperature=0.8).canonical(), 0),
        sample_key("t", "p", Sampling(temperature=0.7, stop=("Q:",)).canonical(), 0),
        sample_key("t", "p", Sampling(temperature=0.7, logprobs=5).canonical(), 0),
        sample_key("t", "p", Sampling(temperature=0.7, max_tokens=64).canonical(), 0),
        sample_key("t", "p", Sampling(temperature=0.7, seed=1).canonical(), 0),
        sample_key("t", "p", Sampling(temperature=0.7, top_p=0.9).canonical(), 0),
    }
    assert len(keys) == 10


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    tokens = (TokenLogprob(" a\x00", -0.5, ((" a\x00", -0.5), ("é", -1.25)), 7),)
    row = sample(text="Ünïcode 😀\n\x1b[1m", tokens=tokens, extra={"nested": {"a": [1, None]}})
    with Store(tmp_path / "s.sqlite") as store:
        store.add([row])
    with Store(tmp_path / "s.sqlite", readonly=True) as store:
        assert list(store) == [row]
        assert store.get([row.key, "absent"]) == {row.key: row}


def test_lone_surrogates_and_nul_are_stored_written_out_and_counted(tmp_path: Path) -> None:
    """They were replaced in the text alone; in any other field they made the commit fail."""
    tokens = (TokenLogprob("\udfff", -0.5, (("\udfff", -0.5),)),)
    bad = sample(
        text="bad \ud800 te\x00xt",
        error="\ud801",
        tokens=tokens,
        extra={"finish": "\udfff", "\ud800": ["\x00"]},
    )
    with Store(tmp_path / "s.sqlite") as store:
        store.add([bad, sample(1)])
        row = store.get([bad.key])[bad.key]
        assert store.escaped == row.extra["escaped"] == 8
        assert len(store) == 2
    assert (row.text, row.error) == ("bad \\ud800 te\\u0000xt", "\\ud801")
    assert row.extra["finish"] == "\\udfff"
    assert row.extra["\\ud800"] == ["\\u0000"]
    assert row.tokens == (TokenLogprob("\\udfff", -0.5, (("\\udfff", -0.5),)),)


def test_final_rows_are_final_and_errors_are_not(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.add([sample(0, "", Status.ERROR, attempts=3, error="500"), sample(1, "first")])
        assert store.done([sample(0).key, sample(1).key]) == {sample(1).key}
        store.add([sample(0, "late", attempts=2), sample(1, "second")])
        rows = {row.sample: row for row in store}
        assert (rows[0].text, rows[0].status, rows[0].attempts, rows[0].error) == ("late", Status.OK, 5, "")
        assert rows[1].text == "first"


@pytest.mark.parametrize("status", [Status.LENGTH, Status.FILTERED, Status.REFUSED])
def test_paid_failures_are_not_asked_again(tmp_path: Path, status: Status) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.add([sample(status=status)])
        assert store.done([sample().key]) == {sample().key}
        assert store.counts() == {status: 1}


def test_hash_ignores_order_and_attempts_but_not_text(tmp_path: Path) -> None:
    rows = [sample(i, f"text {i}") for i in range(20)]

    def hash_of(name: str, samples: list[Sample]) -> str:
        with Store(tmp_path / name) as store:
            for row in samples:
                store.add([row])
            return store.hash()

    plain = hash_of("a", rows)
    assert hash_of("b", [replace(row, attempts=4, completion_tokens=9) for row in reversed(rows)]) == plain
    assert hash_of("c", [replace(rows[0], text="other"), *rows[1:]]) != plain
    assert hash_of("d", rows[1:]) != plain
    # moving a character across a field boundary must not cancel out
    assert hash_of("e", [replace(rows[0], problem_id="p1t", text="ext 0"), *rows[1:]]) != plain


_HOLD = """
import sys, time
from pathlib import Path
from smallsteps.corpora import Store
with Store(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_second_process_is_told_and_first_is_unharmed(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "held\n"
            with pytest.raises(UserError, match=f"another process is writing.*process {other.pid}") as caught:
                Store(path)
            assert caught.value.code == UNAVAILABLE
            with Store(path, readonly=True) as store:
                assert len(store) == 0
        finally:
            other.kill()
        other.wait(30)
    with Store(path) as store:  # the lock died with its process
        store.add([sample()])


def test_full_disk_keeps_what_was_stored(tmp_path: Path) -> None:
    with Store(tmp_path / "s.sqlite") as store:
        store.add([sample(0)])
        pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
        store._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(UserError, match="no space left") as caught:
            store.add([sample(i, "x" * 50_000) for i in range(1, 9)])
        assert caught.value.code == IO_ERROR
        assert "run the same command again" in str(caught.value)
        store._connection.execute("PRAGMA max_page_count = 100000")
        assert len(store) == 1
        store.add([sample(i, "x" * 50_000) for i in range(1, 9)])
        assert len(store) == 9


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello, this is certainly not a database file" * 40)
    with pytest.raises(UserError, match="not a store"):
        Store(tmp_path / "text")
    connection = sqlite3.connect(tmp_path / "other.sqlite")
    connection.execute("CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)")
    connection.execute("INSERT INTO meta VALUES ('schema', 'something/9')")
    connection.commit()
    connection.close()
    with pytest.raises(UserError, match="something/9"):
        Store(tmp_path / "other.sqlite")


def test_tokens_pack_and_unpack() -> None:
    tokens = tuple(
        TokenLogprob(f"t{i}", -0.1 * i, (("a", -0.25), ("b", -1.5)), i if i % 2 else None) for i in range(50)
    )
    assert unpack_tokens(pack_tokens(tokens)) == tokens
    assert pack_tokens(()) is None
