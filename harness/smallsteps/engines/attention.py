"""Attention of one new token a row on a CPU, where PyTorch's own kernel is made for many queries.

All heads of a row are multiplied at once: each query stands in its head's block of an otherwise empty
vector over all heads, so one product of (heads, heads x dim) with (heads x dim, slots) gives the scores of
all heads. The zeros cost arithmetic that a CPU has to spare; what takes its time is reading the keys and
values, and these are read once, in the order in which `cache` stores them for a CPU.
"""

from __future__ import annotations

from typing import Any

import torch

NAME = "smallsteps_one_query"
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


def one_query(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """softmax(scale Q K' + bias) V for one query a row.

    Args:
        query: (rows, heads, dim).
        keys: (rows, key heads x dim, slots); values: (rows, slots, key heads x dim).
        bias: added to the scores; broadcast to (rows, heads, slots).

    Returns:
        (rows, heads x dim).
    """
    rows, heads, dim = query.shape
    groups = keys.shape[1] // dim
    members = heads // groups
    wide = query.new_zeros((rows, groups, members, groups, dim))
    blocks = wide.diagonal(dim1=1, dim2=3)  # (rows, members, dim, groups)
    torch.mul(query.view(rows, groups, members, dim).permute(0, 2, 3, 1), scale, out=blocks)
    scores = torch.bmm(wide.view(rows, heads, groups * dim), keys)
    if bias is not None:
        scores += bias
    mixed = torch.bmm(torch.softmax(scores, -1), values).view(rows, groups, members, groups, dim)
    own = mixed.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2)  # (rows, groups, members, dim)
    return own.reshape(rows, heads * dim)


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
        mixed = one_query(
            query[:, :, 0],
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
