"""Llama's blocks with hand-written backward passes, for bf16 on a CPU.

At these sizes a CPU multiplies matrices faster than it reads them: most of a step is spent on element-wise
passes over activations, which autograd and autocast multiply by keeping and converting copies. The functions
below make fewer passes and keep fewer copies; queries, keys and values come from one product. Products,
rotations and probabilities are bf16 and norms are fp32, so results differ from transformers' eager attention
under autocast by rounding alone.

Shapes: R rows (batch x length), W width, F inner width of the feed-forward, B batch, L length, D dim of a
head, G groups (heads of keys and values), M members (query heads of a group), Q = G M query heads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from smallsteps.errors import UserError

NAME = "smallsteps_causal"
WIDE = (
    1024  # inner width from which memory is worth more than an element-wise pass: less is kept for backward
)


def fits(model: Any) -> bool:
    """Whether the blocks below are equivalent to this model's."""
    from transformers.models.llama.modeling_llama import LlamaForCausalLM

    config = model.config
    return (
        type(model) is LlamaForCausalLM
        and config.hidden_act == "silu"
        and not (config.attention_dropout or config.attention_bias or config.mlp_bias)
    )


def fuse(model: Any, read: Callable[[int], torch.Tensor | None] = lambda tokens: None) -> Callable[[], None]:
    """Let a Llama's norms, attention and SwiGLU run through this module; call the result to undo it.

    Only for what training does: whole causal sequences, padded on the right, without a cache.

    Args:
        read: asked in each forward, with the number of its tokens, for the positions (flat, of rows x length)
            that will be read of the last block's output. It then gives (1, positions, width), and spares the
            others all that is not keys and values. None is all of them, in their shape.

    Raises:
        UserError: not a Llama, or one with biases, attention dropout or another activation.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP, LlamaRMSNorm

    if not fits(model):
        raise UserError(
            "'attention: fused' is for Llama models with SwiGLU, without biases and attention dropout",
            where="optimisation.attention",
            fix="use 'attention: auto'",
        )
    AttentionInterface.register(NAME, _never)
    AttentionMaskInterface.register(NAME, lambda *args, **kwargs: None)
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    forwards = {LlamaRMSNorm: _norm, LlamaMLP: _feed_forward, LlamaAttention: _attend}
    changed = [module for module in model.modules() if type(module) in forwards]
    for module in changed:
        vars(module)["forward"] = forwards[type(module)].__get__(module)
    last = model.model.layers[-1]
    vars(last)["forward"] = partial(_last_block, last, read)
    changed.append(last)

    def undo() -> None:
        model.set_attn_implementation(before)
        for module in changed:
            del vars(module)["forward"]

    return undo


class RMSNorm(torch.autograd.Function):
    """y = w x / rms(x), in fp32, returned in `dtype`. Rows are the last dimension."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, eps: float, dtype: torch.dtype) -> Any:
        rows = x.reshape(-1, x.shape[-1]).float()  # (R, W)
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


