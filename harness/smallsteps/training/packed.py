"""Attention over examples laid end to end in one row, without padding and without a mask.

Each example attends to itself alone. On a GPU this is one call of PyTorch's variable-length FlashAttention;
on other devices, and in fp32, which that kernel does not support, one call of PyTorch's attention for each.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import torch
from torch.nn import functional

from smallsteps.errors import UserError

NAME = "smallsteps_packed"
# Decoders whose attention takes positions and the bounds of examples from its caller, and is causal and
# nothing else; each is tested to give what padded rows give.
FAMILIES = ("gpt2", "gpt_neox", "llama", "qwen2", "qwen3", "smollm3")
_DROPOUTS = ("attention_dropout", "attn_pdrop")
_varlen: Callable[..., torch.Tensor] | None = None


def why_not(model: Any) -> str | None:
    """Why rows of this model cannot be packed; None where they can."""
    config = model.config
    if config.model_type not in FAMILIES:
        return f"not of the families that it is tested with ({', '.join(FAMILIES)})"
    if any(getattr(config, name, 0.0) for name in _DROPOUTS):
        return "its attention has dropout"
    if "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        return "its attention looks back over a window only"
    return None


def has_kernel(model: Any) -> bool:
    """Whether a GPU of this machine has a variable-length kernel for the model's heads in bf16."""
    config = model.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return torch.cuda.is_available() and _kernel() is not None and width % 8 == 0 and width <= 256


def pack(model: Any) -> Callable[[], None]:
    """Let a model's attention read packed rows; call the result to undo it.

    The model is then called with `position_ids` that restart with each example, `cu_seq_lens_q`, the bounds
    of the examples, shape (examples + 1,) and int32, and `max_length_q`, no less than the longest.

    Raises:
        UserError: a model whose rows cannot be packed.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    reason = why_not(model)
    if reason is not None:
        raise UserError(
            f"the rows of this model cannot be packed: {reason}",
            where="optimisation.attention",
            fix="use 'attention: auto'",
        )
    global _varlen  # looked up once, outside of what is compiled
    _varlen = _kernel()
    AttentionInterface.register(NAME, attend)
    AttentionMaskInterface.register(NAME, lambda *args, **kwargs: None)
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)

    def undo() -> None:
        model.set_attn_implementation(before)

    return undo


def attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int = 0,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention function for packed rows.

    Args:
        query, key, value: shapes (1, heads, tokens, dim), of keys and values maybe fewer heads.
        cu_seq_lens_q: bounds of the examples; the last may be repeated.
        max_length_q: no less than the longest example.

    Returns:
        Shape (1, tokens, heads, dim); and None for the probabilities, which are not kept.
    """
    if cu_seq_lens_q is None or attention_mask is not None or dropout or sliding_window is not None:
        raise ValueError("packed attention needs the bounds of the examples, no mask, window or dropout")
    # rotated queries and keys are fp32 under autocast
    q, k, v = (x[0].transpose(0, 1).to(value.dtype) for x in (query, key, value))  # (tokens, heads, dim)
    if _varlen is not None and query.is_cuda and v.dtype == torch.bfloat16:
        scale = q.shape[-1] ** -0.5 if scaling is None else scaling
        q, k, v = q.contiguous(), k.contiguous(), v.contiguous()
        mixed = _varlen(q, k, v, cu_seq_lens_q, max_length_q, scale)
    else:
        mixed = _one_by_one(q, k, v, cu_seq_lens_q.tolist(), scaling)
    return mixed[None], None


@cache
def _kernel() -> Callable[..., torch.Tensor] | None:
    """PyTorch's variable-length attention, called alike for all its versions; None before PyTorch 2.10."""
    try:
        from torch.nn.attention.varlen import varlen_attn
    except ImportError:
        return None
    names = frozenset(inspect.signature(varlen_attn).parameters)
    causal: dict[str, Any] = {"window_size": (-1, 0)} if "window_size" in names else {"is_causal": True}
    groups, scales = "enable_gqa" in names, "scale" in names

    def kernel(
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        bounds: torch.Tensor,
        longest: int,
        scaling: float,
    ) -> torch.Tensor:
        options = dict(causal)
        members = q.shape[1] // k.shape[1]
        if members > 1 and groups:
            options["enable_gqa"] = True
        elif members > 1:
            k, v = k.repeat_interleave(members, 1), v.repeat_interleave(members, 1)
        if scales:
            options["scale"] = scaling
        elif scaling != q.shape[-1] ** -0.5:
            q = q * (scaling * q.shape[-1] ** 0.5)
        mixed: Any = varlen_attn(q, k, v, bounds, bounds, longest, longest, **options)
        found: torch.Tensor = mixed
        return found

    return kernel


def _one_by_one(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bounds: list[int], scaling: float | None
) -> torch.Tensor:
    q, k, v = (x.transpose(0, 1)[None] for x in (q, k, v))  # (1, heads, tokens, dim)
    mixed = [
        functional.scaled_dot_product_attention(
            q[:, :, begin:end],
            k[:, :, begin:end],
            v[:, :, begin:end],
            is_causal=True,
            scale=scaling,
            enable_gqa=True,
        )
        for begin, end in pairwise(bounds)
        if end > begin
    ]
    return torch.cat(mixed, 2)[0].transpose(0, 1)
