"""Attention of few queries a row on a CPU, where PyTorch's own kernel is made for many.

All heads of a row are multiplied at once: each query stands in its head's block of an otherwise empty
vector over all heads, so one product of (heads, heads x dim) with (heads x dim, slots) gives the scores of
all heads. The zeros cost arithmetic that a CPU has to spare; what takes its time is reading the keys and
values, and these are read once, in the order in which `cache` stores them for a CPU.
"""

from __future__ import annotations

from typing import Any

import torch

NAME = "smallsteps_few_queries"
MOST_HEADS = 16  # key heads; with more the zeros would cost more than the reading


def use_for(model: Any) -> None:
    """Let a model that would use PyTorch's attention use this one; others are left as they are."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if model.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def few_queries(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """softmax(scale Q K' + bias) V for one query a row, or for several where all heads share one key.

    Args:
        query: (rows, length, heads, dim); length is 1 unless there is one key head.
        keys: (rows, key heads x dim, slots); values: (rows, slots, key heads x dim). A softmax over a
            multiple of 32 slots is three times as fast as over another number.
        bias: added to the scores; broadcast to (rows, length, slots), or (rows, heads, slots) if length is 1.

    Returns:
        (rows x length, heads x dim).
    """
    rows, length, heads, dim = query.shape
    groups = keys.shape[1] // dim
    wide = query.reshape(rows, length * heads, dim) if groups == 1 else _blocks(query[:, 0], groups)
    scores = torch.bmm(wide, keys)
    if bias is None:
        scores.mul_(scale)
    else:
        shown = scores.view(rows, length, heads, -1)
        torch.add(bias.view(len(bias), length, -1, bias.shape[2]), shown, alpha=scale, out=shown)
    mixed = torch.bmm(torch.softmax(scores, -1), values)
    if groups > 1:
        mixed = mixed.view(rows, groups, heads // groups, groups, dim)
        mixed = mixed.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)  # (rows, groups, members, dim)
    return mixed.reshape(rows * length, heads * dim)


def _blocks(query: torch.Tensor, groups: int) -> torch.Tensor:
    """(rows, heads, dim) to (rows, heads, groups x dim): each query in its group's place, zeros elsewhere."""
    rows, heads, dim = query.shape
    wide = query.new_zeros((rows, groups, heads // groups, groups, dim))
    own = query.view(rows, groups, heads // groups, dim).permute(0, 2, 3, 1)
    wide.diagonal(dim1=1, dim2=3).copy_(own)  # (rows, members, dim, groups)
    return wide.view(rows, heads, groups * dim)


def closed(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Numbers to add to the scores for a mask that is False where nothing is to be read; same shape."""
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    position_bias: torch.Tensor | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: (rows, heads, length, dim) to (rows, length, heads, dim)."""
    rows, heads, length, dim = query.shape
    if length == 1 and key.shape[1] <= MOST_HEADS and dim == value.shape[3]:
        bias = None if position_bias is None else position_bias[:, :, 0]
        if attention_mask is not None:
            mask = attention_mask[:, :, 0]
            mask = closed(mask, query.dtype) if mask.dtype == torch.bool else mask
            bias = mask if bias is None else bias + mask
        mixed = few_queries(
            query.transpose(1, 2),
            key.transpose(2, 3).flatten(1, 2),
            value.transpose(1, 2).flatten(2, 3),
            bias,
            dim**-0.5 if scaling is None else scaling,
        )
        return mixed.view(rows, 1, heads, dim), None
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if key.stride(-1) != 1:  # PyTorch's kernel wants each key in one piece
        key = key.contiguous()
    usual: tuple[torch.Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, position_bias=position_bias, **options
    )
    return usual
