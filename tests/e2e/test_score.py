"""`smallsteps score` as a user runs it: a process, files, standard input, exit codes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

GOOD: list[dict[str, Any]] = [
    {"id": "a", "response": "9 * 2 = 18. The answer is 18.", "answer": "18", "kind": "number"},
    {"id": 2, "response": "The answer is $17.00.", "answer": 18, "kind": "number"},
    {"response": "I do not know.", "answer": "yes", "kind": "boolean"},
    {"response": "(B)", "answer": "dark", "kind": "choice", "choices": ["shelf", "dark"]},
]
WANT = [("right", "right"), ("unparsed", "wrong"), ("unparsed", "unparsed"), ("right", "right")]


def smallsteps(*arguments: str, stdin: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    program = [sys.executable, "-c", "from smallsteps.cli import main; main()", *arguments]
    return subprocess.run(program, input=stdin, capture_output=True, timeout=60, check=False)


def jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def verdicts(output: bytes) -> list[tuple[str, str]]:
    return [(row["strict"], row["flexible"]) for row in map(json.loads, output.splitlines())]


def test_a_file_plain_gzipped_and_from_standard_input(tmp_path: Path) -> None:
    plain, zipped = tmp_path / "rows.jsonl", tmp_path / "rows.jsonl.gz"
    plain.write_bytes(jsonl(GOOD))
    zipped.write_bytes(gzip.compress(jsonl(GOOD)))
    runs = [
        smallsteps("score", str(plain)),
        smallsteps("score", str(zipped)),
        smallsteps("score", "-", stdin=b"\n" + jsonl(GOOD)),
    ]
    for run in runs:
        assert run.returncode == 0, run.stderr
        assert run.stderr == b""
        assert run.stdout == runs[0].stdout
    rows = [json.loads(line) for line in runs[0].stdout.splitlines()]
    assert verdicts(runs[0].stdout) == WANT
    assert [row.get("id") for row in rows] == ["a", 2, None, None]
    assert "id" not in rows[2]
    assert rows[1]["extracted"] == "17"
    assert rows[0]["rules"] == {"strict": "strict-1", "flexible": "flexible-3"}


def test_gzip_on_standard_input_and_a_byte_order_mark(tmp_path: Path) -> None:
    marked = tmp_path / "marked.jsonl"
    marked.write_bytes(b"\xef\xbb\xbf" + jsonl(GOOD))
    for run in (
        smallsteps("score", "-", stdin=gzip.compress(jsonl(GOOD))),
        smallsteps("score", "-", stdin=marked.read_bytes()),
        smallsteps("score", str(marked)),
    ):
        assert run.returncode == 0, run.stderr
        assert verdicts(run.stdout) == WANT


def test_a_reader_that_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(jsonl(GOOD[:1] * 2000))
    program = f"{sys.executable} -c 'from smallsteps.cli import main; main()' score {path} | head -1"
    script = f'{program}; echo "codes ${{PIPESTATUS[*]}}"'
    run = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=False)
    assert run.stdout.endswith(b"codes 0 0\n")
    assert run.stdout.count(b"\n") == 2
    assert run.stderr == b""


def test_a_bad_row_names_its_line_and_keeps_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for bad, message in [
        (b'{"response": "18", "answer": "18"}\n', "missing key 'kind'"),
        (b'{"response": "18", "answer": "18", "kind": "numbr"}\n', "did you mean 'number'?"),
        (b'{"response": "18", \n', "not JSON"),
        (b"[1, 2]\n", "expected a JSON object"),
    ]:
        path.write_bytes(jsonl(GOOD[:2]) + b"\n" + bad + jsonl(GOOD))
        for run in (smallsteps("score", str(path)), smallsteps("score", "-", stdin=path.read_bytes())):
            assert run.returncode == 65
            assert verdicts(run.stdout) == WANT[:2]
            error = run.stderr.decode()
            assert message in error
            assert ":4" in error
            assert "Traceback" not in error


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    run = smallsteps("score", str(tmp_path / "none.jsonl"))
    assert run.returncode == 66
    assert b"no such file" in run.stderr
    run = smallsteps("score", "-", stdin=jsonl(GOOD[:1]) + b"\xff\xfe\n")
    assert run.returncode == 65
    assert b"standard input:2: not UTF-8" in run.stderr
    assert verdicts(run.stdout) == WANT[:1]


def test_lone_surrogates_and_nul_pass_through() -> None:
    row = b'{"response": "\\ud800\\u0000", "answer": "x", "kind": "text"}\n'
    run = smallsteps("score", "-", stdin=row)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["flexible"] == "wrong"


def test_summary_and_help() -> None:
    run = smallsteps("score", "--summary", "-", stdin=jsonl(GOOD))
    assert run.stderr.decode().splitlines() == [
        "standard input: 4 rows scored",
        "  strict-1: 2 right, 0 wrong, 2 unparsed (50.0 % right)",
        "  flexible-3: 2 right, 1 wrong, 1 unparsed (50.0 % right)",
    ]
    assert verdicts(run.stdout) == WANT
    text = smallsteps("score", "--help").stdout.decode()
    assert "standard input" in text
    assert "number, choice" in text


def test_integers_and_nesting_beyond_pythons_limits_are_one_error(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for bad, message in [
        (
            b'{"response": "x", "kind": "number", "answer": ' + b"9" * 5000 + b"}\n",
            "an integer of more than 4300 digits",
        ),
        (
            b'{"response": "x", "kind": "number", "answer": "' + b"9" * 5000 + b'"}\n',
            "'answer' is not a number",
        ),
        (b'{"response": "x", "kind": "number", "answer": 1, "id": ' + b"9" * 5000 + b"}\n", "4300 digits"),
        (b'{"response": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "nested too deeply"),
    ]:
        path.write_bytes(jsonl(GOOD[:2]) + bad)
        run = smallsteps("score", str(path))
        assert run.returncode == 65
        assert verdicts(run.stdout) == WANT[:2]
        first, *error = run.stderr.decode().splitlines()
        assert first == f"{path}: scored the 2 rows before the error below"
        assert len(error) == 2, error
        assert f"{path}:3: " in error[0]
        assert message in error[0]


def test_responses_beyond_the_limits_are_scored(tmp_path: Path) -> None:
    rows = [
        {"response": "9" * 5000, "answer": "9", "kind": "number"},
        {"response": "[" * 100_000, "answer": "9", "kind": "number"},
    ]
    run = smallsteps("score", "-", stdin=jsonl(rows))
    assert run.returncode == 0, run.stderr
    assert verdicts(run.stdout) == [("unparsed", "unparsed")] * 2
