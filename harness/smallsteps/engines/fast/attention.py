"""Attention of short texts on a CPU, where PyTorch's own kernel is slow.

Heads that share keys and values are rows of one product with them. Where keys are so narrow that a product
per head would cost more in calls than in arithmetic, each query is put into its head's block of a vector of
zeros over all heads, and one product serves all. `cache` stores keys and values in the order in which they
are read here. Where all rows begin alike, one product reads the beginning for all of them (`attend_behind`).

What would replace it: a CPU kernel of PyTorch's `scaled_dot_product_attention` for single queries and grouped
heads, and one that returns the log-sum-exp, with which parts of an attention can be merged (FlashInfer's
cascade attention does that on GPUs).
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from smallsteps.engines.fast.switches import uses

NAME = "smallsteps"
SHORT = 256  # slots; plain products take half the time of PyTorch's kernel at 100, the same at 512, then more
PRODUCT = 512  # queries of one key head in a product with a shared beginning; twice as many are no faster
NARROW = 32  # elements of all key heads together; as many bf16 numbers fill a cache line


def use_for(model: Any) -> None:
    """Let a model that would use PyTorch's attention use this one; others are left as they are."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    if model.config._attn_implementation != "sdpa" or not uses("attention"):
        return
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def attend(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None, scale: float
) -> torch.Tensor:
    """softmax(scale Q K' + bias) V.

    Args:
        query: (rows, length, heads, dim).
        keys, values: (rows, key heads, slots, dim). A softmax over a multiple of 32 slots is three times as
            fast as over another number.
        bias: (rows or 1, heads or 1, length, slots).

    Returns:
        (rows x length, heads x dim).
    """
    rows, length, heads, dim = query.shape
    groups, slots = keys.shape[1:3]
    long = slots > SHORT or query.device.type != "cpu"
    if (length > 1 and long) or not uses("attention"):
        keys, values = (part.repeat_interleave(heads // groups, 1) for part in (keys, values))
        mixed = functional.scaled_dot_product_attention(
            query.transpose(1, 2), keys, values, attn_mask=bias, scale=scale
        )
        return mixed.transpose(1, 2).reshape(rows * length, heads * dim)
    members = heads // groups
    blocks = length == 1 and together(groups, dim)
    if blocks:
        query = _blocks(query[:, 0], groups)
        keys, values = (part.transpose(1, 2).flatten(2, 3) for part in (keys, values))
    else:
        query = query.reshape(rows, length, groups, members, dim).transpose(1, 2)
        query = query.reshape(rows * groups, length * members, dim)
        keys, values = (part.flatten(0, 1) for part in (keys, values))
    scores = torch.bmm(query, keys.mT)
    if bias is None:
        scores.mul_(scale)
    else:
        shown = scores.view(rows, groups, length, members, slots)
        each = (groups, members) if bias.shape[1] == heads else (1, 1)
        bias = bias.view(bias.shape[0], *each, *bias.shape[2:]).transpose(2, 3)
        torch.add(bias, shown, alpha=scale, out=shown)
    mixed = torch.bmm(torch.softmax(scores, -1), values)
    if blocks:
        mixed = mixed.view(rows, groups, members, groups, dim)
        return mixed.diagonal(dim1=1, dim2=3).permute(0, 3, 1, 2).reshape(rows, heads * dim)
    return mixed.view(rows, groups, length, -1).transpose(1, 2).reshape(rows * length, heads * dim)


def attend_behind(
    first_keys: torch.Tensor,
    first_values: torch.Tensor,
    query: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    bias: torch.Tensor,
    scale: float,
) -> torch.Tensor:
    """`attend` for rows that all begin with the same slots, which are read once for all of them.

    One product a key head has the scores of every query with the beginning, small products those of each row
    with its own slots; one softmax is over both.

    Args:
        first_keys, first_values: the beginning, (key heads, its slots, dim).
        query: (rows, length, heads, dim); keys, values: (rows, key heads, slots, dim).
        bias: (rows, 1, length, slots), of the rows' own slots.

    Returns:
        (rows x length, heads x dim).
    """
    rows, length, heads, dim = query.shape
    groups, first = first_keys.shape[:2]
    slots, members = keys.shape[2], heads // groups
    end = first + slots
    each = length * members
    step = max(1, PRODUCT // each)  # rows at a time, so that their scores stay in the processor's cache
    scores = query.new_empty((groups, min(step, rows) * each, -(-end // 32) * 32))
    scores[..., end:] = torch.finfo(query.dtype).min  # a softmax over a multiple of 32 is three times as fast
    query = (query * scale).view(rows, length, groups, members, dim).permute(2, 0, 1, 3, 4)
    mixed = query.new_empty((rows, length, heads, dim))
    for start in range(0, rows, step):
        part = slice(start, start + step)
        asked = query[:, part]  # (groups, rows, length, members, dim)
        count = asked.shape[1]
        both = scores[:, : count * each]
        both[..., :first] = torch.bmm(asked.reshape(groups, count * each, dim), first_keys.mT)
        own = asked.transpose(0, 1).reshape(count * groups, each, dim)
        own = torch.bmm(own, keys[part].flatten(0, 1).mT).view(count, groups, length, members, slots)
        shown = both.view(groups, count, length, members, -1)[..., first:end].transpose(0, 1)
        torch.add(own, bias[part, :, :, None], out=shown)
        weights = torch.softmax(both, -1)
        apart = weights.view(groups, count, each, -1)[..., first:end].transpose(0, 1)
        own = torch.bmm(apart.reshape(count * groups, each, slots), values[part].flatten(0, 1))
        whole = torch.bmm(weights[..., :first], first_values).view(groups, count, length, members, dim)
        found = own.view(count, groups, length, members, dim) + whole.transpose(0, 1)
        mixed[part].view(count, length, groups, members, dim).copy_(found.transpose(1, 2))
    return mixed.view(rows * length, heads * dim)


def together(groups: int, dim: int) -> bool:
    """Whether the key heads of a slot lie side by side in memory, and one product reads them all."""
    return groups > 1 and groups * dim <= NARROW


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
    if length == 1 and dim == value.shape[3]:  # slots of a prompt are seldom a multiple of 32 here
        bias = position_bias
        if attention_mask is not None:
            mask = attention_mask
            mask = closed(mask, query.dtype) if mask.dtype == torch.bool else mask
            bias = mask if bias is None else bias + mask
        scale = dim**-0.5 if scaling is None else scaling
        return attend(query.transpose(1, 2), key, value, bias, scale).view(rows, length, heads, dim), None
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    usual: tuple[torch.Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, position_bias=position_bias, **options
    )
    return usual
