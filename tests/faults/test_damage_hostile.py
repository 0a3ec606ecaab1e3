"""Recipes, students, tasks and runs of someone else: refused with one error, before they do anything."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from damage_cases import RECIPE, make_model, make_run

from smallsteps.cli import main
from smallsteps.config import read_yaml
from smallsteps.engines.headers import check_architecture
from smallsteps.engines.loading import load_engine
from smallsteps.errors import UserError
from smallsteps.evaluation.task_code import TRUST, refuse_code
from smallsteps.files import read_object, sha256_file
from smallsteps.gate.state import only_gate
from smallsteps.integrity import write_sealed
from smallsteps.outcomes.readers import load
from smallsteps.students import Student, hash_weights, read_student, write_student
from smallsteps.students.card import ALLOW_OUTSIDE
from smallsteps.studies.check import check_folder
from smallsteps.studies.recipe import load_recipe
from support.stages import NoteStage

BOMB = "a0: &a0 {k: x}\n" + "".join(f"a{n}: &a{n} {{p: *a{n - 1}, q: *a{n - 1}}}\n" for n in range(1, 30))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "more than 20,000 values"),
        ("a: &a [*a]\n", "more than 50 levels"),
        ("b: 1\na: " + "[" * 5000 + "]" * 5000, ":2: malformed YAML: nested more than 50 levels"),
        ("b: 1\nc: a\0\n", ":2: malformed YAML: the character U+0000"),
        ("? {a: b}\n: 1\n", ":1: a key must be a text"),
        ("? [a]\n: 1\n", ":1: a key must be a text"),
        (RECIPE + "title: " + "9" * 10_000, ":6: malformed YAML: a number has too many digits"),
        ("a: !!timestamp 2024-99-99\n", ":1: malformed YAML"),
        ("a: !!python/object/apply:os.system [id]\n", ":1: malformed YAML"),
        ("x" * (1 << 20) + ": 1\n", "larger than 1,048,576 bytes"),
    ],
)  # fmt: skip
def test_hostile_yaml_is_one_error_with_its_line(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_recipe(path)
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_dates_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("title: 2024-99-99\n")
    assert read_yaml(tmp_path / "a.yaml").data == {"title": "2024-99-99"}


@pytest.mark.parametrize(
    "name", ["/dev/zero", "/etc/passwd", "../../b.yaml", "secret.txt", ".hidden.yaml", "a\\0b"]
)
def test_extends_keeps_to_its_tree_and_prints_nothing_of_other_files(name: str, tmp_path: Path) -> None:
    own = tmp_path / "x" / "y"
    own.mkdir(parents=True)
    for path in (tmp_path / "b.yaml", own / "secret.txt", own / ".hidden.yaml"):
        path.write_text("password: SECRET\n")
    (own / "a.yaml").write_text(f'extends: "{name}"\n' + RECIPE)
    with pytest.raises(UserError) as caught:
        load_recipe(own / "a.yaml")
    assert "SECRET" not in str(caught.value)
    assert "'extends'" in str(caught.value)


def test_extends_by_a_link_does_not_leave_the_tree(tmp_path: Path) -> None:
    own = tmp_path / "x" / "y"
    own.mkdir(parents=True)
    (tmp_path / "b.yaml").write_text("password: SECRET\n")
    (own / "link.yaml").symlink_to(tmp_path / "b.yaml")
    (own / "a.yaml").write_text("extends: link.yaml\n" + RECIPE)
    with pytest.raises(UserError, match="may not name"):
        load_recipe(own / "a.yaml")


@pytest.mark.parametrize(
    "source", ["smallsteps.cli.main:main", "os:system", "smallsteps.files:write_atomic", "x"]
)
def test_a_recipe_names_registered_makers_only(source: str, tmp_path: Path) -> None:
    text = RECIPE.replace(
        "corpus: {benchmark: micro_problems, limit: 5}", f"examples: {{source: '{source}'}}"
    )
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(UserError, match=f"unknown example maker '{source}'"):
        load_recipe(tmp_path / "a.yaml")


@pytest.fixture
def student(tmp_path: Path) -> Path:
    """A student directory."""
    folder = tmp_path / "student"
    make_model(folder / "model")
    weights = {"model": hash_weights(folder / "model")}
    write_student(folder, Student("cot", "cot", {"model": "model"}, weights=weights))
    return folder


def with_card(folder: Path, **changes: Any) -> Path:
    """The student with a card that says something else, sealed as a forger would."""
    card = read_object(folder / "student.json")
    del card["digest"]
    write_sealed(folder / "student.json", {**card, **changes})
    return folder


@pytest.mark.parametrize(
    "part", ["/etc", "../other", "evil-org/evil-model", "http://127.0.0.1/x", "a\0b", "link"]
)
def test_parts_outside_the_folder_are_refused(part: str, student: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "other")
    (student / "link").symlink_to(tmp_path / "other")
    with_card(student, parts={"model": part}, weights={}, files={})
    with pytest.raises(UserError) as caught:
        read_student(student)
    assert "outside the student's folder" in str(caught.value) or "is not there" in str(caught.value)


def test_parts_outside_are_loaded_when_allowed(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_model(tmp_path / "other")
    with_card(student, parts={"model": str(tmp_path / "other")}, weights={}, files={})
    monkeypatch.setenv(ALLOW_OUTSIDE, "1")
    assert read_student(student).name == "cot"


@pytest.mark.parametrize(
    "changes",
    [
        {"parts": None}, {"parts": ["model"]}, {"parts": {"model": 5}}, {"parts": {}}, {"name": ["x"]},
        {"training": {"model": 5}, "weights": 5, "versions": []}, {"surprise": 1}, {"seed": "one"},
    ],
)  # fmt: skip
def test_a_card_of_another_form_is_one_error(changes: dict[str, Any], student: Path) -> None:
    with pytest.raises(UserError, match="not a student card"):
        read_student(with_card(student, **changes))


def test_swapped_weights_and_added_files_are_found(student: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    path = student / "model" / "model.safetensors"
    before = path.read_bytes()
    weights = load_file(path)
    save_file({name: torch.zeros_like(value) for name, value in weights.items()}, path, {"format": "pt"})
    with pytest.raises(UserError, match=r"model/model.safetensors is damaged or was changed"):
        read_student(student)
    path.unlink()
    path.write_bytes(before)
    read_student(student)
    (student / "model" / "chat_template.jinja").write_text("{{ x }}")
    with pytest.raises(UserError, match="not on the card"):
        read_student(student)


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 10**9}, {"vocab_size": 10**9}, {"hidden_size": 10**9},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": "many"}, {"max_position_embeddings": 10**12}, {"num_attention_heads": 10**9},
    ],
)  # fmt: skip
def test_absurd_configurations_are_found_before_anything_is_built(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    make_model(tmp_path)
    config = read_object(tmp_path / "config.json")
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    with pytest.raises(UserError, match=next(iter(changes))):
        load_engine(tmp_path, dtype="float32", device="cpu")


def test_an_absurd_architecture_in_a_recipe_is_refused() -> None:
    with pytest.raises(UserError, match="num_hidden_layers"):
        check_architecture({"model_type": "llama", "num_hidden_layers": 10**9})


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "[" * 100_000), ("config.json", "[]"), ("config.json", ""), ("config.json", "\x00"),
        ("tokenizer.json", '{"a":' * 1000 + "1" + "}" * 1000), ("tokenizer.json", "[]"),
        ("tokenizer_config.json", '{"tokenizer_class": "os.system"}'), ("generation_config.json", "[]"),
        ("model.safetensors", "\xff" * 8), ("model.safetensors", ""),
    ],
)  # fmt: skip
def test_broken_files_of_a_model_are_one_error_or_harmless(name: str, content: str, tmp_path: Path) -> None:
    make_model(tmp_path)
    (tmp_path / name).write_text(content, encoding="latin-1")
    harmless = name.startswith(("generation", "tokenizer_config"))  # defaults take their place
    with contextlib.suppress(UserError) if harmless else pytest.raises(UserError):
        load_engine(tmp_path, dtype="float32", device="cpu")


EVIL = "task: evil\ndataset_path: json\ndoc_to_text: '{{question}}'\ndoc_to_target: x\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (EVIL + "process_docs: !function evil.run\n", ":5: process_docs: the function evil.run would run"),
        (EVIL + "process_docs: !function os.system\n", "os.system would run"),
        (EVIL + "include: _common\n", "_common:1"),
        (EVIL.replace("{{question}}", "{{ [].__class__ }}"), ":3: doc_to_text: a template"),
        (EVIL + "process_docs: !function smallsteps.evaluation.docs.dataset\n", None),
        (EVIL, None),
    ],
)  # fmt: skip
def test_code_in_task_files_is_refused_until_trusted(
    text: str,
    found: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "evil.yaml").write_text(text)
    (tmp_path / "evil.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "_common").write_text("process_docs: !function evil.run\n")
    if found is None:
        refuse_code([tmp_path], ["evil"])
        return
    with pytest.raises(UserError) as caught:
        refuse_code([tmp_path], ["evil"])
    assert found in str(caught.value)
    with pytest.raises(SystemExit):
        main(["tasks", "check", str(tmp_path)])
    assert "warning:" in capsys.readouterr().err
    monkeypatch.setenv(TRUST, "1")
    refuse_code([tmp_path], ["evil"])


def test_scores_set_to_one_are_found_by_every_reader(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        make_run(tmp_path / name, name)
    forged = tmp_path / "forged"
    make_run(forged, "b", right=40)
    (tmp_path / "b" / "outcomes.parquet").unlink()
    shutil.copy(forged / "outcomes.parquet", tmp_path / "b" / "outcomes.parquet")
    with pytest.raises(UserError, match=r"outcomes.parquet is damaged or was changed"):
        load([tmp_path / "b"])
    for verb in (["compare"], ["gate", "--margin", "2", "--against"]):
        with pytest.raises(SystemExit) as stopped:
            main([*verb, str(tmp_path / "a"), str(tmp_path / "b")])
        assert int(stopped.value.code or 0) >= 64
        assert "outcomes.parquet is damaged or was changed" in capsys.readouterr().err


def test_a_finished_stage_is_not_taken_for_done_when_a_file_changed(tmp_path: Path) -> None:
    stage = NoteStage(name="x", shaped_by={"a": 1})
    folder = stage.folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "overlap.json").write_text("{}")
    stage.mark_done(tmp_path)
    assert stage.is_done(tmp_path)
    before = (folder / "overlap.json").stat()
    (folder / "overlap.json").unlink()
    (folder / "overlap.json").write_text("[]")  # of the same size and time of change
    os.utime(folder / "overlap.json", ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(UserError) as caught:
        stage.is_done(tmp_path)
    assert f"remove {folder} and run the same command again" in str(caught.value)


def test_two_gates_on_one_state_are_refused(tmp_path: Path) -> None:
    with (
        only_gate(tmp_path / "g.json"),
        pytest.raises(UserError, match="another gate"),
        only_gate(tmp_path / "g.json"),
    ):
        pass


def test_check_says_what_is_wrong(student: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def code(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stopped:
            main(["check", *map(str, arguments)])
        return int(stopped.value.code or 0)

    run = tmp_path / "run"
    make_run(run)
    assert check_folder(run).problems == ()
    assert code(run) == 0
    assert code(student) == 0
    assert "student" in capsys.readouterr().out
    (run / "solutions.jsonl").write_text("changed\n")
    assert code(run, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["kind"], len(found["problems"])) == ("smallsteps.check/1", "run", 1)
    assert "solutions.jsonl" in found["problems"][0]["what"]
    (student / "model" / "config.json").unlink()
    assert code(student) == 1
    assert code(tmp_path / "nothing") >= 64
    (tmp_path / "empty").mkdir()
    assert code(tmp_path / "empty") >= 64


def test_a_manifest_of_an_earlier_version_is_still_checked(tmp_path: Path) -> None:
    make_run(tmp_path)
    manifest = read_object(tmp_path / "manifest.json")
    del manifest["digest"]
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "schema": "smallsteps.run/1"}))
    load([tmp_path])
    manifest["files"]["outcomes.parquet"] = sha256_file(tmp_path / "solutions.jsonl")
    (tmp_path / "manifest.json").write_text(json.dumps({**manifest, "schema": "smallsteps.run/1"}))
    with pytest.raises(UserError, match=r"outcomes.parquet is damaged"):
        load([tmp_path])
