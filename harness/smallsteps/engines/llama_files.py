"""A plain Llama straight from its files, without importing transformers (two seconds).

Only a folder that holds exactly what is expected is read here; with anything else, a scaled rotary embedding,
biases, sharded weights or a tensor too many, transformers reads it, or says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from smallsteps.engines.huggingface import HuggingFaceEngine, token_bytes
from smallsteps.engines.llama import Block, LlamaForward
from smallsteps.engines.tokenizer_file import optional_json, read_tokenizer
from smallsteps.engines.tokens import eos_ids

WEIGHTS = "model.safetensors"
LONGEST = 1 << 17  # context for which cosines and sines of all positions are tabulated
PARTS = {  # of a layer: name, and (outputs, inputs) as named in `_Shape.sizes`
    "self_attn.q_proj": ("queries", "width"),
    "self_attn.k_proj": ("keys", "width"),
    "self_attn.v_proj": ("keys", "width"),
    "self_attn.o_proj": ("width", "queries"),
    "mlp.gate_proj": ("inner", "width"),
    "mlp.up_proj": ("inner", "width"),
    "mlp.down_proj": ("width", "inner"),
    "input_layernorm": ("width",),
    "post_attention_layernorm": ("width",),
}


def read_llama(folder: Path, dtype: torch.dtype, device: torch.device) -> HuggingFaceEngine | None:
    """An engine over the Llama in a folder; None where transformers must read it."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = optional_json(folder / "config.json")
    shape = _Shape.of(config)
    tokenizer = read_tokenizer(folder)
    if (
        shape is None
        or tokenizer is None
        or len(tokenizer) > shape.vocabulary
        or [path.name for path in folder.glob("*.safetensors*")] != [WEIGHTS]
    ):
        return None
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError):
        return None
    if {name: tuple(weight.shape) for name, weight in weights.items()} != shape.tensors():
        return None
    generation = folder / "generation_config.json"
    end = optional_json(generation) if generation.exists() else config
    return HuggingFaceEngine(
        forward=shape.forward(weights, dtype, device),
        model=None,
        device=device,
        token_bytes=token_bytes(shape.layers, shape.groups, shape.dim, dtype),
        tokenizer=tokenizer,
        context=shape.context,
        eos=eos_ids(end.get("eos_token_id"), tokenizer.eos_token_id),
    )


@dataclass(frozen=True, slots=True)
class _Shape:
    """The sizes of a plain Llama."""

    vocabulary: int
    width: int
    inner: int
    layers: int
    heads: int
    groups: int
    dim: int
    context: int
    eps: float
    theta: float
    tied: bool

    @staticmethod
    def of(config: Mapping[str, Any]) -> _Shape | None:
        """The sizes in a `config.json`; None if it is not of a plain Llama."""
        rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0)}
        if (
            config.get("model_type") != "llama"
            or config.get("architectures") != ["LlamaForCausalLM"]
            or config.get("hidden_act", "silu") != "silu"
            or any(
                config.get(name)
                for name in ("attention_bias", "mlp_bias", "quantization_config", "rope_scaling", "auto_map")
            )
            or not isinstance(rope, dict)
            or not set(rope) <= {"rope_theta", "rope_type"}
            or rope.get("rope_type", "default") != "default"
        ):
            return None
        try:
            if config["max_position_embeddings"] > LONGEST:
                return None
            width, heads = config["hidden_size"], config["num_attention_heads"]
            return _Shape(
                config["vocab_size"],
                width,
                config["intermediate_size"],
                config["num_hidden_layers"],
                heads,
                config.get("num_key_value_heads") or heads,
                config.get("head_dim") or width // heads,
                config["max_position_embeddings"],
                config["rms_norm_eps"],
                float(rope["rope_theta"]),
                bool(config["tie_word_embeddings"]),
            )
        except (KeyError, TypeError, ValueError, ZeroDivisionError):  # transformers says what is wrong
            return None

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Names and shapes of all weights in the file."""
        sizes = {
            "width": self.width,
            "inner": self.inner,
            "queries": self.heads * self.dim,
            "keys": self.groups * self.dim,
        }
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocabulary, self.width),
            "model.norm.weight": (self.width,),
        }
        if not self.tied:
            shapes["lm_head.weight"] = (self.vocabulary, self.width)
        for layer in range(self.layers):
            for part, words in PARTS.items():
                shapes[f"model.layers.{layer}.{part}.weight"] = tuple(sizes[word] for word in words)
        return shapes

    def forward(
        self, weights: Mapping[str, torch.Tensor], dtype: torch.dtype, device: torch.device
    ) -> LlamaForward:
        """The forward over the weights of a file."""
        embedding = weights["model.embed_tokens.weight"].to(device, dtype)
        return LlamaForward(
            embedding,
            tuple(_block(weights, f"model.layers.{i}.", dtype, device) for i in range(self.layers)),
            weights["model.norm.weight"].to(device, dtype),
            embedding if self.tied else weights["lm_head.weight"].to(device, dtype),
            self.heads,
            self.groups,
            self.dim,
            self.eps,
            _RotaryTables.of(self.theta, self.dim, self.context, dtype, device),
        )


@dataclass(frozen=True, slots=True)
class _RotaryTables:
    """Rotary positions (Su et al. 2021, arXiv 2104.09864), each frequency for the two halves of a head.

    Attributes:
        cos, sin: (context, dim).
    """

    cos: torch.Tensor
    sin: torch.Tensor

    @staticmethod
    def of(theta: float, dim: int, context: int, dtype: torch.dtype, device: torch.device) -> _RotaryTables:
        frequencies = 1 / theta ** (torch.arange(0, dim, 2).float() / dim)  # radians a position
        angles = torch.arange(context).float()[:, None] * frequencies
        tables = (torch.cat((part, part), -1).to(device, dtype) for part in (angles.cos(), angles.sin()))
        return _RotaryTables(*tables)

    def __call__(self, like: torch.Tensor, positions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return functional.embedding(positions, self.cos), functional.embedding(positions, self.sin)


def _block(
    weights: Mapping[str, torch.Tensor], prefix: str, dtype: torch.dtype, device: torch.device
) -> Block:
    def joined(*names: str, norm: str = "") -> torch.Tensor:
        whole = torch.cat([weights[f"{prefix}{name}.weight"] for name in names])
        if norm:  # scaled once here, not at every token
            whole = whole.float() * weights[f"{prefix}{norm}.weight"].float()
        return whole.to(device, dtype)

    return Block(
        None,
        joined("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", norm="input_layernorm"),
        joined("self_attn.o_proj"),
        None,
        joined("mlp.gate_proj", "mlp.up_proj", norm="post_attention_layernorm"),
        joined("mlp.down_proj"),
    )
