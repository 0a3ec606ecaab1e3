"""Filling a data directory from a server on this machine: resumed, checked, converted, recorded."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from smallsteps.errors import UserError
from smallsteps.problems import load_benchmark, load_problems
from smallsteps.problems.benchmark import DataFile
from smallsteps.problems.convert import converted
from smallsteps.problems.fetch import fetch
from smallsteps.problems.verify import RECORD, verify

ROWS = [{"iIndex": n, "sQuestion": f"What is {n}?", "lSolutions": [float(n)]} for n in range(400)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
BODY = """\
files:
  all: {{path: toy/all.jsonl.gz, rows: {rows}, sha256: {sha}, url: "{url}"}}
splits:
  test: {{file: all, rows: {rows}}}
"""


class Server(ThreadingHTTPServer):
    """Serves `contents`; with `cut` set, the connection closes after so many bytes."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents: dict[str, bytes] = {}
        self.cut: int | None = None
        self.seen: list[tuple[str, str | None]] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.seen.append((self.path, wanted))
        content = self.server.contents.get(self.path)
        if content is None:
            self.send_error(404)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) if self.server.cut is None else self.server.cut
        self.wfile.write(content[start:end])

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def toy(make_benchmark: Callable, server: Server) -> Path:
    server.contents["/all.jsonl"] = LINES
    sha = hashlib.sha256(LINES).hexdigest()
    return make_benchmark("toy", "multiarith", BODY.format(rows=400, sha=sha, url=server.url("/all.jsonl")))


def test_what_was_fetched_verifies_and_loads(toy: Path, tmp_path: Path) -> None:
    to = tmp_path / "fresh"
    assert fetch(load_benchmark("toy", toy), to, folder=toy) == []
    assert [check.state for check in verify(load_benchmark("toy", toy), to, toy)] == ["ok"]
    assert len(load_problems("toy", "test", to, folder=toy)) == 400
    assert gzip.decompress((to / "toy/all.jsonl.gz").read_bytes()) == LINES
    assert not (to / ".partial").exists()


def test_an_interrupted_download_goes_on_where_it_stopped(toy: Path, tmp_path: Path, server: Server) -> None:
    to = tmp_path / "fresh"
    server.cut = 5000
    with pytest.raises(UserError, match="run the same command again"):
        fetch(load_benchmark("toy", toy), to, folder=toy)
    assert not (to / "toy").exists()
    server.cut = None
    fetch(load_benchmark("toy", toy), to, folder=toy)
    assert server.seen == [("/all.jsonl", None), ("/all.jsonl", "bytes=5000-")]
    assert [check.state for check in verify(load_benchmark("toy", toy), to, toy)] == ["ok"]


def test_files_that_verify_are_left_alone(toy: Path, tmp_path: Path, server: Server) -> None:
    to = tmp_path / "fresh"
    fetch(load_benchmark("toy", toy), to, folder=toy)
    fetch(load_benchmark("toy", toy), to, folder=toy)
    assert len(server.seen) == 1


def test_other_bytes_than_recorded_are_refused_and_not_kept(
    toy: Path, tmp_path: Path, server: Server
) -> None:
    server.contents["/all.jsonl"] = LINES.replace(b"What is 7?", b"What is 8?")
    to = tmp_path / "fresh"
    with pytest.raises(UserError, match="other bytes than recorded"):
        fetch(load_benchmark("toy", toy), to, folder=toy)
    assert not (to / "toy").exists()
    assert not (to / ".partial").exists()


def test_a_missing_page_is_one_error_with_the_address(toy: Path, tmp_path: Path, server: Server) -> None:
    server.contents.clear()
    with pytest.raises(UserError, match=r"all\.jsonl: cannot fetch: HTTP 404"):
        fetch(load_benchmark("toy", toy), tmp_path / "fresh", folder=toy)


def test_no_connection_is_one_error(make_benchmark: Callable, tmp_path: Path) -> None:
    folder = make_benchmark(
        "toy", "multiarith", BODY.format(rows=1, sha="f" * 64, url="http://127.0.0.1:9/x")
    )
    with pytest.raises(UserError, match="cannot fetch"):
        fetch(load_benchmark("toy", folder), tmp_path / "fresh", folder=folder)


