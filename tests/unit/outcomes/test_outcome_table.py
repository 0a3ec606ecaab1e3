"""The outcome table: columns in Arrow, codes for strings, and the file it is kept in."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallsteps.errors import UserError
from smallsteps.outcomes import Outcome, OutcomeTable, Status, read_outcomes, write_outcomes
from smallsteps.outcomes import table as tables
from smallsteps.outcomes.columns import COLUMNS, arrow_schema
from smallsteps.outcomes.readers import load

ROWS = [
    Outcome("b", "t", "i2", 1.0, seed=2, cluster="c1", extracted="none", tokens=3, status=Status.UNPARSED),
    Outcome("b", "t", "i1", 0.5, strict=0.0, seed=2, sample=1, gold="7"),
    Outcome("a", "u", "i1", 0.0, seed=None, prompt="p"),
    Outcome("b", "t", "i1", 1.0, seed=2),
    Outcome("a", "t", "é", 1.0, seed=0, scorer="s"),
]
text = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
outcomes = st.builds(
    Outcome,
    student=text,
    task=text,
    item=text,
    score=st.sampled_from([0.0, 0.25, 1.0]),
    strict=st.none() | st.just(1.0),
    seed=st.none() | st.integers(-3, 3),
    sample=st.integers(0, 2),
    status=st.sampled_from(Status),
    cluster=st.none() | text,
    extracted=st.none() | text,
    tokens=st.none() | st.integers(0, 5),
)


def _key(row: Outcome) -> tuple[object, ...]:
    return (row.student, row.seed is not None, row.seed or 0, row.task, row.item, row.sample)


def test_rows_are_sorted_and_come_back_as_they_were() -> None:
    table = OutcomeTable.of(ROWS)
    assert table.rows() == sorted(ROWS, key=_key)
    assert [type(row.status) for row in table.rows()] == [Status] * 5
    assert table.columns["seed"] == [None, 0, 2, 2, 2]
    assert table.columns["cluster"] == [None, None, None, None, "c1"]


def test_codes_follow_first_appearance_and_none_is_minus_one() -> None:
    table = OutcomeTable.of(ROWS)
    assert table.codes("cluster").codes.tolist() == [-1, -1, -1, -1, 0]
    backwards = table.take([4, 3, 2, 1, 0])
    items = backwards.codes("item")
    assert items.labels == ("i2", "i1", "é")
    assert items.codes.tolist() == [0, 1, 1, 2, 1]
    assert items.codes.dtype == np.int32
    assert table.where(student="b").codes("item").labels == ("i1", "i2")


def test_numbers_are_arrays_with_the_unknown_apart() -> None:
    table = OutcomeTable.of(ROWS)
    assert table.column("score").dtype == np.float64
    assert table.column("seed").dtype == np.int64
    assert table.column("seed")[table.known("seed")].tolist() == [0, 2, 2, 2]
    assert np.isnan(table.column("strict")).tolist() == [True, True, True, False, True]
    with pytest.raises(ValueError, match="codes"):
        table.column("item")


@given(st.lists(outcomes, max_size=12), st.data())
def test_the_table_does_what_plain_lists_do(rows: list[Outcome], data: st.DataObject) -> None:
    table = OutcomeTable.of(rows)
    ordered = sorted(rows, key=_key)
    assert table.rows() == ordered
    for name in COLUMNS:
        values = [getattr(row, name) for row in ordered]
        assert table.columns[name] == values
        assert table.unique(name) == list(dict.fromkeys(values))
        for value in dict.fromkeys(values):
            expected = [row for row in ordered if getattr(row, name) == value]
            assert table.where(**{name: value}).rows() == expected
    assert len(table.where(student="nobody")) == 0
    index = data.draw(st.lists(st.integers(0, len(rows) - 1))) if rows else []
    assert table.take(np.array(index, dtype=int)).rows() == [ordered[i] for i in index]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=bool)
    assert table.take(mask).rows() == [row for row, kept in zip(ordered, mask, strict=True) if kept]
    assert OutcomeTable.concatenate([table.take(mask), table]).rows() == [
        *table.take(mask).rows(),
        *ordered,
    ]


def test_renaming_may_join_two_labels() -> None:
    table = OutcomeTable.of(ROWS).renamed("student", {"a": "b"})
    assert table.unique("student") == ["b"]
    assert table.codes("student").codes.tolist() == [0] * 5
    assert OutcomeTable.of(ROWS).renamed("cluster", {"c1": "x"}).columns["cluster"][-1] == "x"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = OutcomeTable.of(ROWS)
    plain = pa.table({name: table.columns[name] for name in COLUMNS}, schema=arrow_schema())
    pq.write_table(plain, tmp_path / "plain", compression="zstd")
    write_outcomes(tmp_path / "a", table)
    write_outcomes(tmp_path / "b", read_outcomes(tmp_path / "a"))
    joined = OutcomeTable.concatenate([table.take([0]), table.take([1, 2, 3, 4])])
    write_outcomes(tmp_path / "c", joined)
    assert read_outcomes(tmp_path / "a") == table
    assert len({(tmp_path / name).read_bytes() for name in ("plain", "a", "b", "c")}) == 1


def test_half_a_surrogate_pair_is_stored_escaped(tmp_path: Path) -> None:
    table = OutcomeTable.of([Outcome("a", "t", "i", 1.0, extracted="x\ud800"), Outcome("a", "t", "j", 0.0)])
    write_outcomes(tmp_path / "o", table)
    assert read_outcomes(tmp_path / "o").columns["extracted"] == ["x\\ud800", None]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("score", [1.0, 2.0], "score of row 2 is 2.0"),
        ("score", [float("nan"), 1.0], "score of row 1 is nan"),
        ("item", ["i", None], "row 2 has no item"),
        ("status", ["ok", "fine"], "unknown status 'fine'"),
    ],
)
def test_values_that_no_outcome_has_are_refused(
    tmp_path: Path, column: str, values: list[object], message: str
) -> None:
    table = OutcomeTable.of([Outcome("a", "t", "i", 1.0), Outcome("a", "t", "j", 0.0)])
    write_outcomes(tmp_path / "o", table.with_column(column, values))
    with pytest.raises(UserError, match=message):
        read_outcomes(tmp_path / "o")


def test_a_small_file_with_too_many_rows_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_outcomes(tmp_path / "o", OutcomeTable.of(ROWS))
    monkeypatch.setattr(tables, "MAX_ROWS", 4)
    with pytest.raises(UserError, match="5 rows, more than the limit of 4"):
        read_outcomes(tmp_path / "o")


def test_a_lacking_column_is_named(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(OutcomeTable.of(ROWS).arrow().drop_columns(["gold"]), tmp_path / "o")
    with pytest.raises(UserError, match="no column 'gold' of type string"):
        read_outcomes(tmp_path / "o")


def test_importing_the_room_does_not_import_arrow() -> None:
    code = "import sys, smallsteps.outcomes; sys.exit('pyarrow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_million_rows_are_read_in_bounded_memory(tmp_path: Path) -> None:
    """About 95 MB; Python lists took 1,000."""
    import pyarrow as pa

    n = 1_000_000
    items = pa.array([f"item-{i:07d}" for i in range(n)])
    columns: dict[str, object] = dict.fromkeys(COLUMNS, pa.nulls(n, pa.string()))
    for name in ("student", "task", "status"):
        columns[name] = pa.array(["ok"]).take(pa.array(np.zeros(n, dtype=np.int64)))
    columns |= {"item": items, "score": np.ones(n), "sample": np.zeros(n, dtype=np.int64)}
    for name in ("seed", "tokens", "strict"):
        columns[name] = pa.nulls(n, pa.int64())
    write_outcomes(tmp_path / "o", OutcomeTable(columns))
    del columns, items
    before = pa.total_allocated_bytes()
    table = read_outcomes(tmp_path / "o")
    assert len(table) == n
    assert pa.total_allocated_bytes() - before < 120e6


def test_a_damaged_file_is_one_error_or_a_table(tmp_path: Path) -> None:
    table = OutcomeTable.of(
        [*ROWS, *(Outcome("z", "t", f"i{n}", n % 2, extracted=str(n)) for n in range(200))]
    )
    write_outcomes(tmp_path / "o.parquet", table)
    good = (tmp_path / "o.parquet").read_bytes()
    draw = random.Random(1)
    refused = 0
    for _ in range(150):
        damaged = bytearray(good)
        damaged[draw.randrange(len(good))] ^= 1 << draw.randrange(8)
        (tmp_path / "o.parquet").write_bytes(damaged)
        try:
            assert len(load([tmp_path / "o.parquet"]).table)
        except UserError:
            refused += 1
    assert refused > 50
    for length in (0, 3, 100, len(good) - 1):
        (tmp_path / "o.parquet").write_bytes(good[:length])
        with pytest.raises(UserError, match="Parquet"):
            load([tmp_path / "o.parquet"])
