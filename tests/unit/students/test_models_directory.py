"""The models directory: looked up before the hub for every hub id, filled by `models fetch`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.errors import DATA, NO_INPUT, UNAVAILABLE, UserError
from smallsteps.students.fetching import fetch, listing
from smallsteps.students.offline import model_folder, stored_models
from support.commands import call

NAME = "someone/tiny-base"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _no_directory(monkeypatch: Any) -> None:
    """What `--models` sets is undone after each test."""
    monkeypatch.setenv("SMALLSTEPS_MODELS", "")


@pytest.fixture
def models(repository: Path, tmp_path: Path, monkeypatch: Any) -> Path:
    """A models directory that holds the micro base under a hub id."""
    root = tmp_path / "models"
    shutil.copytree(repository / "baselines/micro/base", root / NAME)
    monkeypatch.setenv("SMALLSTEPS_MODELS", str(root))
    return root


@pytest.fixture
def recipe(repository: Path, tmp_path: Path) -> Any:
    def write(base: str) -> Path:
        path = tmp_path / "mine.yaml"
        path.write_text(f"extends: {repository}/baselines/micro/cot.yaml\nbase: {base}\n")
        return path

    return write


def record(folder: Path, **fields: Any) -> None:
    (folder / "fetched.json").write_text(json.dumps({"schema": "smallsteps.model/1", **fields}))


def test_a_hub_id_is_a_folder_of_the_directory(models: Path, monkeypatch: Any) -> None:
    assert model_folder(NAME) == models / NAME
    assert model_folder("someone/else") is None
    assert model_folder("someone") is None  # the folder of an owner is no model
    monkeypatch.delenv("SMALLSTEPS_MODELS")
    assert model_folder(NAME) is None


def test_every_reader_finds_it(models: Path, repository: Path) -> None:
    """Training, evaluation, teachers, encoders and token counts load the same folder, without a hub."""
    from smallsteps.engines.counting import token_counter
    from smallsteps.engines.loading import load_engine
    from smallsteps.engines.sentences import local_encoder
    from smallsteps.evaluation.system import load_system
    from smallsteps.studies.models import identity_of
    from smallsteps.teachers.huggingface import HuggingFaceTeacher, model_name
    from smallsteps.teachers.spec import HuggingFaceSpec
    from smallsteps.training import BaseSpec
    from smallsteps.training.models import hardware, identity, load_model, load_tokenizer
    from smallsteps.training.settings import Optimisation

    beside = str(repository / "baselines/micro/base")
    assert identity_of(NAME) == identity_of(beside)
    base = BaseSpec(path=NAME)
    assert identity(base) == identity(BaseSpec(path=beside))
    chosen = hardware(Optimisation(steps=1, learning_rate=0.1))
    assert load_model(base, load_tokenizer(base), chosen, 1).num_parameters() > 0
    assert load_engine(NAME).context is not None
    system = load_system(NAME)
    assert system.student.base == NAME
    assert system.engines["model"] is not None
    assert system.identity["weights"] == load_system(beside).identity["weights"]
    teacher = HuggingFaceSpec(kind="huggingface", model=NAME)
    assert model_name(teacher).startswith("huggingface:tiny-base:")
    assert HuggingFaceTeacher(teacher)._load()[0] is not None
    assert local_encoder(NAME) == models / NAME
    assert token_counter(NAME)(["one two"])[0] > 0


def test_a_pinned_revision_stays_pinned(models: Path) -> None:
    folder = models / NAME
    assert model_folder(NAME, COMMIT) == folder  # nothing is recorded that contradicts it
    record(folder, commit=COMMIT, revision="main")
    for fitting in (None, COMMIT, COMMIT[:8], "main"):
        assert model_folder(NAME, fitting) == folder
    for other in ("f" * 40, "v2"):
        with pytest.raises(UserError, match="is stored at revision 0123") as wrong:
            model_folder(NAME, other)
        assert "models fetch" in (wrong.value.fix or "")


def test_the_commit_of_a_folder_that_hf_download_filled(models: Path) -> None:
    place = models / NAME / ".cache/huggingface/download"
    place.mkdir(parents=True)
    (place / "config.json.metadata").write_text(f"{COMMIT}\nabc\n1700000000.0\n")
    with pytest.raises(UserError, match="is stored at revision"):
        model_folder(NAME, "f" * 40)
    assert [model.commit for model in stored_models(models)] == [COMMIT]


def test_plan_says_what_the_directory_gives(models: Path, recipe: Any, tmp_path: Path, capsys: Any) -> None:
    record(models / NAME, commit=COMMIT, revision="main")
    path = recipe(f"{{path: {NAME}}}")
    code, out, err = call(capsys, "recipes", "plan", path, "--out", tmp_path / "out")
    assert code == 0
    line = f"'{NAME}' is read from the models directory: {models / NAME} (commit {COMMIT[:12]})"
    assert line in out
    assert line in err
    code, out, _ = call(capsys, "recipes", "plan", path, "--out", tmp_path / "out", "--json")
    assert json.loads(out)["models"][0]["commit"] == COMMIT


def test_a_reference_is_pinned(models: Path, repository: Path, tmp_path: Path) -> None:
    """As a base is: part of the key, refused where another commit is stored, and said."""
    from smallsteps.studies.bases import models_of
    from smallsteps.studies.prepare import prepare

    record(models / NAME, commit=COMMIT, revision="main")
    study = repository / "baselines/micro/smoke.yaml"

    def prepared(*more: str) -> Any:
        return prepare(study, tmp_path / "out", overrides=[f"reference.path={NAME}", *more])

    def content(found: Any) -> Any:
        return next(run.stage.content() for run in found.plan.runs if run.student is None)

    pinned, free = prepared(f"reference.revision={COMMIT}"), prepared()
    assert content(pinned)["revision"] == COMMIT
    assert "revision" not in content(free)
    (said,) = models_of(pinned.recipes.values(), pinned.study, pinned.roots)
    assert said.provenance()["commit"] == COMMIT
    with pytest.raises(UserError, match="is stored at revision 0123"):
        prepared("reference.revision=" + "f" * 40)


def test_a_model_of_the_hub_is_said_with_its_revision() -> None:
    from smallsteps.students.offline import HubModel

    assert "at its newest revision ('revision' pins one)" in HubModel("a/b").words()
    assert HubModel("a/b", COMMIT).words().endswith(f"at revision {COMMIT}")
    assert HubModel("a/b", COMMIT).provenance()["revision"] == COMMIT


def test_the_option_names_the_directory(
    models: Path, recipe: Any, tmp_path: Path, capsys: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("SMALLSTEPS_MODELS", "")  # as `models` sets it
    path = recipe(f"{{path: {NAME}}}")
    arguments = ("recipes", "plan", path, "--out", tmp_path / "out")
    assert call(capsys, *arguments)[0] == NO_INPUT
    assert call(capsys, *arguments, "--models", models)[0] == 0
    code, _, err = call(capsys, *arguments, "--models", tmp_path / "nowhere")
    assert code == NO_INPUT
    assert "no such models directory" in err


@pytest.mark.parametrize("verb", ["plan", "distill", "run"])
@pytest.mark.parametrize(
    ("base", "teacher", "corpus", "key"),
    [
        ("someone/tiny-bass", "kind: oracle", "", "base.path"),
        (NAME, "kind: huggingface, model: someone/tiny-bass", "", "corpus.teacher.model"),
        (
            NAME,
            "kind: oracle",
            "samples: 4, per_problem: 2, filter: diversity, encoder: someone/tiny-bass",
            "corpus.encoder",
        ),
    ],
)
def test_a_model_that_the_directory_lacks(
    models: Path,
    tmp_path: Path,
    capsys: Any,
    monkeypatch: Any,
    verb: str,
    base: str,
    teacher: str,
    corpus: str,
    key: str,
) -> None:
    """Before anything is collected, paid or trained."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"recipe: mine\nscheme: cot\nbase: {{path: {base}}}\n"
        f"corpus: {{benchmark: micro_problems, limit: 8, teacher: {{{teacher}}}, {corpus}}}\n"
        "optimisation: {steps: 1, learning_rate: 0.001}\n"
    )
    command = ("recipes", verb) if verb == "plan" else (verb,)
    code, _, err = call(capsys, *command, path, "--out", tmp_path / "out")
    assert code == NO_INPUT
    assert f"'someone/tiny-bass' is not a folder, not in the models directory {models}" in err
    assert f"did you mean '{NAME}'?" in err
    assert f"mine.yaml:{4 if key.startswith('corpus') else 3}: {key}" in err
    assert not (tmp_path / "out").exists()


