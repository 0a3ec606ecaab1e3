"""Files that unpack to far more than they are: each verb refuses them, in little memory."""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.limited import Job, Limited

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space")


def packed(row: bytes, times: int) -> bytes:
    """gzip of a row of 1 MiB, over and over, about 1,000 times smaller."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    first = packer.compress(row) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(row) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (times - 1) + packer.flush()


def a_row(**fields: Any) -> bytes:
    """One JSON line of about 1 MiB."""
    return json.dumps({**fields, "more": " " * (1 << 20)}).encode() + b"\n"


def wide(names: tuple[str, ...], rows: int, text: int, **metadata: str) -> Callable[[Path], None]:
    """A Parquet file of a few kilobytes: one long text in every row of every column."""

    def write(path: Path) -> None:
        codes = pa.array([0]).take(pa.array([0] * rows))
        column = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), pa.array(["x" * text]))
        table = pa.table(dict.fromkeys(names, column)).replace_schema_metadata(metadata or None)
        pq.write_table(table, path, compression="zstd", write_statistics=False)

    return write


def written(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(3 << 30)


OUTCOME = {"student": "a", "task": "t", "item": "i", "score": 1}
ALIASES = "a0: &a0 {k: x}\n" + "".join(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}\n" for n in range(1, 30))
EXPORT = ("key", "problem", "teacher", "prompt", "sampling", "status", "text")
FILES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a line of 3 GB": ("b.jsonl.gz", written(packed(b"\0" * (1 << 20), 3000))),
    "3,000 rows of 1 MB": ("b.jsonl.gz", written(packed(a_row(**OUTCOME, response="4", answer="4"), 3000))),
    "a table of 3 GB": ("b.csv.gz", written(packed(b"student,task,item,score\n" * (1 << 15), 3000))),
    "an array of 3 GB": ("b.json.gz", written(packed(b"[" + b" " * (1 << 20), 3000))),
    "Parquet, 200 texts of 20 MB": ("b.parquet", wide(tuple(OUTCOME), 200, 20 << 20)),
    "Parquet, 10,000,000 rows": ("b.parquet", wide(tuple(OUTCOME), 10_000_000, 1)),
    "an export in Parquet, 400 texts of 20 MB": (
        "b.parquet", wide(EXPORT, 400, 20 << 20, schema="smallsteps.samples/1"),
    ),
    "YAML aliases": ("b.yaml", written(ALIASES.encode())),
    "YAML of 3 GB of zeros": ("b.yaml", sparse),
}  # fmt: skip
VERBS: dict[str, tuple[str, ...]] = {
    "score": ("score", "{file}"),
    "compare": ("compare", "{file}", "{file}"),
    "gate": ("gate", "{file}", "--against", "{file}", "--margin", "2"),
    "teach --import": ("teach", "--import", "{file}", "--out", "{out}"),
    "recipes check": ("recipes", "check", "{file}"),
    "recipes plan": ("recipes", "plan", "{file}"),
    "tasks check": ("tasks", "check", "{folder}"),
    "eval of own tasks": ("eval", "gone", "--tasks", "{file}", "--out", "{out}"),
}
LINES = ("score", "compare", "gate", "teach --import")
CASES = [
    (verb, name)
    for name, (file, _) in FILES.items()
    for verb in VERBS
    if (verb not in LINES) == name.startswith("YAML") and not (verb == "score" and ".parquet" in file)
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], tuple[int, str]]:
    """Exit code and standard error of every case."""
    places: dict[str, dict[str, Path]] = {}
    for name, (file, write) in FILES.items():
        folder = tmp_path_factory.mktemp("bomb")
        write(folder / file)
        places[name] = {"file": folder / file, "folder": folder, "out": tmp_path_factory.mktemp("out")}
    asked = [[text.format(**places[name]) for text in VERBS[verb]] for verb, name in CASES]
    limited = Limited("smallsteps.corpora.teach", "smallsteps.outcomes.readers", "smallsteps.studies.recipe")
    rows = [limited.run(Job(arguments, seconds=60)) for arguments in asked]
    limited.close()
    return {case: (done.code, done.err) for case, done in zip(CASES, rows, strict=True)}


@pytest.mark.parametrize(("verb", "name"), CASES)
def test_a_bomb_is_refused_in_little_memory(
    verb: str, name: str, said: dict[tuple[str, str], tuple[int, str]]
) -> None:
    code, text = said[verb, name]
    assert 64 <= code < 71, text[-2000:]
    assert "memory" not in text
    assert "defect" not in text
