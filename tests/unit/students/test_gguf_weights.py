"""GGUF files as bases, references and teachers: the same model as its safetensors, by the file's own hash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.loading import load_engine
from smallsteps.errors import DATA, NO_INPUT, UNAVAILABLE, UserError
from smallsteps.files import sha256_file
from smallsteps.schemes import Example
from smallsteps.students import check_weights, hash_weights
from smallsteps.students.offline import model_folder, pretrained
from smallsteps.teachers.huggingface import HuggingFaceTeacher, model_name
from smallsteps.teachers.spec import HuggingFaceSpec
from smallsteps.training import BaseSpec, LoraSpec, Optimisation, train
from support.commands import call
from support.gguf_models import write_gguf

pytest.importorskip("gguf")
PROMPTS = ["Once upon a time", "Lily saw a big red", "12 and 3"]
# largest difference of a logit from the float32 safetensors, over `PROMPTS`, whose largest logit is above 8
TOLERANCE = {"float32": 1e-4, "float16": 0.05, "q8_0": 0.6}


@pytest.fixture(scope="module")
def source(data_dir: Path) -> Path:
    return data_dir / "models" / "stories260K" / "hf"


@pytest.fixture(scope="module")
def files(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gguf")
    for dtype in TOLERANCE:
        write_gguf(source, folder / f"tiny.{dtype}.gguf", dtype)
    return folder


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_logits_are_those_of_the_safetensors(files: Path, source: Path, dtype: str) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source)
    place = files / f"tiny.{dtype}.gguf"
    engine = load_engine(place, dtype="float32", device="cpu")
    name, options = pretrained(place)
    model = AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32, **options)
    plain = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32)
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        assert engine.tokenizer(prompt)["input_ids"] == ids[0].tolist()
        with torch.no_grad():
            difference = (model(ids).logits - plain(ids).logits).abs().max().item()
        assert difference <= TOLERANCE[dtype]
        assert (difference > 0) == (dtype != "float32")
    texts = [row[0].text for row in engine.generate(PROMPTS, Decoding(16))]
    if dtype == "float32":
        own = load_engine(source, dtype="float32", device="cpu")
        assert texts == [row[0].text for row in own.generate(PROMPTS, Decoding(16))]


def test_the_file_is_the_identity(files: Path) -> None:
    from smallsteps.studies.models import identity_of
    from smallsteps.training.models import identity

    place = files / "tiny.float16.gguf"
    check_weights(place)
    assert hash_weights(place) == sha256_file(place) == identity_of(str(place))
    base = BaseSpec(path=str(files), gguf_file=place.name)
    assert identity(base)["base"] == [sha256_file(place)]
    assert identity(base) != identity(BaseSpec(path=str(files), gguf_file="tiny.q8_0.gguf"))


def test_keys_of_recipes_without_one_stay_as_they_were() -> None:
    assert "gguf_file" not in BaseSpec(path="x").model_dump(mode="json")
    assert "gguf_file" not in HuggingFaceSpec(kind="huggingface", model="x").model_dump(mode="json")
    with pytest.raises(ValueError, match="is a file in 'path'"):
        BaseSpec(architecture={"model_type": "llama"}, gguf_file="x.gguf")
    with pytest.raises(ValueError, match="String should match"):
        BaseSpec(path="x", gguf_file="../x.gguf")


def test_a_folder_with_a_gguf_file_alone_names_it(files: Path) -> None:
    with pytest.raises(UserError, match=r"no \*\.safetensors weights") as wrong:
        check_weights(files)
    assert "gguf_file: tiny.float16.gguf" in (wrong.value.fix or "")


@pytest.mark.parametrize(
    ("name", "content", "message", "code"),
    [
        ("tiny.float61.gguf", None, "no such GGUF file 'tiny.float61.gguf'", NO_INPUT),
        ("text.gguf", b"hello there", "not a GGUF file", DATA),
    ],
)
def test_a_file_that_cannot_be_read(
    files: Path, tmp_path: Path, name: str, content: bytes | None, message: str, code: int
) -> None:
    folder = files
    if content is not None:
        folder = tmp_path
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as wrong:
        load_engine(folder / name)
    assert wrong.value.code == code
    if content is None:
        assert "did you mean 'tiny.float16.gguf'?" in (wrong.value.fix or "")


def test_without_the_extra(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *more: None if name == "gguf" else find(name, *more)
    )
    with pytest.raises(UserError, match="need the package gguf, which is not installed") as wrong:
        load_engine(files / "tiny.float32.gguf")
    assert wrong.value.code == UNAVAILABLE
    assert wrong.value.fix == 'pip install "smallsteps[gguf]"'


def test_a_teacher_reads_one(files: Path) -> None:
    spec = HuggingFaceSpec(kind="huggingface", model=str(files), gguf_file="tiny.float32.gguf")
    assert model_name(spec).startswith("huggingface:tiny.float32.gguf:")
    other = spec.model_copy(update={"gguf_file": "tiny.q8_0.gguf"})
    assert model_name(spec) != model_name(other)
    model, tokenizer = HuggingFaceTeacher(spec)._load()
    assert model.num_parameters() > 200_000
    assert tokenizer("one")["input_ids"]


def test_in_the_models_directory(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "models"
    (root / "someone/tiny-GGUF").mkdir(parents=True)
    shutil.copy(files / "tiny.float32.gguf", root / "someone/tiny-GGUF")
    monkeypatch.setenv("SMALLSTEPS_MODELS", str(root))
    place = "someone/tiny-GGUF/tiny.float32.gguf"
    assert model_folder(place) == root / place
    from smallsteps.evaluation.system import load_system

    system = load_system(place)
    assert system.source is not None
    assert system.source.id == "someone/tiny-GGUF"
    assert system.student.base == place
    assert system.identity["weights"] == {"model": sha256_file(root / place)}
    with pytest.raises(UserError, match="no such GGUF file"):
        load_system("someone/tiny-GGUF/other.gguf")


def test_a_student_made_from_one_is_a_plain_model(files: Path, tmp_path: Path) -> None:
    """Trained whole, and as an adapter that is merged into the file's weights when it is loaded."""
    base = BaseSpec(path=str(files), gguf_file="tiny.float32.gguf")
    examples = [Example(f"Q: {a} and 1\nA:", f" {a + 1}") for a in range(8)]
    settings = Optimisation(steps=1, learning_rate=0.001, batch_tokens=256, precision="fp32")
    train(examples, base, settings, seed=1, out=tmp_path / "whole")
    assert "quantization_config" not in json.loads((tmp_path / "whole/config.json").read_text())
    assert load_engine(tmp_path / "whole", device="cpu").model is None  # the fast reader takes it
    pytest.importorskip("peft")
    spec = LoraSpec(rank=2, keep="adapter")
    train(examples, base, settings, seed=1, out=tmp_path / "adapter", lora=spec)
    said = json.loads((tmp_path / "adapter/base.json").read_text())
    assert said["base"] == str(files / "tiny.float32.gguf")
    assert said["weights"] == sha256_file(files / "tiny.float32.gguf")
    assert load_engine(tmp_path / "adapter", device="cpu").model is None


def test_a_reference_reads_one(files: Path, repository: Path, tmp_path: Path) -> None:
    from smallsteps.studies.prepare import prepare

    overrides = [f"reference.path={files}", "reference.gguf_file=tiny.q8_0.gguf"]
    plan = prepare(repository / "baselines/micro/smoke.yaml", tmp_path / "out", overrides=overrides).plan
    stage = next(run.stage for run in plan.runs if run.student is None)
    assert stage.subject.place == str(files / "tiny.q8_0.gguf")
    assert stage.subject.identity == sha256_file(files / "tiny.q8_0.gguf")


def test_a_recipe_with_a_mistyped_file(files: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"recipe: mine\nscheme: cot\nbase: {{path: {files}, gguf_file: tiny.float61.gguf}}\n"
        "corpus: {benchmark: micro_problems, limit: 8, teacher: {kind: oracle}}\n"
        "optimisation: {steps: 1, learning_rate: 0.001}\n"
    )
    code, _, err = call(capsys, "recipes", "plan", path, "--out", tmp_path / "out")
    assert code == NO_INPUT
    assert "mine.yaml:3: base.path" in err
    assert "did you mean 'tiny.float16.gguf'?" in err
