"""What is refused, and with which remedy; real folders load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.loading import load_engine
from smallsteps.errors import UserError


def copied(models: Any, tmp_path: Path) -> Path:
    return Path(shutil.copytree(models("llama"), tmp_path / "copy"))


def test_pickled_weights_are_refused(models: Any, tmp_path: Path) -> None:
    folder = copied(models, tmp_path)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickle"):
        load_engine(folder)


def test_missing_weights_are_not_made_up(models: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(models, tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 weights are missing.*up_proj"):
        load_engine(folder)


def test_tokenizer_of_another_model(models: Any, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = copied(models, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["zebra", "yak"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(UserError, match="the tokenizer belongs to another model"):
        load_engine(folder)


@pytest.mark.parametrize(
    ("place", "options", "message"),
    [
        ("./no/such/folder", {}, "no such folder"),
        ("somebody/model-that-is-not-there", {}, "SMALLSTEPS_MODELS=DIR"),
        ("llama", {"dtype": "int8"}, "unknown dtype"),
        ("llama", {"device": "tpu"}, "unknown device"),
        ("llama", {"batch_size": 0}, "not positive"),
        ("t5", {"dtype": "float16"}, "T5 overflows"),
    ],
)
def test_mistakes(models: Any, place: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_engine(models(place) if place in ("llama", "t5") else place, **options)
    assert message in str(caught.value)


def test_folder_without_tokenizer(models: Any, tmp_path: Path) -> None:
    folder = copied(models, tmp_path)
    for path in folder.glob("token*"):
        path.unlink()
    with pytest.raises(UserError, match=r"tokenizer's files|cannot load"):
        load_engine(folder)


@pytest.mark.parametrize("change", [{"hidden_size": "wide"}, {"num_attention_heads": 0, "head_dim": None}])
def test_malformed_config_is_one_error(models: Any, tmp_path: Path, change: dict[str, Any]) -> None:
    folder = copied(models, tmp_path)
    config = {**json.loads((folder / "config.json").read_text()), **change}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="not a positive whole number"):
        load_engine(folder)


def test_stories_tell_their_story(data_dir: Path) -> None:
    engine = load_engine(data_dir / "models" / "stories260K" / "hf", dtype="float32", device="cpu")
    ((story,),) = engine.generate([""], Decoding(max_new_tokens=70))
    start = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    assert story.text.startswith(start + "One day, she saw a big, red ball.")


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_real_tokenizers_with_random_weights(data_dir: Path, tmp_path: Path, kind: str) -> None:
    import torch
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        PreTrainedTokenizerFast,
        T5Config,
        T5ForConditionalGeneration,
    )

    eos = {"gpt2": "<|endoftext|>", "t5": "</s>"}[kind]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(data_dir / "tokenizers" / kind / "tokenizer.json"), eos_token=eos, pad_token=eos
    )
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    end = tokenizer.eos_token_id
    if kind == "gpt2":
        config: Any = GPT2Config(n_embd=32, n_layer=2, n_head=2, eos_token_id=end, bos_token_id=end)
        GPT2LMHeadModel(config).save_pretrained(tmp_path)
    else:
        config = T5Config(
            d_model=32, d_kv=8, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0, eos_token_id=end
        )
        T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    engine = load_engine(tmp_path, dtype="float32", device="cpu")
    assert engine.encoder == (kind == "t5")
    questions = ["Q: Janet has 16 eggs. How many?\nA:", "Q: Why?\nA:", "One two three four five six"]
    together = engine.generate(questions, Decoding(max_new_tokens=8))
    assert together == [engine.generate([q], Decoding(max_new_tokens=8))[0] for q in questions]
    assert [row[0].tokens for row in together] == [8, 8, 8]
