"""Writes docs/plans.md: memory and time of every published system's study, on one H100 and on eight.

    python docs/scripts/plans.py

The bases are on the hub. What a plan needs of them, the shapes of their weights, follows from their published
configurations, which stand below; files of these shapes without contents stand in for them.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
import tempfile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

from smallsteps.students.offline import ENVIRONMENT
from smallsteps.studies.capacity import costs_of, forecasts_of
from smallsteps.studies.study import load_study
from smallsteps.training.forecast import Forecast

REPOSITORY = Path(__file__).resolve().parents[2]
HEAD = """# What the systems' studies need

Trainings of the recipes in `baselines/*/study.yaml`, as `smallsteps recipes plan STUDY --hardware h100`
forecasts them: weights, gradients, optimizer state and activations, for the recipe of each base that takes
most memory; on eight GPUs with `--set 'overrides={devices: 8, strategy: fsdp}'`. Times are those of the
arithmetic at 32 % of the card's peak, for recipes that count steps; of recipes that count epochs, the
corpus decides, which the teacher has yet to write. Nothing here was measured: see [speed](speed.md) for
what was. Made by `docs/scripts/plans.py`, with files of the right shapes in the bases' places.
"""
T5 = {"model_type": "t5", "vocab_size": 32128, "is_encoder_decoder": True}
T11 = {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
OPT = {"model_type": "opt", "vocab_size": 50272, "max_position_embeddings": 2048}
QWEN2 = {"model_type": "qwen2", "vocab_size": 151936, "max_position_embeddings": 32768}


def t5(common: dict[str, Any], width: int, inner: int, layers: int, heads: int) -> dict[str, Any]:
    """A T5 of this width (d_kv is 64 in all)."""
    return {**common, "d_model": width, "d_ff": inner, "num_layers": layers, "num_heads": heads, "d_kv": 64}


def decoder(common: dict[str, Any], width: int, layers: int, heads: int, **more: Any) -> dict[str, Any]:
    """A decoder of this width."""
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads}
    return {**common, **sizes, **more}


# From the configurations that the models are published with.
SHAPES: dict[str, dict[str, Any]] = {
    "openai-community/gpt2": {"model_type": "gpt2"},
    "openai-community/gpt2-medium": {"model_type": "gpt2", "n_embd": 1024, "n_layer": 24, "n_head": 16},
    "openai-community/gpt2-large": {"model_type": "gpt2", "n_embd": 1280, "n_layer": 36, "n_head": 20},
    "openai-community/gpt2-xl": {"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25},
    "google/flan-t5-small": t5(T11, 512, 1024, 8, 6),
    "google/flan-t5-base": t5(T11, 768, 2048, 12, 12),
    "google/flan-t5-large": t5(T11, 1024, 2816, 24, 16),
    "google/flan-t5-xl": t5(T11, 2048, 5120, 24, 32),
    "google/t5-v1_1-base": t5(T11, 768, 2048, 12, 12),
    "google/t5-v1_1-large": t5(T11, 1024, 2816, 24, 16),
    "facebook/opt-125m": decoder(OPT, 768, 12, 12, ffn_dim=3072, word_embed_proj_dim=768),
    "facebook/opt-350m": decoder(
        OPT, 1024, 24, 16, ffn_dim=4096, word_embed_proj_dim=512, do_layer_norm_before=False
    ),
    "facebook/opt-1.3b": decoder(OPT, 2048, 24, 32, ffn_dim=8192, word_embed_proj_dim=2048),
    "microsoft/phi-1_5": decoder(
        {"model_type": "phi", "vocab_size": 51200}, 2048, 24, 32, intermediate_size=8192
    ),
    "microsoft/phi-2": decoder(
        {"model_type": "phi", "vocab_size": 51200}, 2560, 32, 32, intermediate_size=10240
    ),
    "lmsys/vicuna-13b-v1.3": decoder(
        {"model_type": "llama", "vocab_size": 32000}, 5120, 40, 40, intermediate_size=13824
    ),
    "meta-llama/Llama-2-7b-chat-hf": decoder(
        {"model_type": "llama", "vocab_size": 32000}, 4096, 32, 32, intermediate_size=11008
    ),
    "meta-llama/Llama-2-7b-hf": decoder(
        {"model_type": "llama", "vocab_size": 32000}, 4096, 32, 32, intermediate_size=11008
    ),
    "meta-llama/Llama-2-13b-chat-hf": decoder(
        {"model_type": "llama", "vocab_size": 32000}, 5120, 40, 40, intermediate_size=13824
    ),
    "meta-llama/Llama-3.2-1B-Instruct": decoder(
        {"model_type": "llama", "vocab_size": 128256, "tie_word_embeddings": True},
        2048,
        16,
        32,
        num_key_value_heads=8,
        intermediate_size=8192,
    ),
    "google/gemma-2b": decoder(
        {"model_type": "gemma", "vocab_size": 256000},
        2048,
        18,
        8,
        num_key_value_heads=1,
        head_dim=256,
        intermediate_size=16384,
    ),
    "google/gemma-7b": decoder(
        {"model_type": "gemma", "vocab_size": 256000},
        3072,
        28,
        16,
        num_key_value_heads=16,
        head_dim=256,
        intermediate_size=24576,
    ),
    "google/gemma-3-1b-it": decoder(
        {"model_type": "gemma3_text", "vocab_size": 262144, "tie_word_embeddings": True},
        1152,
        26,
        4,
        num_key_value_heads=1,
        head_dim=256,
        intermediate_size=6912,
    ),
    "Qwen/Qwen2-0.5B": decoder(
        QWEN2, 896, 24, 14, num_key_value_heads=2, intermediate_size=4864, tie_word_embeddings=True
    ),
    "Qwen/Qwen2-1.5B": decoder(
        QWEN2, 1536, 28, 12, num_key_value_heads=2, intermediate_size=8960, tie_word_embeddings=True
    ),
    "Qwen/Qwen3-0.6B": decoder(
        {"model_type": "qwen3", "vocab_size": 151936, "tie_word_embeddings": True},
        1024,
        28,
        16,
        num_key_value_heads=8,
        head_dim=128,
        intermediate_size=3072,
    ),
    "HuggingFaceTB/SmolLM-1.7B": decoder(
        {"model_type": "llama", "vocab_size": 49152, "tie_word_embeddings": True},
        2048,
        24,
        32,
        intermediate_size=8192,
    ),
    "HuggingFaceTB/SmolLM3-3B": decoder(
        {"model_type": "smollm3", "vocab_size": 128256, "tie_word_embeddings": True},
        2048,
        36,
        16,
        num_key_value_heads=4,
        intermediate_size=11008,
    ),
}


def stand_in(name: str, models: Path, tokenizer: Path) -> None:
    """A folder with the configuration and a file of weights that has shapes only: it takes no space."""
    fields = dict(SHAPES[name])
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    auto: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    with torch.device("meta"):
        model = auto.from_config(config)
    shapes = {key: list(weight.shape) for key, weight in model.named_parameters()}
    if (
        SHAPES[name].get("tie_word_embeddings") is False
    ):  # transformers ties a T5's head until it has read weights
        shapes["lm_head.weight"] = shapes["shared.weight"]
    header, end = {}, 0
    for key, shape in shapes.items():
        size = 4 * math.prod(shape)
        header[key] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    folder = models / name
    shutil.copytree(tokenizer, folder)  # a plan asks that there is one
    config.save_pretrained(folder)
    text = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)


def rows(study: Path, *, devices: int) -> dict[str, tuple[str, Forecast]]:
    """Base and forecast of each recipe that trains one, on so many H100 (several: FSDP2)."""
    changes = [f"overrides={{devices: {devices}, strategy: fsdp}}"] if devices > 1 else []
    _, recipes = load_study(study, changes)
    found = forecasts_of(recipes, costs_of(recipes, None), "h100")
    return {
        recipe.recipe: (recipe.base.path or "", found[recipe.recipe])
        for recipe in recipes.values()
        if recipe.recipe in found and recipe.trained
    }


def table() -> list[str]:
    """One row for each system and base: the recipe that takes most memory."""
    lines = [
        "| system | base | parameters | GiB on one H100 | GiB on each of eight | one training on one H100 |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for study in sorted((REPOSITORY / "baselines").glob("*/study.yaml")):
        if study.parent.name in ("micro", "svamp_local", "smollm2"):
            continue
        one, eight = rows(study, devices=1), rows(study, devices=8)
        largest: dict[str, str] = {}
        for name, (base, found) in one.items():
            if base not in largest or found.total > one[largest[base]][1].total:
                largest[base] = name
        for base, name in largest.items():
            alone, shared = one[name][1], eight[name][1]
            fits = "" if alone.total <= alone.machine.memory else ", does not fit"
            time = "" if alone.seconds is None else f"{alone.seconds / 60:.0f} min"
            lines.append(
                f"| [`{study.parent.name}`](../baselines/{study.parent.name}/README.md) | {base} "
                f"| {alone.parameters / 1e6:,.0f} M | {alone.total / 2**30:.1f}{fits} "
                f"| {shared.total / 2**30:.1f} | {time} |"
            )
    return lines


def page() -> str:
    """The whole page."""
    with tempfile.TemporaryDirectory() as folder:
        models, tokenizer = Path(folder) / "models", REPOSITORY / "baselines" / "micro" / "tokenizer"
        before = os.environ.get(ENVIRONMENT)
        os.environ[ENVIRONMENT] = str(models)
        try:
            for name in SHAPES:
                stand_in(name, models, tokenizer)
            return "\n".join([HEAD, *table()]) + "\n"
        finally:
            os.environ.pop(ENVIRONMENT)
            os.environ |= {} if before is None else {ENVIRONMENT: before}


if __name__ == "__main__":
    (REPOSITORY / "docs" / "plans.md").write_text(page())
