"""Small architectures, and what their trainings share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smallsteps.training import BaseSpec, Optimisation

WORDS = [f"w{i}" for i in range(60)]
LLAMA: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "intermediate_size": 64,
    "tie_word_embeddings": True,
    "max_position_embeddings": 64,
    "attention_dropout": 0.1,
}
T5: dict[str, Any] = {
    "model_type": "t5",
    "d_model": 32,
    "num_layers": 1,
    "num_decoder_layers": 1,
    "num_heads": 2,
    "d_kv": 16,
    "d_ff": 64,
    "feed_forward_proj": "gated-gelu",
    "dropout_rate": 0.1,
}
GPT2: dict[str, Any] = {
    "model_type": "gpt2",
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 64,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.1,
    "resid_pdrop": 0.1,
}
ARCHITECTURES = {"llama": LLAMA, "t5": T5, "gpt2": GPT2}
STILL = {
    "llama": {"attention_dropout": 0.0},
    "t5": {"dropout_rate": 0.0},
    "gpt2": {"embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0},
}
"""Fields that turn dropout off."""


def base(kind: str, tokenizer_dir: Path, **changes: Any) -> BaseSpec:
    """A tiny architecture with random weights."""
    return BaseSpec(architecture={**ARCHITECTURES[kind], **changes}, tokenizer=str(tokenizer_dir))


def optimisation(**changes: Any) -> Optimisation:
    """A dozen small steps."""
    settings: dict[str, Any] = {"steps": 12, "learning_rate": 4e-3, "batch_tokens": 512, "max_length": 64}
    return Optimisation(**{**settings, **changes})
