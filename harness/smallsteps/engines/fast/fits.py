"""Where the fast pieces fit: a plain Llama, a processor that computes in bfloat16."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class PlainLlama:
    """The sizes of a Llama without biases, with silu, and nothing added.

    Attributes:
        heads, groups: of the queries, and of the keys and values; dim: of one head.
        theta: base of the rotary frequencies; None where they are scaled, which only transformers computes.
        tied: embedding and head are one matrix.
    """

    vocabulary: int
    width: int
    inner: int
    layers: int
    heads: int
    groups: int
    dim: int
    context: int
    eps: float
    theta: float | None
    tied: bool

    @staticmethod
    def of(config: Mapping[str, Any]) -> PlainLlama | None:
        """The sizes in a `config.json`; None if it is not of a plain Llama."""
        if (
            config.get("model_type") != "llama"
            or config.get("architectures") not in (None, ["LlamaForCausalLM"])
            or config.get("hidden_act", "silu") != "silu"
            or any(
                config.get(name) for name in ("attention_bias", "mlp_bias", "quantization_config", "auto_map")
            )
        ):
            return None
        try:
            width, heads = config["hidden_size"], config["num_attention_heads"]
            return PlainLlama(
                config["vocab_size"],
                width,
                config["intermediate_size"],
                config["num_hidden_layers"],
                heads,
                config.get("num_key_value_heads") or heads,
                config.get("head_dim") or width // heads,
                config["max_position_embeddings"],
                config["rms_norm_eps"],
                _theta(config),
                bool(config["tie_word_embeddings"]),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError):  # transformers says what is wrong
            return None


def _theta(config: Mapping[str, Any]) -> float | None:
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
    plain = (
        not config.get("rope_scaling")
        and isinstance(rope, dict)
        and set(rope) <= {"rope_theta", "rope_type"}
        and rope.get("rope_type", "default") == "default"
    )
    return float(rope["rope_theta"]) if plain else None


@lru_cache(maxsize=4)
def computes_bfloat16(device: str) -> bool:
    """Whether bfloat16 is computed, not emulated, which is several times slower than float32."""
    if device == "cpu" and sys.platform == "linux" and _CPUINFO.exists():
        flags = next((line for line in _CPUINFO.read_text().splitlines() if line.startswith("flags")), None)
        if flags is not None:  # on Arm there is no such line
            return not {"avx512_bf16", "amx_tile"}.isdisjoint(flags.split())
    import torch

    if device != "cpu":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
