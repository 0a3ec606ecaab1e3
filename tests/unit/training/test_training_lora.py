"""Adapters: trained alone, kept or merged with the same answers, and never loaded over another base."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.cli import main
from smallsteps.engines import Decoding
from smallsteps.engines.adapters import is_adapter
from smallsteps.engines.loading import load_engine
from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.students import read_student
from smallsteps.training import BaseSpec, Optimisation, train
from smallsteps.training.settings import LoraSpec

pytest.importorskip("peft")
EXAMPLES = [Example(f"Q: {a} and {b}\nA:", f" {a + b}") for a in range(4) for b in range(4)]
SETTINGS = Optimisation(steps=4, learning_rate=0.02, optimizer="adamw", batch_tokens=256, precision="fp32")


@pytest.fixture(scope="module")
def base(data_dir: Path) -> Path:
    return data_dir / "models" / "stories260K" / "hf"


@pytest.fixture(scope="module")
def students(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One training, kept as an adapter and merged."""
    folder = tmp_path_factory.mktemp("lora")
    found = {}
    for keep in ("adapter", "merged"):
        spec = LoraSpec(rank=4, alpha=16, keep=keep)
        train(EXAMPLES, BaseSpec(path=str(base)), SETTINGS, seed=1, out=folder / keep, lora=spec)
        found[keep] = folder / keep
    return found


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    (file,) = folder.glob("*.safetensors")
    return load_file(file)


def test_only_the_adapter_is_kept(students: dict[str, Path], base: Path) -> None:
    folder = students["adapter"]
    assert is_adapter(folder)
    assert all("lora" in name for name in weights(folder))
    said = json.loads((folder / "base.json").read_text())
    from smallsteps.students import hash_weights

    assert said["weights"] == hash_weights(base)
    figures = json.loads((folder / "training.json").read_text())
    trained = sum(w.numel() for w in weights(folder).values())
    assert trained == (figures.get("figures") or figures)["parameters"]


def test_a_merged_student_is_a_plain_model(students: dict[str, Path], base: Path) -> None:
    merged, before = weights(students["merged"]), weights(base)
    assert set(merged) == set(before)
    assert any(not merged[name].equal(before[name]) for name in before)
    assert merged["model.embed_tokens.weight"].equal(before["model.embed_tokens.weight"])


def test_both_answer_alike_through_the_fast_engine(students: dict[str, Path], base: Path) -> None:
    prompts = [example.prompt for example in EXAMPLES]
    engines = {name: load_engine(folder, dtype="float32", device="cpu") for name, folder in students.items()}
    assert engines["adapter"].model is None  # the hand-written Llama, over merged weights
    texts = {name: engine.generate(prompts, Decoding(12)) for name, engine in engines.items()}
    assert texts["adapter"] == texts["merged"]
    assert texts["adapter"] != load_engine(base, dtype="float32", device="cpu").generate(
        prompts, Decoding(12)
    )
    pairs = [(example.prompt, example.target) for example in EXAMPLES]
    assert engines["adapter"].loglikelihood(pairs) == engines["merged"].loglikelihood(pairs)


def test_an_adapter_for_another_base(students: dict[str, Path], base: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    other = tmp_path / "other"
    shutil.copytree(base, other)
    changed = load_file(other / "model.safetensors")
    changed["model.norm.weight"] = changed["model.norm.weight"] + 1
    save_file(changed, other / "model.safetensors", {"format": "pt"})
    adapter = tmp_path / "adapter"
    shutil.copytree(students["adapter"], adapter)
    said = json.loads((adapter / "base.json").read_text())
    (adapter / "base.json").write_text(json.dumps({**said, "base": str(other)}))
    with pytest.raises(UserError, match=r"an adapter for another base: .* has other weights"):
        load_engine(adapter)
    (adapter / "base.json").write_text(json.dumps({**said, "base": str(tmp_path / "gone")}))
    with pytest.raises(UserError, match="the base of this adapter is missing"):
        load_engine(adapter)


def test_an_adapter_that_does_not_fit(students: dict[str, Path], repository: Path, tmp_path: Path) -> None:
    """Without our record peft's own name of the base counts, and the shapes tell."""
    adapter = tmp_path / "adapter"
    shutil.copytree(students["adapter"], adapter)
    (adapter / "base.json").unlink()
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(repository / "baselines/micro/base")
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="an adapter for another base: it does not fit"):
        load_engine(adapter)


def test_an_adapter_of_peft_is_a_student(students: dict[str, Path], base: Path, tmp_path: Path) -> None:
    """Without our record, and without a tokenizer of its own."""
    from smallsteps.evaluation.system import load_system

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        shutil.copy(students["adapter"] / name, adapter)
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(base)
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    prompts = [example.prompt for example in EXAMPLES]
    texts = (
        load_system(adapter, dtype="float32", device="cpu").engines["model"].generate(prompts, Decoding(8))
    )
    own = load_engine(students["adapter"], dtype="float32", device="cpu").generate(prompts, Decoding(8))
    assert texts == own


def test_layers_that_are_not_there(base: Path, tmp_path: Path) -> None:
    spec = LoraSpec(targets=["nothing"])
    with pytest.raises(UserError, match="no adapter can be added") as wrong:
        train(EXAMPLES, BaseSpec(path=str(base)), SETTINGS, seed=1, out=tmp_path / "out", lora=spec)
    assert "q_proj" in (wrong.value.fix or "")


def test_an_interrupted_training_ends_with_the_same_adapter(base: Path, tmp_path: Path) -> None:
    spec = LoraSpec(rank=2, dropout=0.1, keep="adapter")
    settings = SETTINGS.model_copy(update={"save_every": 2})
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(EXAMPLES, BaseSpec(path=str(base)), settings, seed=1, out=whole, lora=spec)

    def stop(progress: Any) -> None:
        if progress.step >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(EXAMPLES, BaseSpec(path=str(base)), settings, seed=1, out=broken, lora=spec, progress=stop)
    train(EXAMPLES, BaseSpec(path=str(base)), settings, seed=1, out=broken, lora=spec)
    first, second = weights(whole), weights(broken)
    assert all(first[name].equal(second[name]) for name in first)


def test_a_recipe_with_adapters(base: Path, tmp_path: Path) -> None:
    from smallsteps.evaluation.system import load_system
    from smallsteps.students import hash_weights
    from smallsteps.studies.run import run_recipe

    path = tmp_path / "mine.yaml"
    path.write_text(
        f"recipe: mine\nscheme: cot\nbase: {{path: {base}}}\nlora: {{rank: 2, keep: adapter}}\n"
        "corpus: {benchmark: micro_problems, limit: 16, teacher: {kind: oracle}}\n"
        "optimisation: {steps: 2, learning_rate: 0.002, batch_tokens: 1024}\n"
    )
    folder = run_recipe(path, tmp_path / "out", workers=1)
    card = read_student(folder)
    assert card.lora["rank"] == 2
    assert card.base_weights == hash_weights(base)
    system = load_system(folder)
    assert system.identity["weights"]["model"].endswith(f"+{hash_weights(base)}")
    assert system.engines["model"].generate(["Q: one\nA:"], Decoding(2))
    with pytest.raises(SystemExit) as done:
        main(["check", str(folder)])
    assert done.value.code == 0
