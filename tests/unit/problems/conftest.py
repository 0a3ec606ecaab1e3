"""A small tasks folder and data directory of one's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEAD = """\
schema: 1
name: {name}
title: A test
version: 1
role: target
suite: math
kind: {kind}
licence: made up
citation: none
reader: {reader}
"""


@pytest.fixture
def make_benchmark(tmp_path: Path) -> Callable[..., Path]:
    """Write tasks/<name>/benchmark.yaml and return the tasks folder."""

    def make(name: str, reader: str, body: str, kind: str = "number") -> Path:
        folder = tmp_path / "tasks"
        (folder / name).mkdir(parents=True, exist_ok=True)
        text = HEAD.format(name=name, reader=reader, kind=kind) + body + "\nvariants:\n  question: {}\n"
        (folder / name / "benchmark.yaml").write_text(text)
        return folder

    return make


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def write_rows(data: Path) -> Callable[..., Path]:
    def write(name: str, *rows: Any) -> Path:
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write
