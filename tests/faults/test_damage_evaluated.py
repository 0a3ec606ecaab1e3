"""What `eval` and a corpus read besides weights: a tokenizer or configuration that changed is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from damage_cases import make_benchmark, make_model

from smallsteps.corpora.sources import encoder_folder
from smallsteps.corpora.spec import CorpusSpec
from smallsteps.errors import UserError
from smallsteps.evaluation import runner
from smallsteps.evaluation.runner import Settings, evaluate
from smallsteps.evaluation.system import load_system
from smallsteps.files import read_object
from smallsteps.problems import load_problems
from smallsteps.problems.finding import ENVIRONMENT, add_place
from smallsteps.students.recorded import model_files, record_models
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.stages import corpus_stage

ASKED = Settings(("smallsteps_micro_problems",), limit=2, max_new_tokens=4)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A plain model folder."""
    make_model(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "chat_template.jinja"])
def test_a_run_belongs_to_all_files_of_a_plain_folder(name: str, model: Path, tmp_path: Path) -> None:
    """Only the weights are in its key, so that runs of earlier versions stay what they are."""
    evaluate(model, ASKED, tmp_path / "run")
    manifest = read_object(tmp_path / "run" / "manifest.json")
    assert set(manifest[runner.MODEL_FILES][0]) >= {"config.json", "tokenizer.json", "model.safetensors"}
    evaluate(model, ASKED, tmp_path / "run")  # only read
    content = load_system(model).content
    with (model / name).open("a") as file:
        file.write(" \n")
    with pytest.raises(UserError, match=f"another run: of its model's files, {name} changed since"):
        evaluate(model, ASKED, tmp_path / "run")
    assert load_system(model).content != content  # nor are answers of an interrupted run taken over
    assert load_system(model).identity["weights"] == {"model": manifest["system"]["weights"]["model"]}


def test_a_model_changed_during_an_evaluation_is_found(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = runner._write_manifest

    def swap(*arguments: Any) -> None:
        finish(*arguments)
        (model / "tokenizer.json").write_text("{}")

    monkeypatch.setattr(runner, "_write_manifest", swap)
    with pytest.raises(UserError, match=r"changed while the evaluation was running: tokenizer\.json"):
        evaluate(model, ASKED, tmp_path / "run")


RECIPE = """recipe: cot
scheme: cot
base: {path: model}
corpus: {benchmark: micro_problems, limit: 5, encoder: encoder, filter: diversity, per_problem: 1}
optimisation: {steps: 2, learning_rate: 1e-3}
"""


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json", "1_Pooling/config.json"])
def test_an_encoder_is_a_recorded_model_of_its_corpus(name: str, model: Path, tmp_path: Path) -> None:
    make_model(tmp_path / "encoder")
    (tmp_path / "encoder" / "1_Pooling").mkdir()
    (tmp_path / "encoder" / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (tmp_path / "cot.yaml").write_text(RECIPE)
    recipe = load_recipe(tmp_path / "cot.yaml")
    assert recipe.corpus is not None
    stage = corpus_stage("cot", recipe.corpus, tmp_path / "cot.yaml", tmp_path / "out", None)
    assert stage is not None
    assert stage.models == {"encoder": str(tmp_path / "encoder")}
    record_models(tmp_path / "out", stage.models)
    path = tmp_path / "encoder" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "surprise": 1}))
    with pytest.raises(
        UserError, match=f"'encoder' is not what it was when this study began: {name} changed"
    ):
        record_models(tmp_path / "out", stage.models)


def test_an_encoder_that_is_not_on_the_disk_is_no_recorded_model() -> None:
    def section(**more: Any) -> CorpusSpec:
        return CorpusSpec.model_validate(
            {"benchmark": "micro_problems", "per_problem": 1, "filter": "diversity", **more}
        )

    assert encoder_folder(section()) is None
    assert encoder_folder(section(encoder="owner/name")) is None


def test_a_gguf_file_is_recorded_with_the_tokenizer_beside_it(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    assert set(model_files(tmp_path / "m.gguf")) == {"m.gguf"}
    (tmp_path / "tokenizer.json").write_text("{}")
    assert set(
        record_models(tmp_path / "out", {"m": str(tmp_path / "m.gguf")})[str(tmp_path / "m.gguf")]
    ) == {
        "m.gguf",
        "tokenizer.json",
    }


def test_data_of_a_benchmark_are_compared_with_their_digest_before_use(tmp_path: Path) -> None:
    """A flipped digit in a gold answer was another benchmark under the same name."""
    make_benchmark(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(ENVIRONMENT, "")
        (name,) = add_place(tmp_path / "benchmark.yaml")
        assert len(load_problems(name, "train")) == 30
        rows = tmp_path / "rows.jsonl"
        rows.write_text(rows.read_text().replace('"a": "8"', '"a": "9"'))
        with pytest.raises(UserError, match="damaged or were changed: another sha256") as caught:
            load_problems(name, "train")
        assert "tasks data fetch own" in str(caught.value)
        rows.unlink()
        make_benchmark(tmp_path, recorded=False)
        rows.write_text(rows.read_text().replace('"a": "8"', '"a": "9"'))
        assert load_problems(name, "train")[4].answer == "9"  # own data without a digest are as they are
