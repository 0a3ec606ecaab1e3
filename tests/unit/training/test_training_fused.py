"""The fused blocks compute what transformers' compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import base, optimisation

from smallsteps.errors import UserError
from smallsteps.schemes import Example
from smallsteps.training import train
from smallsteps.training.fused import FeedForward, RMSNorm, SelfAttention, fuse
from smallsteps.training.models import Hardware, load_model

CPU = Hardware("cpu", "fp32", "eager")


def double(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def test_backward_passes_are_the_derivatives() -> None:
    """Against finite differences, in float64."""
    torch.manual_seed(0)
    assert torch.autograd.gradcheck(
        FeedForward.apply, (double(3, 4), double(6, 4), double(6, 4), double(4, 6))
    )
    angles = torch.randn(1, 5, 1, 2, dtype=torch.float64)
    cos, sin = (torch.cat((f(angles), f(angles)), -1) for f in (torch.cos, torch.sin))
    sin = sin * torch.tensor([-1.0, -1.0, 1.0, 1.0])
    for groups in (4, 2, 1):
        weights = [double(size, 6) for size in (16, 4 * groups, 4 * groups)]
        assert torch.autograd.gradcheck(
            lambda x, q, k, v, o, groups=groups: SelfAttention.apply(x, q, k, v, o, cos, sin, groups, 0.3),
            [double(2, 5, 6), *weights, double(6, 16)],
        )
        positions = torch.tensor([7, 2, 3, 7])  # one of them twice
        assert torch.autograd.gradcheck(
            lambda x, q, k, v, o, groups=groups, positions=positions: SelfAttention.apply(
                x, q, k, v, o, cos, sin, groups, 0.3, positions
            ),
            [double(2, 5, 6), *weights, double(6, 16)],
        )


def test_norm_is_transformers_norm() -> None:
    from transformers.models.llama.modeling_llama import LlamaRMSNorm

    torch.manual_seed(0)
    reference = LlamaRMSNorm(16)
    reference.weight.data.uniform_(0.5, 1.5)
    x = torch.randn(3, 5, 16, requires_grad=True)
    gradient = torch.randn(3, 5, 16)
    found = []
    for call in (reference, lambda x: RMSNorm.apply(x, reference.weight, 1e-6, torch.float32)):
        y = call(x)
        found.append((y, *torch.autograd.grad(y, (x, reference.weight), gradient)))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("heads", [2, 1])
def test_model_gives_the_same_loss_and_gradients(heads: int, tokenizer_dir: Path, tokenizer: Any) -> None:
    spec = base("llama", tokenizer_dir, attention_dropout=0.0, num_key_value_heads=heads)
    model = load_model(spec, tokenizer, CPU, 1).train()
    ids = torch.randint(5, 60, (3, 17), generator=torch.Generator().manual_seed(0))

    def run(bf16: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits = model(input_ids=ids, use_cache=False).logits.float()
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        return logits.detach(), {n: p.grad.clone() for n, p in model.named_parameters()}

    plain, plain_bf16 = run(False), run(True)
    undo = fuse(model)
    fused, fused_bf16 = run(False), run(True)
    undo()
    again = run(False)
    assert torch.equal(again[0], plain[0])  # undone
    torch.testing.assert_close(fused[0], plain[0], rtol=1e-4, atol=1e-5)
    for name, gradient in plain[1].items():
        torch.testing.assert_close(fused[1][name], gradient, rtol=1e-3, atol=1e-6, msg=name)
        # bf16: as far from the fp32 gradient as transformers' own bf16 is, or nearer
        scale = gradient.norm()
        mine, theirs = ((other[1][name] - gradient).norm() / scale for other in (fused_bf16, plain_bf16))
        assert mine < max(1.5 * theirs, 0.01), name


def test_last_block_for_some_positions(tokenizer_dir: Path, tokenizer: Any) -> None:
    """Hidden states and gradients are those of the whole forward, read at the positions."""
    model = load_model(base("llama", tokenizer_dir, attention_dropout=0.0), tokenizer, CPU, 1).train()
    ids = torch.randint(5, 60, (3, 17), generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([4, 5, 6, 30, 50, 0, 0])
    asked = []

    def run(read: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        model.zero_grad()
        undo = fuse(model, read)
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
        undo()
        chosen = hidden[0] if len(hidden) == 1 else hidden.flatten(0, 1)[positions]
        chosen.square().sum().backward()
        return chosen, {n: p.grad.clone() for n, p in model.named_parameters()}

    whole = run(lambda tokens: None)
    some = run(lambda tokens: asked.append(tokens) or positions)
    assert asked == [ids.numel()]
    torch.testing.assert_close(some[0], whole[0])
    for name, gradient in whole[1].items():
        size = float(gradient.abs().max())
        torch.testing.assert_close(some[1][name], gradient, rtol=0, atol=1e-4 * size, msg=name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="on a GPU 'fused' is SDPA, for every model")
def test_only_llamas_are_fused(tokenizer_dir: Path, examples: list[Example], tmp_path: Path) -> None:
    settings = optimisation(attention="fused", steps=2)
    for spec in (base("t5", tokenizer_dir), base("llama", tokenizer_dir)):  # the latter has attention dropout
        with pytest.raises(UserError, match="for Llama models"):
            train(examples, spec, settings, seed=1, out=tmp_path / "s")


def test_training_fused_follows_training_eager(
    tokenizer_dir: Path, examples: list[Example], tmp_path: Path
) -> None:
    spec = base("llama", tokenizer_dir, attention_dropout=0.0)
    results = [
        train(examples, spec, optimisation(attention=kind, steps=15), seed=1, out=tmp_path / kind)
        for kind in ("eager", "fused")
    ]
    first, second = (result.figures for result in results)
    assert second.attention in ("fused", "sdpa")
    assert second.final_loss == pytest.approx(first.final_loss, abs=0.01)
    configs = [(result.folder / "config.json").read_text() for result in results]
    assert configs[0] == configs[1]