class FeedForward(torch.autograd.Function):
    """SwiGLU on rows: (silu(x G') * (x U')) D', with weights in fp32 and products in the type of x."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, gate: torch.Tensor, up: torch.Tensor, down: torch.Tensor) -> Any:
        given = (gate, up, down)
        gate, up, down = (weight.to(x.dtype) for weight in given)
        opened, carried = x @ gate.t(), x @ up.t()  # (R, W) times (W, F), twice
        activated = functional.silu(opened)
        hidden = activated * carried
        kept = (*given, None, None) if gate.shape[0] >= WIDE else (gate, up, down, activated, hidden)
        ctx.save_for_backward(x, opened, carried, *kept)
        return hidden @ down.t()

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        x, opened, carried, *weights, activated, hidden = ctx.saved_tensors
        gate, up, down = (weight.to(x.dtype) for weight in weights)
        if activated is None:
            activated = functional.silu(opened)
            hidden = activated * carried
        gradient = gradient.to(x.dtype)
        d_hidden = gradient @ down
        d_opened = torch.ops.aten.silu_backward(d_hidden * carried, opened)
        d_carried = d_hidden * activated
        dx = torch.addmm(d_opened @ gate, d_carried, up)
        weights = (d_opened.t() @ x, d_carried.t() @ x, gradient.t() @ hidden)
        return dx, *(weight.float() if x.dtype == torch.bfloat16 else weight for weight in weights)


class SelfAttention(torch.autograd.Function):
    """Causal attention with rotary positions on (batch, length, width); weights as in `FeedForward`.

    `cos` and `sin` are (1 or batch, length, 1 or heads, dim), heads of queries and keys together, the first
    half of `sin` negated; `groups` heads of keys and values are shared by equal numbers of query heads. With
    `positions`, flat of (batch x length), the result is (1, positions, width).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        out: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        groups: int,
        scale: float,
        positions: torch.Tensor | None = None,
    ) -> Any:
        batch, length, width = x.shape
        dim = cos.shape[-1]
        members = query.shape[0] // dim // groups
        sizes = (batch, length, groups, members, dim)
        given = (query, key, value, out)
        joined, out = torch.cat((query, key, value)).to(x.dtype), out.to(x.dtype)
        rows = x.reshape(-1, width)
        qkv = (rows @ joined.t()).view(batch, length, -1, dim)  # (B, L, Q + 2 G, D)
        turned = _turn(qkv[:, :, :-groups], cos, sin)
        q = _by_group(turned[:, :, :-groups], sizes)  # (B G, M L, D); k and v (B G, L, D)
        k, v = (_by_group(part[:, :, -groups:], (*sizes[:3], 1, dim)) for part in (turned, qkv))
        mask = torch.full((length, length), torch.finfo(x.dtype).min, dtype=x.dtype).triu_(1)
        scores = torch.baddbmm(mask.repeat(members, 1), q, k.mT, alpha=scale)  # (B G, M L, L)
        # in fp32: PyTorch's bf16 softmax is the slower one
        weights = torch.softmax(scores, -1, dtype=torch.promote_types(x.dtype, torch.float32)).to(x.dtype)
        mixed = _by_token(torch.bmm(weights, v), sizes).flatten(0, 1)  # (R, Q D)
        if positions is not None:
            mixed = mixed.index_select(0, positions)
        kept = given if width >= WIDE // 2 else (joined, None, None, out)
        ctx.save_for_backward(rows, *kept, cos, sin, q, k, v, weights, mixed, positions)
        ctx.sizes, ctx.scale = sizes, scale
        return (mixed @ out.t()).view(*(x.shape[:2] if positions is None else (1, -1)), width)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        rows, *given, cos, sin, q, k, v, weights, mixed, positions = ctx.saved_tensors
        joined, out = given[0], given[3].to(rows.dtype)
        if given[1] is not None:
            joined = torch.cat(given[:3]).to(rows.dtype)
        batch, length, groups, members, dim = sizes = ctx.sizes
        single = (*sizes[:3], 1, dim)
        gradient = gradient.reshape(-1, out.shape[0]).to(rows.dtype)
        d_out = gradient.t() @ mixed
        d_mixed = gradient @ out
        if positions is not None:  # some of them may be repeated
            d_mixed = d_mixed.new_zeros(batch * length, d_mixed.shape[1]).index_add_(0, positions, d_mixed)
        d_mixed = _by_group(d_mixed.view(batch, length, -1, dim), sizes)
        d_scores = torch.ops.aten._softmax_backward_data(torch.bmm(d_mixed, v.mT), weights, -1, weights.dtype)
        d_q = torch.baddbmm(q, d_scores, k, beta=0, alpha=ctx.scale)
        d_k = torch.baddbmm(k, d_scores.mT, q, beta=0, alpha=ctx.scale)
        d_v = _by_token(torch.bmm(weights.mT, d_mixed), single)
        turned = torch.cat((_by_token(d_q, sizes), _by_token(d_k, single)), -1)
        turned = _turn(turned.view(batch, length, -1, dim), cos, -sin)
        d_qkv = torch.cat((turned.flatten(2), d_v), -1).flatten(0, 1)  # (R, (Q + 2 G) D)
        heads = groups * members
        parts = (d_qkv.t() @ rows).to(torch.promote_types(rows.dtype, torch.float32))
        d_query, d_key, d_value = parts.split([heads * dim, groups * dim, groups * dim])
        dx = (d_qkv @ joined).view(batch, length, -1)
        return dx, d_query, d_key, d_value, d_out.to(parts.dtype), None, None, None, None, None


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions: pairs are the halves of the last dimension."""
    half = x.shape[-1] // 2
    return torch.addcmul(x * cos, torch.cat((x[..., half:], x[..., :half]), -1), sin)


_Sizes = tuple[int, int, int, int, int]


def _by_group(x: torch.Tensor, sizes: _Sizes) -> torch.Tensor:
    """(batch, length, heads, dim) to (batch x groups, members x length, dim)."""
    batch, length, groups, members, dim = sizes
    grouped = x.reshape(sizes).permute(0, 2, 3, 1, 4)
    return grouped.reshape(batch * groups, members * length, dim)


def _by_token(x: torch.Tensor, sizes: _Sizes) -> torch.Tensor:
    """(batch x groups, members x length, dim) to (batch, length, heads x dim)."""
    batch, length, groups, members, dim = sizes
    return x.view(batch, groups, members, length, dim).permute(0, 3, 1, 2, 4).reshape(batch, length, -1)


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("the blocks that would ask for attention are replaced")


def _norm(self: Any, hidden_states: torch.Tensor) -> Any:
    # under autocast every reader of a norm wants bf16: narrowed here once, not once by each projection
    dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else hidden_states.dtype
    return RMSNorm.apply(hidden_states, self.weight, self.variance_epsilon, dtype)  # type: ignore[no-untyped-call]


def _feed_forward(self: Any, x: torch.Tensor) -> Any:
    weights = self.gate_proj.weight, self.up_proj.weight, self.down_proj.weight
    with torch.autocast("cpu", enabled=False):  # types are chosen inside
        rows = FeedForward.apply(x.reshape(-1, x.shape[-1]), *weights)  # type: ignore[no-untyped-call]
    return rows.view(x.shape)


def _attend(
    self: Any,
    hidden_states: torch.Tensor,
    position_embeddings: tuple[torch.Tensor, torch.Tensor],
    attention_mask: torch.Tensor | None = None,
    positions: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' `LlamaAttention.forward`; `positions` as in `SelfAttention`."""
    if attention_mask is not None:
        raise ValueError("fused attention knows the causal mask alone")
    weights = [layer.weight for layer in (self.q_proj, self.k_proj, self.v_proj, self.o_proj)]
    groups = self.config.num_key_value_heads
    turned = self.config.num_attention_heads + groups
    # written out for all heads, because broadcasting takes half as long again
    cos, sin = (
        part[:, :, None].to(hidden_states.dtype).expand(-1, -1, turned, -1) for part in position_embeddings
    )
    cos, half = cos.contiguous(), sin.shape[-1] // 2
    sin = torch.cat((-sin[..., :half], sin[..., half:]), -1)
    with torch.autocast("cpu", enabled=False):
        mixed = SelfAttention.apply(  # type: ignore[no-untyped-call]
            hidden_states, *weights, cos, sin, groups, self.scaling, positions
        )
    return mixed, None


def _last_block(
    self: Any,
    read: Callable[[int], torch.Tensor | None],
    hidden_states: torch.Tensor,
    **options: Any,
) -> torch.Tensor:
    """transformers' `LlamaDecoderLayer.forward`, from attention's output on for the positions read alone."""
    positions = read(hidden_states.shape[0] * hidden_states.shape[1])
    normed = self.input_layernorm(hidden_states)
    mixed, _ = self.self_attn(hidden_states=normed, positions=positions, **options)
    if positions is not None:
        hidden_states = hidden_states.flatten(0, 1).index_select(0, positions)[None]
    x: torch.Tensor = hidden_states + mixed
    added: torch.Tensor = self.mlp(self.post_attention_layernorm(x))
    return x + added
