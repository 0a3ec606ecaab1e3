"""Llama's blocks with hand-written backward passes, for bf16 on a CPU.

At these sizes a CPU multiplies matrices faster than it reads them: most of a step is spent on element-wise
passes over activations, which autograd and autocast multiply by keeping and converting copies. The functions
below make fewer passes and keep fewer copies. Scores, probabilities and products are bf16 and norms are
fp32, as with transformers' eager attention under autocast, so results differ from it by rounding alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from smallsteps.errors import UserError

NAME = "smallsteps_causal"


def fuse(model: Any) -> Callable[[], None]:
    """Let a Llama's norms, attention and SwiGLU run through this module; call the result to undo it.

    Only for what training does: whole causal sequences, padded on the right, without a cache.

    Raises:
        UserError: not a Llama, or one with attention dropout or another activation.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.models.llama.modeling_llama import LlamaForCausalLM, LlamaMLP, LlamaRMSNorm

    config = model.config
    if not isinstance(model, LlamaForCausalLM) or config.attention_dropout or config.hidden_act != "silu":
        raise UserError(
            "'attention: fused' is for Llama models with SwiGLU and without attention dropout",
            where="optimisation.attention",
            fix="use 'attention: auto'",
        )
    AttentionInterface.register(NAME, _attention)
    AttentionMaskInterface.register(NAME, lambda *args, **kwargs: None)
    before = config._attn_implementation
    model.set_attn_implementation(NAME)
    changed = [module for module in model.modules() if isinstance(module, LlamaRMSNorm | LlamaMLP)]
    for module in changed:
        forward = _norm if isinstance(module, LlamaRMSNorm) else _swiglu
        vars(module)["forward"] = forward.__get__(module)

    def undo() -> None:
        model.set_attn_implementation(before)
        for module in changed:
            del vars(module)["forward"]

    return undo


class RMSNorm(torch.autograd.Function):
    """y = w x / rms(x), in fp32, returned in `dtype`. Rows are the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float, dtype: torch.dtype) -> Any:
        rows = x.reshape(-1, x.shape[-1]).float()
        norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        inverse = norm.square_().div_(rows.shape[-1]).add_(eps).rsqrt_()
        unit = rows * inverse
        ctx.save_for_backward(unit, inverse, weight)
        return (unit * weight).to(dtype).view(x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        # dx = (g w - u mean(g w u)) / rms with u = x / rms, and dw = sum over rows of g u
        unit, inverse, weight = ctx.saved_tensors
        rows = gradient.reshape(unit.shape).float()
        product = rows * unit
        mean = torch.mv(product, weight).div_(unit.shape[-1]).unsqueeze(1)
        dx = (rows * weight).addcmul_(unit, mean, value=-1).mul_(inverse)
        return dx.view(gradient.shape), product.sum(0), None, None


class SwiGLU(torch.autograd.Function):
    """silu(gate) up."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> Any:
        activated = functional.silu(gate)
        ctx.save_for_backward(gate, up, activated)
        return activated * up

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        gate, up, activated = ctx.saved_tensors
        return torch.ops.aten.silu_backward(gradient * up, gate), gradient * activated


class CausalAttention(torch.autograd.Function):
    """softmax(scale Q K' + mask) V for (batch x heads, length, width) tensors and a (length, length) mask."""

    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float
    ) -> Any:
        weights = torch.softmax(torch.baddbmm(mask, q, k.mT, alpha=scale), -1)
        ctx.save_for_backward(q, k, v, weights)
        ctx.scale = scale
        return torch.bmm(weights, v)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        q, k, v, weights = ctx.saved_tensors
        dv = torch.bmm(weights.mT, gradient)
        scores = torch.ops.aten._softmax_backward_data(torch.bmm(gradient, v.mT), weights, -1, weights.dtype)
        dq = torch.baddbmm(q, scores, k, beta=0, alpha=ctx.scale)
        dk = torch.baddbmm(k, scores.mT, q, beta=0, alpha=ctx.scale)
        return dq, dk, dv, None, None


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' attention interface: (batch, heads, length, width) to (batch, length, heads, width)."""
    batch, heads, length, width = query.shape
    if attention_mask is not None:
        raise ValueError("fused attention knows the causal mask alone")
    groups = heads // key.shape[1]
    if groups > 1:
        key, value = (side.repeat_interleave(groups, dim=1) for side in (key, value))
    flat = [side.to(value.dtype).reshape(batch * heads, length, width) for side in (query, key, value)]
    mask = torch.full((length, length), torch.finfo(value.dtype).min, dtype=value.dtype).triu_(1)
    with torch.autocast("cpu", enabled=False):  # softmax would be widened to fp32 and narrowed again
        mixed = CausalAttention.apply(*flat, mask, scaling)  # type: ignore[no-untyped-call]
    return mixed.view(batch, heads, length, width).transpose(1, 2), None


def _norm(self: Any, hidden_states: torch.Tensor) -> Any:
    # under autocast every reader of a norm wants bf16: narrowed here once, not once by each projection
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else hidden_states.dtype
    return RMSNorm.apply(hidden_states, self.weight, self.variance_epsilon, dtype)  # type: ignore[no-untyped-call]


def _swiglu(self: Any, x: torch.Tensor) -> Any:
    return self.down_proj(SwiGLU.apply(self.gate_proj(x), self.up_proj(x)))  # type: ignore[no-untyped-call]
