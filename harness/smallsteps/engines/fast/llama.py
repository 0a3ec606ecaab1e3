"""A Llama's forward in a third of the operations.

A small model spends most of its time between matrix products: on calls and on passes over activations.
Here queries, keys and values come from one product, gate and up from another, and attention reads the cache's
buffers as they lie; only attention sees padding. Norms are fp32 inside and activations have the model's type,
as in transformers, so results differ from it by rounding alone.

What would replace it: a compiled forward (`torch.compile`) that takes caches of any size without compiling
again, or fused projections in transformers' own models. vLLM has both, for servers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from smallsteps.engines.fast.attention import attend, attend_behind, closed
from smallsteps.engines.fast.cache import RoomyCache, RoomyLayer, States
from smallsteps.engines.fast.fits import PlainLlama
from smallsteps.engines.fast.switches import uses

Rotary = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
MODELING = "transformers.models.llama.modeling_llama"


@dataclass(frozen=True, slots=True)
class Block:
    """Weights of one layer; matrices are (outputs, inputs), `qkv` and `gate_up` several below each other.

    A norm, `before` attention or `after` it, is None where its weights are part of the matrix that reads it.
    """

    before: torch.Tensor | None
    qkv: torch.Tensor
    out: torch.Tensor
    after: torch.Tensor | None
    gate_up: torch.Tensor
    down: torch.Tensor


@dataclass(frozen=True, slots=True)
class LlamaForward:
    """Logits of a Llama, from `of` or `files.read_llama`; called like `causal.CausalForward`.

    Attributes:
        embedding, head: (vocabulary, width); norm: (width,); blocks: the layers.
        heads, groups: of the queries, and of the keys and values; dim: of one head.
        eps: of the norms.
        rotary: cosines and sines, (rows, length, dim) each, of positions (rows, length), in the type of its
            first argument.
    """

    embedding: torch.Tensor
    blocks: tuple[Block, ...]
    norm: torch.Tensor
    head: torch.Tensor
    heads: int
    groups: int
    dim: int
    eps: float
    rotary: Rotary

    @staticmethod
    def of(model: Any) -> LlamaForward | None:
        """The forward of a model; None for one that it does not fit."""
        if (type(model).__module__, type(model).__name__) != (MODELING, "LlamaForCausalLM"):
            return None
        shape = PlainLlama.of(model.config.to_dict())
        if shape is None:
            return None
        body = model.model
        return LlamaForward(
            body.embed_tokens.weight,
            tuple(_block(layer) for layer in body.layers),
            body.norm.weight,
            model.lm_head.weight,
            shape.heads,
            shape.groups,
            shape.dim,
            shape.eps,
            body.rotary_emb,
        )

    @property
    def shares(self) -> bool:
        """On a CPU all rows read one beginning where it lies; elsewhere it is copied into them."""
        return self.embedding.device.type == "cpu"

    def new_cache(self, shared: States | None = None) -> RoomyCache:
        """An empty cache."""
        return RoomyCache(shared=shared)

    def __call__(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: RoomyCache | None = None,
        tail: int = 1,
    ) -> torch.Tensor:
        """Logits of the last `tail` tokens, (rows, tail, vocabulary); anything for padding.

        Args:
            ids, positions: (rows, length); positions count the shared beginning of the cache.
            mask: (rows, slots in use, these tokens included), False where nothing is to be read; without the
                shared beginning, which is always read.
            cache: receives the tokens' keys and values; None keeps none.
        """
        rows, length = ids.shape
        real = _real(mask, length)
        tokens, places = ids.flatten(), positions.flatten()
        if real is not None:
            tokens, places = tokens[real], places[real]
        x = functional.embedding(tokens, self.embedding)
        turning = self.heads + self.groups
        cos, sin = (part[0, :, None] for part in self.rotary(x, places[None]))  # (tokens, 1, dim)
        half = self.dim // 2
        signed = torch.cat((-sin[..., :half], sin[..., half:]), -1)
        if x.device.type == "cpu":  # written out once: broadcasting takes half as long again in each block
            cos, signed = (part.expand((-1, turning, -1)).contiguous() for part in (cos, signed))
        if cache is None:
            cache = self.new_cache()
        # of all tokens: query, key and value, with zeros for padding
        whole = None if real is None else x.new_zeros((rows * length, turning + self.groups, self.dim))
        bias = None
        for index, block in enumerate(self.blocks):
            qkv = functional.linear(self._norm(x, block.before), block.qkv)
            qkv = qkv.view(-1, turning + self.groups, self.dim)
            turned = qkv[:, :turning]
            swapped = torch.cat((turned[..., half:], turned[..., :half]), -1)
            turned = torch.addcmul(turned * cos, swapped, signed)
            value = qkv[:, turning:]
            if real is not None and whole is not None:
                turned = whole[:, :turning].index_copy_(0, real, turned)
                value = whole[:, turning:].index_copy_(0, real, value)
            turned = turned.view(rows, length, -1, self.dim)
            # query (rows, length, heads, dim); key and value (rows, groups, length, dim)
            query, key = turned[:, :, : self.heads], turned[:, :, self.heads :].transpose(1, 2)
            value = value.view(rows, length, -1, self.dim).transpose(1, 2)
            cache.update(key, value, index)
            room: RoomyLayer = cache.layers[index]
            bias = _bias(mask, length, room, x.dtype) if bias is None else bias
            if tail < length and index == len(self.blocks) - 1:  # nobody reads the other tokens' outputs
                query, bias = query[:, -tail:], bias[:, :, -tail:]
                x = _spread(x, real, rows * length).view(rows, length, -1)[:, -tail:].flatten(0, 1)
                real = _real(mask, tail)
                x = x if real is None else x[real]
            mixed = (
                attend(query, *room.whole(), bias, self.dim**-0.5)
                if cache.shared is None
                else attend_behind(*cache.shared[index], query, *room.whole(), bias, self.dim**-0.5)
            )
            mixed = mixed if real is None else mixed[real]
            x = torch.addmm(x, mixed, block.out.t())
            gate, up = functional.linear(self._norm(x, block.after), block.gate_up).chunk(2, -1)
            x = torch.addmm(x, functional.silu(gate).mul_(up), block.down.t())
        logits = functional.linear(self._norm(x, self.norm), self.head)
        kept = min(tail, length)
        return _spread(logits, real, rows * kept).view(rows, kept, -1)

    def _norm(self, x: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        if weight is not None or x.device.type != "cpu":
            return functional.rms_norm(x, x.shape[-1:], weight, self.eps)
        wide = x.to(torch.float32, copy=True)  # PyTorch's own takes half as long again on a CPU
        size = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        inverse = size.square_().div_(x.shape[-1]).add_(self.eps).rsqrt_()
        return wide.mul_(inverse).to(x.dtype)


def _spread(states: torch.Tensor, real: torch.Tensor | None, size: int) -> torch.Tensor:
    """What was computed for real tokens in their places among `size`; elsewhere anything."""
    return (
        states if real is None else states.new_empty((size, *states.shape[1:])).index_copy_(0, real, states)
    )


def _real(mask: torch.Tensor, length: int) -> torch.Tensor | None:
    """Places of the tokens among the last `length` slots of all rows; None for all places.

    Their number is rounded up by some places of padding: oneDNN makes kernels for each. On a GPU padding is
    cheaper than waiting for the number.
    """
    if length == 1 or mask.device.type != "cpu":
        return None
    valid = mask[:, -length:].flatten()
    count = int(valid.sum())
    step = 1 << max(0, count.bit_length() - 5) if uses("shapes") else 1
    count = -(-count // step) * step
    if count >= len(valid):
        return None
    return valid.byte().argsort(descending=True, stable=True)[:count].sort().values


def _bias(mask: torch.Tensor, length: int, room: RoomyLayer, dtype: torch.dtype) -> torch.Tensor:
    """(rows, 1, length, slots of the buffer): open are the mask's slots up to each token's own."""
    behind = room.capacity - room.first - mask.shape[1]
    whole = functional.pad(mask, (room.first, behind))[:, None]
    if length > 1:
        last = room.first + mask.shape[1] - length  # slot of the first of these tokens
        slots = (length, room.capacity)
        whole = whole & torch.ones(slots, dtype=torch.bool, device=mask.device).tril_(last)
    return closed(whole, dtype)[:, None]


def _block(layer: Any) -> Block:
    attention, mlp = layer.self_attn, layer.mlp
    return Block(
        layer.input_layernorm.weight,
        _joined(attention.q_proj, attention.k_proj, attention.v_proj),
        attention.o_proj.weight,
        layer.post_attention_layernorm.weight,
        _joined(mlp.gate_proj, mlp.up_proj),
        mlp.down_proj.weight,
    )


def _joined(*layers: nn.Linear) -> torch.Tensor:
    """The layers' weights one below the other, in one tensor that the layers share from now on."""
    whole = torch.cat([layer.weight.data for layer in layers])
    start = 0
    for layer in layers:
        layer.weight.data = whole[start : start + layer.out_features]
        start += layer.out_features
    return whole
