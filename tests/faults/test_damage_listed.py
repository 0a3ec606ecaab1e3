"""Plugins, the models directory and exports: what someone else made of them ends in one sentence."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from damage_cases import make_model

from smallsteps.extensions import ENVIRONMENT
from smallsteps.integrity import digests
from smallsteps.students import Student, hash_weights, write_student
from smallsteps.students.fetching import listing
from smallsteps.students.offline import RECORD, RECORD_SCHEMA
from support.commands import call


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(1)", "SystemExit: 1"),
        ("import sys; sys.exit('bye')", "SystemExit: bye"),
        ("class Own(BaseException): pass\nraise Own('x')", "Own: x"),
        ("raise ValueError('\\x1b]0;PWN\\x07')", "ValueError: \\u001b]0;PWN\\u0007"),
        ("def (", "SyntaxError"),
        ("a\0b", "null bytes"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_one_error(
    code: str, words: str, tmp_path: Path, repository: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that ends the process had ended the command without a word."""
    monkeypatch.setenv(ENVIRONMENT, "")
    (tmp_path / "own.py").write_text(code)
    recipe = repository / "baselines" / "micro" / "cot.yaml"
    code_, _, said = call(capsys, "recipes", "check", recipe, "--plugin", tmp_path / "own.py")
    assert code_ == 64
    assert "cannot import" in said
    assert words in said
    assert "defect" not in said


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A models directory with a whole model and one whose record the test changes."""
    for name in ("good", "odd"):
        folder = tmp_path / "models" / "own" / name
        make_model(folder)
        record = {"schema": RECORD_SCHEMA, "id": f"own/{name}", "revision": "main", "commit": "c" * 40}
        (folder / RECORD).write_text(json.dumps({**record, "files": digests(folder)}))
    return tmp_path / "models"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"commit": 5}, "fetched.json: the record of this model's fetch is damaged"),
        ({"commit": ["a"]}, "fetched.json: the record of this model's fetch is damaged"),
        ({"revision": 7}, "fetched.json: the record of this model's fetch is damaged"),
        ({"files": 5}, "fetched.json: the record of this model's fetch is damaged"),
        ({"files": {}}, "unrecorded"),
        ({"files": {"../../x": "a"}}, "../../x is no file of this folder"),
        ({"files": {"a\0": "b"}}, "a\0 is no file of this folder"),
        ({"files": {"x" * 5000: "b"}}, f"{'x' * 200} cannot be read (File name too long)"),
        ({"files": {"README.md": "b"}}, "README.md is missing"),
        ({"schema": "x"}, "fetched.json: schema is 'x', expected 'smallsteps.model/1'"),
        (None, "fetched.json: not JSON: nested too deeply"),
    ],
)  # fmt: skip
def test_a_damaged_record_is_a_line_and_hides_no_other_model(
    changes: dict[str, Any] | None, state: str, models: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SMALLSTEPS_MODELS", raising=False)
    path = models / "own" / "odd" / RECORD
    record = json.loads(path.read_text())
    path.write_text("[" * 100_000 if changes is None else json.dumps({**record, **changes}))
    assert [row.state for row in listing(models)] == ["whole", state]
    code, out, said = call(capsys, "models", "ls", "--models", models)
    assert code == (0 if state == "unrecorded" else 1), said
    assert "own/good" in out


def test_a_file_that_the_fetch_did_not_bring_is_named(models: Path) -> None:
    (models / "own" / "odd" / "chat_template.jinja").write_text("{{ x }}")
    assert [row.state for row in listing(models)] == ["whole", "chat_template.jinja is not in fetched.json"]


NAME = "x\n---\n# <script>alert(1)</script>\x1b]0;PWN\x07"


def test_the_card_of_an_export_is_one_document(tmp_path: Path, capsys: Any) -> None:
    """A name cannot end the YAML head of the model card, nor bring markup or control characters."""
    import yaml

    folder = tmp_path / "student"
    make_model(folder / "model")
    weights = {"model": hash_weights(folder / "model")}
    write_student(folder, Student(NAME, "cot", {"model": "model"}, base=NAME, weights=weights))
    code, out, said = call(capsys, "export", folder, "--to", tmp_path / "to")
    assert code == 0, said
    assert "\x1b" not in out + said
    card = (tmp_path / "to" / "README.md").read_text()
    assert "\x1b" not in card
    head, _, body = card.removeprefix("---\n").partition("\n---\n")
    assert "<script>" not in re.sub("`[^`]*`", "", body)  # in code it is text
    assert isinstance(yaml.safe_load(head), dict)


@pytest.mark.parametrize("to", ["student", "student/model/inside", "student/../student/x", "file", "/proc/x"])
def test_an_export_leaves_the_student_alone(to: str, tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "student"
    make_model(folder / "model")
    (tmp_path / "file").write_text("x")
    weights = {"model": hash_weights(folder / "model")}
    write_student(folder, Student("cot", "cot", {"model": "model"}, weights=weights))
    code, _, said = call(capsys, "export", folder, "--to", tmp_path / to)
    assert code >= 64, said
    assert "defect" not in said
    assert call(capsys, "check", folder)[0] == 0
