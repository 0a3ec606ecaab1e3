from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import LLAMA, base, optimisation

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.training import BaseSpec, train, training_inputs
from smallsteps.training.models import Hardware, hardware, load_model, load_tokenizer

CPU = Hardware("cpu", "fp32", "eager")


def refused(examples: list[Example], spec: BaseSpec, tmp_path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        train(examples, spec, optimisation(steps=2), seed=1, out=tmp_path / "student")
    assert not (tmp_path / "student").exists()
    return caught.value


def test_missing_folder(examples: list[Example], tmp_path: Path) -> None:
    assert "no such folder (base)" in str(refused(examples, BaseSpec(path=str(tmp_path / "no")), tmp_path))


def test_hub_id_without_a_hub(examples: list[Example], tmp_path: Path) -> None:
    assert "cannot load the tokenizer" in str(refused(examples, BaseSpec(path="nobody/nothing"), tmp_path))


def test_pickle_is_refused_before_anything_is_loaded(examples: list[Example], tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    assert "pickle (pytorch_model.bin)" in str(refused(examples, BaseSpec(path=str(folder)), tmp_path))


def test_damaged_weights(examples: list[Example], tmp_path: Path, data_dir: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(data_dir / "models" / "stories260K" / "hf", folder)
    weights = folder / "model.safetensors"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:5000])
    assert "damaged weights" in str(refused(examples, BaseSpec(path=str(folder)), tmp_path))


def test_weights_of_another_configuration(examples: list[Example], tmp_path: Path, data_dir: Path) -> None:
    folder = tmp_path / "mixed"
    shutil.copytree(data_dir / "models" / "stories260K" / "hf", folder)
    config = folder / "config.json"
    config.chmod(0o644)
    config.write_text(config.read_text().replace('"num_hidden_layers": 5', '"num_hidden_layers": 6'))
    assert "are not in its weights" in str(refused(examples, BaseSpec(path=str(folder)), tmp_path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "lama"}, "did you mean 'llama'?"),
        ({"num_hiden_layers": 3}, "did you mean 'num_hidden_layers'?"),
        ({"vocab_size": 20}, "embeds 20"),
        ({"hidden_size": "wide"}, "hidden_size"),
    ],
)
def test_architecture_mistakes(
    changes: dict[str, Any], said: str, examples: list[Example], tokenizer_dir: Path, tmp_path: Path
) -> None:
    assert said in str(refused(examples, base("llama", tokenizer_dir, **changes), tmp_path))


def test_eos_token_must_exist(examples: list[Example], tokenizer_dir: Path, tmp_path: Path) -> None:
    spec = BaseSpec(architecture=LLAMA, tokenizer=str(tokenizer_dir), eos_token="</t>")
    assert "did you mean '</s>'?" in str(refused(examples, spec, tmp_path))


def test_architecture_without_a_tokenizer(examples: list[Example], tmp_path: Path) -> None:
    assert "no tokenizer" in str(refused(examples, BaseSpec(architecture=LLAMA), tmp_path))


def test_special_tokens_reach_the_configuration(tokenizer_dir: Path, tokenizer: Any) -> None:
    model = load_model(base("t5", tokenizer_dir), tokenizer, CPU, 1)
    ids = tokenizer.convert_tokens_to_ids(["<pad>", "</s>"])
    for config in (model.config, model.generation_config):
        assert [config.pad_token_id, config.eos_token_id] == ids
        assert config.decoder_start_token_id == ids[0]
    assert load_model(base("llama", tokenizer_dir), tokenizer, CPU, 1).config.bos_token_id is None


def test_weights_are_fp32_whatever_the_base(tokenizer_dir: Path, tokenizer: Any, tmp_path: Path) -> None:
    model = load_model(base("llama", tokenizer_dir), tokenizer, CPU, 1)
    model.to(torch.bfloat16).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    spec = BaseSpec(path=str(tmp_path))
    assert load_model(spec, load_tokenizer(spec), CPU, 1).dtype == torch.float32


def test_inputs_follow_the_contents_of_a_base(
    examples: list[Example], tokenizer_dir: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "tokenizer"
    shutil.copytree(tokenizer_dir, copy)

    def inputs(folder: Path) -> str:
        return training_inputs(examples, base("llama", folder), optimisation(), 1)

    assert inputs(copy) == inputs(tokenizer_dir)
    text = (copy / "tokenizer.json").read_text()
    (copy / "tokenizer.json").write_text(text.replace('"w1"', '"v1"'))
    assert inputs(copy) != inputs(tokenizer_dir)


def test_auto_attention_is_eager_on_a_cpu() -> None:
    found = hardware(optimisation())
    if found.device == "cpu":
        assert found.attention == "eager"
    assert hardware(optimisation(precision="fp32", attention="sdpa")).attention == "sdpa"


@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_real_tokenizers_with_random_models(name: str, data_dir: Path, tmp_path: Path) -> None:
    architecture: dict[str, Any] = {
        "gpt2": {"model_type": "gpt2", "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64},
        "t5": {"model_type": "t5", "d_model": 16, "num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 32},
    }[name]
    spec = BaseSpec(architecture=architecture, tokenizer=str(data_dir / "tokenizers" / name))
    texts = [Example(f"Q: Tom has {n} pens.\nA:", f" He has {n}. The answer is {n}.") for n in range(30)]
    result = train(
        texts, spec, optimisation(steps=6, batch_tokens=300, learning_rate=0.02), seed=1, out=tmp_path / "s"
    )
    assert result.figures.unknown_tokens == 0
    assert result.figures.final_loss < result.figures.first_loss - 0.5
    again = BaseSpec(path=str(tmp_path / "s"))
    assert load_tokenizer(again).eos_token is not None
    assert train(texts, again, optimisation(steps=2), seed=1, out=tmp_path / "t").figures.steps == 2


def test_real_llama_learns(data_dir: Path, tmp_path: Path) -> None:
    texts = [Example(f"Q: Tom has {n} pens.\nA:", f" He has {n}. The answer is {n}.") for n in range(30)]
    spec = BaseSpec(path=str(data_dir / "models" / "stories260K" / "hf"))
    result = train(texts, spec, optimisation(steps=15), seed=1, out=tmp_path / "s")
    assert result.figures.unknown_tokens == 0
    assert result.figures.final_loss < 0.7 * result.figures.first_loss