def test_a_run_says_where_its_model_came_from(models: Path, tmp_path: Path, capsys: Any) -> None:
    record(models / NAME, commit=COMMIT, revision="main")
    out = tmp_path / "run"
    arguments = ("eval", NAME, "--tasks", "smallsteps_micro", "--limit", 2, "--max-new-tokens", 4)
    code, _, err = call(capsys, *arguments, "--out", out)
    assert code == 0, err
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["models"] == [
        {"id": NAME, "source": "models directory", "commit": COMMIT, "revision": "main"}
    ]
    assert manifest["student"]["base"] == NAME


def snapshot_of(source: Path, commit: str = COMMIT, stop: bool = False) -> Any:
    """What huggingface_hub would do: files into the folder, its own cache beside them."""
    calls: list[tuple[str, str | None]] = []

    def snapshot(name: str, revision: str | None, folder: Path) -> str:
        calls.append((name, revision))
        for path in source.iterdir():
            shutil.copy(path, folder / path.name)
        (folder / ".cache").mkdir(exist_ok=True)
        if stop:
            raise OSError("the connection closed")
        return commit

    snapshot.calls = calls  # type: ignore[attr-defined]
    return snapshot


def test_fetch_writes_a_whole_model_and_its_record(repository: Path, tmp_path: Path, capsys: Any) -> None:
    root = tmp_path / "models"
    snapshot = snapshot_of(repository / "baselines/micro/base")
    assert "fetched, commit 0123456789ab" in fetch("someone/new", root, None, snapshot)
    assert not (root / ".partial").exists()
    assert not (root / "someone/new/.cache").exists()
    (row,) = listing(root)
    assert (row.id, row.commit, row.state) == ("someone/new", COMMIT, "whole")
    assert "already there" in fetch("someone/new", root, None, snapshot)
    assert len(snapshot.calls) == 1
    with pytest.raises(UserError, match="is there at revision main, not v2"):
        fetch("someone/new", root, "v2", snapshot)
    code, out, _ = call(capsys, "models", "ls", "--models", root, "--json")
    assert code == 0
    assert json.loads(out)["models"][0]["id"] == "someone/new"


