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
T11 = {
    "model_type": "t5",
    "vocab_size": 32128,
    "is_encoder_decoder": True,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
}


def t5(common: dict[str, Any], width: int, inner: int, layers: int, heads: int) -> dict[str, Any]:
    """A T5 of this width (d_kv is 64 in all)."""
    return {**common, "d_model": width, "d_ff": inner, "num_layers": layers, "num_heads": heads, "d_kv": 64}


def gpt2(width: int, layers: int, heads: int) -> dict[str, Any]:
    """A GPT-2 of this width."""
    return {"model_type": "gpt2", "n_embd": width, "n_layer": layers, "n_head": heads}


def opt(width: int, layers: int, heads: int, **more: Any) -> dict[str, Any]:
    """An OPT of this width."""
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads}
    common = {"model_type": "opt", "vocab_size": 50272, "max_position_embeddings": 2048}
    return {**common, **sizes, "ffn_dim": 4 * width, "word_embed_proj_dim": width, **more}


def decoder(
    kind: str, vocabulary: int, width: int, inner: int, layers: int, heads: int, groups: int = 0, dim: int = 0
) -> dict[str, Any]:
    """A decoder; groups of heads share keys and values where there are fewer, heads are `dim` wide."""
    return {
        "model_type": kind,
        "vocab_size": vocabulary,
        "hidden_size": width,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": groups or heads,
        **({"head_dim": dim} if dim else {}),
        **({"tie_word_embeddings": True} if vocabulary > 32000 and kind not in ("phi", "gemma") else {}),
    }


# From the configurations that the models are published with.
SHAPES: dict[str, dict[str, Any]] = {
    "openai-community/gpt2": gpt2(768, 12, 12),
    "openai-community/gpt2-medium": gpt2(1024, 24, 16),
    "openai-community/gpt2-large": gpt2(1280, 36, 20),
    "google/flan-t5-small": t5(T11, 512, 1024, 8, 6),
    "google/flan-t5-base": t5(T11, 768, 2048, 12, 12),
    "google/flan-t5-large": t5(T11, 1024, 2816, 24, 16),
    "google/flan-t5-xl": t5(T11, 2048, 5120, 24, 32),
    "google/t5-v1_1-base": t5(T11, 768, 2048, 12, 12),
    "google/t5-v1_1-large": t5(T11, 1024, 2816, 24, 16),
    "facebook/opt-125m": opt(768, 12, 12),
    "facebook/opt-350m": opt(1024, 24, 16, word_embed_proj_dim=512, do_layer_norm_before=False),
    "facebook/opt-1.3b": opt(2048, 24, 32),
    "microsoft/phi-1_5": decoder("phi", 51200, 2048, 8192, 24, 32),
    "microsoft/phi-2": decoder("phi", 51200, 2560, 10240, 32, 32),
    "lmsys/vicuna-13b-v1.3": decoder("llama", 32000, 5120, 13824, 40, 40),
    "meta-llama/Llama-2-7b-chat-hf": decoder("llama", 32000, 4096, 11008, 32, 32),
    "meta-llama/Llama-2-7b-hf": decoder("llama", 32000, 4096, 11008, 32, 32),
    "meta-llama/Llama-2-13b-chat-hf": decoder("llama", 32000, 5120, 13824, 40, 40),
    "meta-llama/Llama-3.2-1B-Instruct": decoder("llama", 128256, 2048, 8192, 16, 32, 8),
    "google/gemma-2b": decoder("gemma", 256000, 2048, 16384, 18, 8, 1, 256),
    "google/gemma-7b": decoder("gemma", 256000, 3072, 24576, 28, 16, 16, 256),
    "google/gemma-3-1b-it": decoder("gemma3_text", 262144, 1152, 6912, 26, 4, 1, 256),
    "Qwen/Qwen2-0.5B": decoder("qwen2", 151936, 896, 4864, 24, 14, 2),
    "Qwen/Qwen2-1.5B": decoder("qwen2", 151936, 1536, 8960, 28, 12, 2),
    "Qwen/Qwen3-0.6B": decoder("qwen3", 151936, 1024, 3072, 28, 16, 8, 128),
    "HuggingFaceTB/SmolLM-1.7B": decoder("llama", 49152, 2048, 8192, 24, 32),
    "HuggingFaceTB/SmolLM3-3B": decoder("smollm3", 128256, 2048, 11008, 36, 16, 4),
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
