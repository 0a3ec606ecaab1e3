"""A plain Llama is read straight from its files; the rest is left to transformers, with the same texts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from smallsteps.engines import Decoding
from smallsteps.engines.fast.files import read_llama
from smallsteps.engines.loading import load_engine

PLAIN: dict[str, dict[str, Any]] = {
    "one key head": {"num_key_value_heads": 1},
    "as many key heads": {"num_key_value_heads": 4},
    "own head size": {"head_dim": 16},
    "another base of the positions": {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
    "other eps": {"rms_norm_eps": 0.1},
    "tied": {"tie_word_embeddings": True},
    "untied": {"tie_word_embeddings": False},
}
OTHER: dict[str, dict[str, Any]] = {
    "scaled positions": {"rope_parameters": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}},
    "biases": {"attention_bias": True, "mlp_bias": True},
    "another activation": {"hidden_act": "gelu"},
}


def made(models: Any, folder: Path, **changes: Any) -> Path:
    from transformers import LlamaConfig, LlamaForCausalLM

    shutil.copytree(models("llama"), folder)
    known = json.loads((folder / "config.json").read_text())
    known.pop("head_dim")
    torch.manual_seed(3)
    model = LlamaForCausalLM(LlamaConfig(**{**known, **changes}))
    for name, weight in model.named_parameters():
        if "norm" in name or "bias" in name:  # else ones and zeros, which a mistake would not show
            torch.nn.init.uniform_(weight, 0.5, 1.5)
    model.save_pretrained(folder)
    return folder


def texts_of_transformers(folder: Path, prompts: list[str]) -> list[str]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    texts = []
    for prompt in prompts:
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=15, do_sample=False
        )
        texts.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    return texts  # type: ignore[return-value]


@pytest.mark.parametrize("kind", [*PLAIN, *OTHER])
def test_same_texts_as_transformers(models: Any, tmp_path: Path, prompts: list[str], kind: str) -> None:
    folder = made(models, tmp_path / "model", **PLAIN.get(kind, {}), **OTHER.get(kind, {}))
    engine = load_engine(folder, dtype="float32", device="cpu")
    assert (engine.model is None) == (kind in PLAIN)
    found = [row[0].text for row in engine.generate(prompts, Decoding(max_new_tokens=15))]
    assert found == texts_of_transformers(folder, prompts)


def test_same_settings_by_both_ways(models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    direct = load_engine(models("llama"), dtype="float32", device="cpu", batch_size=3)
    monkeypatch.setattr("smallsteps.engines.loading.read_llama", lambda *_: None)
    module = load_engine(models("llama"), dtype="float32", device="cpu", batch_size=3)
    for name in ("device", "token_bytes", "context", "eos", "limits", "encoder"):
        assert getattr(direct, name) == getattr(module, name), name
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "eos_token"):
        assert getattr(direct.tokenizer, name) == getattr(module.tokenizer, name), name
    assert len(direct.tokenizer) == len(module.tokenizer)


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"architectures": ["LlamaForSequenceClassification"]}),
        ("config.json", {"quantization_config": {"quant_method": "awq"}}),
        ("config.json", {"vocab_size": 7}),
        ("config.json", {"hidden_size": None}),
        ("config.json", {"hidden_size": "wide", "head_dim": None}),
        ("config.json", {"num_attention_heads": 0, "head_dim": None}),
        ("config.json", {"rope_parameters": "default"}),
        ("tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["a.B", None]}}),
    ],
)
def test_left_to_the_other_loader(models: Any, tmp_path: Path, file: str, change: dict[str, Any]) -> None:
    folder = Path(shutil.copytree(models("llama"), tmp_path / "model"))
    assert read_llama(folder, torch.float32, torch.device("cpu")) is not None
    content = {**json.loads((folder / file).read_text()), **change}
    (folder / file).write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
    assert read_llama(folder, torch.float32, torch.device("cpu")) is None


def test_a_tensor_too_many_or_broken_weights(models: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(models("llama"), tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "extra": torch.zeros(1)}, folder / "model.safetensors", metadata={"format": "pt"})
    assert read_llama(folder, torch.float32, torch.device("cpu")) is None
    (folder / "model.safetensors").write_bytes(b"\x10" + bytes(30))
    assert read_llama(folder, torch.float32, torch.device("cpu")) is None


def test_no_model_code_is_imported(models: Any) -> None:
    program = f"""
import sys
from smallsteps.engines import Decoding
from smallsteps.engines.loading import load_engine
load_engine({str(models("llama"))!r}, device="cpu").generate(["the cat"], Decoding(max_new_tokens=2))
print([name for name in ("transformers", "torch._dynamo") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