def test_a_damaged_model_is_listed_as_such(repository: Path, tmp_path: Path, capsys: Any) -> None:
    root = tmp_path / "models"
    fetch("someone/new", root, None, snapshot_of(repository / "baselines/micro/base"))
    (root / "someone/new/config.json").write_text("{}")
    code, out, _ = call(capsys, "models", "ls", "--models", root)
    assert code == 1
    assert "config.json is damaged" in out


def test_an_interrupted_fetch_leaves_no_half_model(repository: Path, tmp_path: Path) -> None:
    root = tmp_path / "models"
    source = repository / "baselines/micro/base"
    with pytest.raises(UserError, match="the connection closed"):
        fetch("someone/new", root, None, snapshot_of(source, stop=True))
    assert listing(root) == []
    assert (root / ".partial/someone--new/config.json").exists()  # what came is kept
    fetch("someone/new", root, None, snapshot_of(source))
    assert [row.state for row in listing(root)] == ["whole"]


def test_a_model_without_safetensors_is_refused(repository: Path, tmp_path: Path) -> None:
    source = tmp_path / "pickled"
    source.mkdir()
    (source / "config.json").write_text("{}")
    with pytest.raises(UserError, match=r"no \*\.safetensors weights") as wrong:
        fetch("someone/new", tmp_path / "models", None, snapshot_of(source))
    assert wrong.value.where == "someone/new"
    assert not (tmp_path / "models/someone").exists()


def test_fetch_without_a_network(tmp_path: Path, capsys: Any) -> None:
    code, _, err = call(capsys, "models", "fetch", "someone/new", "--to", tmp_path / "models")
    assert code in (UNAVAILABLE, DATA)
    assert err.startswith("error: someone/new: ")
    assert "Traceback" not in err
