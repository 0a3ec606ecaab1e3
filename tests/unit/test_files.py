"""Files are whole or absent."""

from __future__ import annotations

import gzip
import io
import random
import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest

from smallsteps.errors import IO_ERROR, UserError
from smallsteps.files import (
    atomic_path,
    disk_error,
    is_disk_full,
    jsonl_rows,
    read_json,
    read_jsonl,
    read_objects,
    read_text,
    text_lines,
    to_json,
    write_atomic,
)


def test_failure_keeps_the_old_file_and_leaves_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_full_disk_says_so_and_what_to_do() -> None:
    error = disk_error(OSError(28, "No space left on device"), Path("out/report.html"))
    assert error.code == IO_ERROR
    assert "no space left" in str(error)
    assert "run the same command again" in str(error)


def test_a_full_disk_is_known_behind_a_library_s_own_error() -> None:
    class SafetensorError(Exception):
        pass

    assert is_disk_full(SafetensorError("I/O error: No space left on device (os error 28)"))
    wrapped = RuntimeError("cannot save")
    wrapped.__cause__ = OSError(28, "x")
    assert is_disk_full(wrapped)
    assert not is_disk_full(OSError(13, "Permission denied"))


def test_full_disk_for_real() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with (
        pytest.raises(UserError, match="no space left") as caught,
        atomic_path(Path("x") / ".." / "y") as temporary,
    ):
        temporary.unlink()
        with full.open("w") as file:
            file.write("x" * 100_000)
    assert caught.value.code == IO_ERROR


def test_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-20])
    with pytest.raises(UserError, match="damaged gzip"):
        read_text(path)


def test_truncated_and_spoilt_gzip_rows_are_one_error_after_the_good_ones(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    packed = gzip.compress(b"".join(b'{"a": %d}\n' % n for n in range(20_000)))
    path.write_bytes(packed[:-20])
    rows = read_jsonl(path)
    assert next(rows) == (1, {"a": 0})
    with pytest.raises(UserError, match="damaged gzip"):
        list(rows)
    path.write_bytes(packed[:9000] + b"\xff" * 500 + packed[9500:])
    with pytest.raises(UserError, match="damaged gzip"):
        read_text(path)
    with pytest.raises(UserError, match=r"rows\.jsonl\.gz.*(damaged gzip|not JSON|not UTF-8)"):
        list(read_jsonl(path))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_rows_come_before_the_whole_stream_is_read(pack: Callable[[bytes], bytes]) -> None:
    body = pack(random.Random(1).randbytes(600_000).hex().encode().join([b'{"a": 1}\n{"a": "', b'"}\n']))
    stream = io.BufferedReader(io.BytesIO(body))  # type: ignore[arg-type]
    assert next(jsonl_rows(stream, "x")) == (1, {"a": 1})  # type: ignore[arg-type]
    assert stream.tell() < len(body) / 2


def test_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1}\n\n{"a": \n')
    with pytest.raises(UserError, match=r"rows.jsonl:3: not JSON"):
        list(read_jsonl(path))


def test_json_refuses_nan_and_sorts() -> None:
    assert to_json({"b": 1, "a": 2}, indent=None) == '{"a": 2, "b": 1}'
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(float("nan"))


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_objects_come_from_lines_or_from_one_array(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "rows.json"
    for text in (
        '\ufeff[\n {"a": 1},\n {"a":\n 2}\n]\n',
        '\ufeff{"a": 1}\n\n{"a": 2}\n',
        ' [{"a":1},{"a":2}]',
    ):
        path.write_bytes(pack(text.encode()))
        assert [row["a"] for _, row in read_objects(path)] == [1, 2]
    path.write_bytes(pack(b'[\n {"a": 1},\n {"a": 2}]'))
    assert [line for line, _ in read_objects(path)] == [2, 3]
    path.write_bytes(pack(b" [ ] "))
    assert list(read_objects(path)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}\n, 5]', r"rows:2: expected a JSON array of objects"),
        ('[{"a": 1}\n {"a": 2}]', r"rows:1: not JSON: no ',' or '\]'"),
        ('[{"a": 1}', "not JSON"),
        ('[{"a": 1}] more', "text behind the array"),
        ('[{"a": 1},\n{"a": ' + "9" * 5000 + "}]", r"rows:2: not JSON: a number has too many digits"),
        ('{"a": ' + "9" * 5000 + "}", r"rows:1: not JSON: a number has too many digits"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "[" * 100_000, "nested too deeply"),
        ("[", "not JSON"),
    ],
)
def test_rows_that_are_no_json_are_named_with_their_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "rows"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        list(read_objects(path))


@pytest.mark.parametrize("text", ["[1, " + "9" * 5000 + "]", "[" * 100_000, "[1", ""])
def test_json_that_cannot_be_read_is_one_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"x\.json:1: not JSON"):
        read_json(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path) == [1]
    assert read_text(path) == "[1]"
    assert list(text_lines(path)) == ["[1]"]


@pytest.mark.parametrize("row", [b"\0" * (1 << 20), b'{"a": "' + b"a" * (1 << 20) + b'"}\n'])
def test_a_gzip_bomb_ends_with_an_error_in_bounded_memory(tmp_path: Path, row: bytes) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb") as file:
        for _ in range(256):
            file.write(row)
    limit = max(64 << 20, 100 * path.stat().st_size)
    readers: list[Callable[[Path], object]] = [
        read_text,
        read_json,
        lambda p: deque(read_jsonl(p), 0),
        lambda p: deque(read_objects(p), 0),
        lambda p: deque(text_lines(p), 0),
    ]
    for read in readers:
        tracemalloc.start()
        with pytest.raises(UserError, match=r"unpacks to more than|a line of more than"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * limit
        tracemalloc.stop()
