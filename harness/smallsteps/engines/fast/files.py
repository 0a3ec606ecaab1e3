"""A plain Llama straight from its files, without importing transformers (two seconds).

Only a folder that holds exactly what is expected is read here; with anything else, a scaled rotary embedding,
biases, sharded weights or a tensor too many, transformers reads it, or says what is wrong with it.

What would replace it: an `AutoModelForCausalLM` whose import and loading take some tenths of a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn import functional

from smallsteps.engines.fast.fits import PlainLlama
from smallsteps.engines.fast.llama import Block, LlamaForward
from smallsteps.engines.fast.tokenizer import optional_json, read_tokenizer
from smallsteps.engines.huggingface import HuggingFaceEngine, token_bytes
from smallsteps.engines.tokens import eos_ids

WEIGHTS = "model.safetensors"
LONGEST = 1 << 17  # context for which cosines and sines of all positions are tabulated
PARTS = {  # of a layer: name, and (outputs, inputs) as named in `_tensors`
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
    shape = PlainLlama.of(config)
    tokenizer = read_tokenizer(folder)
    if (
        shape is None
        or shape.theta is None
        or shape.context > LONGEST
        or tokenizer is None
        or len(tokenizer) > shape.vocabulary
        or [path.name for path in folder.glob("*.safetensors*")] != [WEIGHTS]
    ):
        return None
    try:
        weights = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError):
        return None
    if {name: tuple(weight.shape) for name, weight in weights.items()} != _tensors(shape):
        return None
    generation = folder / "generation_config.json"
    end = optional_json(generation) if generation.exists() else config
    return HuggingFaceEngine(
        forward=_forward(shape, shape.theta, weights, dtype, device),
        model=None,
        device=device,
        token_bytes=token_bytes(shape.layers, shape.groups, shape.dim, dtype),
        tokenizer=tokenizer,
        context=shape.context,
        eos=eos_ids(end.get("eos_token_id"), tokenizer.eos_token_id),
    )


def _tensors(shape: PlainLlama) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights in the file."""
    sizes = {
        "width": shape.width,
        "inner": shape.inner,
        "queries": shape.heads * shape.dim,
        "keys": shape.groups * shape.dim,
    }
    found: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (shape.vocabulary, shape.width),
        "model.norm.weight": (shape.width,),
    }
    if not shape.tied:
        found["lm_head.weight"] = (shape.vocabulary, shape.width)
    for layer in range(shape.layers):
        for part, words in PARTS.items():
            found[f"model.layers.{layer}.{part}.weight"] = tuple(sizes[word] for word in words)
    return found


def _forward(
    shape: PlainLlama,
    theta: float,
    weights: Mapping[str, torch.Tensor],
    dtype: torch.dtype,
    device: torch.device,
) -> LlamaForward:
    """The forward over the weights of a file."""
    embedding = weights["model.embed_tokens.weight"].to(device, dtype)
    return LlamaForward(
        embedding,
        tuple(_block(weights, f"model.layers.{i}.", dtype, device) for i in range(shape.layers)),
        weights["model.norm.weight"].to(device, dtype),
        embedding if shape.tied else weights["lm_head.weight"].to(device, dtype),
        shape.heads,
        shape.groups,
        shape.dim,
        shape.eps,
        _RotaryTables.of(theta, shape.dim, shape.context, dtype, device),
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