def test_a_file_without_source_is_reported_with_its_note(make_benchmark: Callable, tmp_path: Path) -> None:
    body = "files:\n  all: {path: toy/all.jsonl, note: ask the authors}\nsplits:\n  test: {file: all}\n"
    folder = make_benchmark("toy", "multiarith", body)
    assert fetch(load_benchmark("toy", folder), tmp_path, folder=folder) == ["toy/all.jsonl: ask the authors"]


def test_rows_of_the_hub_are_written_and_recorded(
    make_benchmark: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """\
hub: {id: someone/toy, revision: abc}
files:
  all: {path: toy/all.jsonl, rows: 400, hub: {split: train}}
splits:
  test: {file: all, rows: 400}
"""
    folder = make_benchmark("toy", "multiarith", body)
    asked = []

    def rows(hub: object, file: object) -> Iterator[tuple[str, dict]]:
        asked.append((hub.id, hub.revision, file.split))  # type: ignore[attr-defined]
        yield from (("row", row) for row in ROWS)

    monkeypatch.setattr("smallsteps.problems.fetch.hub_rows", rows)
    fetch(load_benchmark("toy", folder), tmp_path, folder=folder)
    assert asked == [("someone/toy", "abc", "train")]
    record = json.loads((tmp_path / RECORD).read_text())["files"]["toy/all.jsonl"]
    assert (record["hub"], record["revision"]) == ("someone/toy", "abc")
    assert [check.state for check in verify(load_benchmark("toy", folder), tmp_path, folder)] == ["ok"]
    (tmp_path / "toy/all.jsonl").write_bytes(LINES.replace(b"What is 7?", b"What is 8?"))
    assert [check.state for check in verify(load_benchmark("toy", folder), tmp_path, folder)] == ["differs"]


@pytest.mark.parametrize(
    ("file", "raw", "rows"),
    [
        (DataFile(path="x", shape="json"), b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (DataFile(path="x", shape="json"), b'{"examples": [{"a": 1}]}', [{"a": 1}]),
        (DataFile(path="x", shape="json", records="data", skip=1), b'{"data": [{}, {"a": 1}]}', [{"a": 1}]),
        (DataFile(path="x", shape="json", keyed="name"), b'{"one": {"a": 1}}', [{"name": "one", "a": 1}]),
        (DataFile(path="x", shape="tsv"), b'A\tB\n"x\ty""\n', [{"A": '"x', "B": 'y""'}]),
        (
            DataFile(path="x", shape="asdiv_xml"),
            b'<S><Problem ID="1" Grade="2"><Body> B. </Body><T u="v">S</T></Problem></S>',
            [{"ID": "1", "Grade": "2", "Body": "B.", "T": "S", "T.attributes": {"u": "v"}}],
        ),
    ],
)
def test_conversion_changes_the_layout_and_no_value(file: DataFile, raw: bytes, rows: list[dict]) -> None:
    assert [json.loads(line) for line in converted(file, {"": raw}).splitlines()] == rows


@pytest.mark.parametrize("shape", ["json", "tsv", "asdiv_xml"])
def test_another_layout_than_said_is_one_error(shape: str) -> None:
    file = DataFile(path="x", shape=shape, url="http://example.org/x")  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"example\.org/x: the source's file is not in the expected"):
        converted(file, {"": b"<html>not here\tat all</html>\nx"})


def test_index_lists_are_joined_from_their_files() -> None:
    file = DataFile(path="x", shape="splits", members=["svamp__default"])
    raw = {"svamp__default": b'{"train": [0, 2], "test": [1]}'}
    assert [json.loads(line) for line in converted(file, raw).splitlines()] == [
        {"dataset": "svamp", "scheme": "default", "split": "train", "indices": [0, 2]},
        {"dataset": "svamp", "scheme": "default", "split": "test", "indices": [1]},
    ]


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("svamp/svamp.jsonl", lambda rows: rows),
        ("coin_flip/test.jsonl", lambda rows: {"examples": rows}),
        ("strategyqa/dev.jsonl", lambda rows: rows),
    ],
)
def test_conversion_gives_the_very_bytes_that_are_recorded(name: str, wrap: Callable, data_dir: Path) -> None:
    content = (data_dir / name).read_bytes()
    rows = [json.loads(line) for line in content.splitlines()]
    assert converted(DataFile(path=name, shape="json"), {"": json.dumps(wrap(rows)).encode()}) == content
