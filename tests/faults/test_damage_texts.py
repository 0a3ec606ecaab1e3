"""Text fields with control characters, surrogates, NUL, a megabyte of one pattern: kept, in linear time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from damage_cases import DESIGN, make_model

from smallsteps.corpora.corpus import Corpus, corpus_hash, read_corpus, write_corpus
from smallsteps.errors import UserError
from smallsteps.evaluation.store import ChunkStore
from smallsteps.files import read_json, write_json
from smallsteps.gate.state import open_state
from smallsteps.problems import Rationale
from smallsteps.students import Student, read_student, write_student

HOSTILE = "a\x1b]0;PWN\x07 \x00 \ud800 \u202e \ufffe \x9b 'b' \"c\" \\ <script>"


def student(folder: Path, text: str) -> str:
    if not (folder / "model").exists():
        make_model(folder / "model")
    write_student(folder, Student(text, "cot", {"model": "model"}, base=text))
    return read_student(folder).name


def rationale(folder: Path, text: str) -> str:
    rows = (Rationale("p", text, text, True),)
    write_corpus(folder, Corpus(rows, corpus_hash(rows), {"title": text}, {}))
    return read_corpus(folder).rationales[0].text


def response(folder: Path, text: str) -> str:
    store = ChunkStore(folder, {"weights": text})
    store.write("k", [text])
    return str(store.read("k")[0])  # type: ignore[index]


def item(folder: Path, text: str) -> str:
    folder.mkdir(exist_ok=True)
    (folder / "g.json").unlink(missing_ok=True)
    state = open_state(folder / "g.json", DESIGN)
    state.tasks["svamp"].scores = {text: 1.0}
    state.save()
    return next(iter(open_state(folder / "g.json", DESIGN).tasks["svamp"].scores))


def plain(folder: Path, text: str) -> str:
    write_json(folder / "a.json", {text: text})
    return str(next(iter(read_json(folder / "a.json"))))


FIELDS = (student, rationale, response, item, plain)


@pytest.mark.parametrize("field", FIELDS)
def test_hostile_text_is_kept_as_it_is(field: Callable[[Path, str], str], tmp_path: Path) -> None:
    assert field(tmp_path / "x", HOSTILE) == HOSTILE


@pytest.mark.parametrize("pattern", ["a", "\x1b", "\ud800", "\\", "é", "\n"])
@pytest.mark.parametrize("field", FIELDS)
def test_a_megabyte_takes_linear_time(
    field: Callable[[Path, str], str], pattern: str, tmp_path: Path
) -> None:
    def seconds(size: int) -> float:
        began = time.process_time()
        assert field(tmp_path / "x", pattern * size) == pattern * size
        return time.process_time() - began

    seconds(10)
    short = max(seconds(1 << 18), 0.01)
    assert seconds(1 << 20) < 16 * short + 0.5  # four times as much text


def test_errors_show_hostile_text(tmp_path: Path) -> None:
    error = UserError(HOSTILE, where=HOSTILE, fix=HOSTILE)
    shown = str(error)
    assert shown.replace("\n", "").isprintable()
    assert "\\u001b]0;PWN\\u0007" in shown
