from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from training_cases import base, optimisation

from smallsteps.training.models import Hardware, load_model
from smallsteps.training.muon import BatchedMuon
from smallsteps.training.optimizers import build_optimizer, hidden_matrices, rate

CPU = Hardware("cpu", "fp32", "eager")


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_muon_takes_hidden_matrices_and_nothing_else(kind: str, tokenizer_dir: Path, tokenizer: Any) -> None:
    model = load_model(base(kind, tokenizer_dir), tokenizer, CPU, 1)
    parameters = dict(model.named_parameters())
    names = hidden_matrices(model)
    outside = {name for name in parameters if name not in names}
    assert all(parameters[name].ndim == 2 for name in names)
    known = ("norm", "embed", "shared", "relative_attention_bias", "lm_head")
    assert [name for name in outside if not any(word in name for word in known)] == []
    assert [name for name in names if any(word in name for word in known)] == []
    assert names


def toy() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Embedding(11, 8), torch.nn.Linear(8, 8), torch.nn.LayerNorm(8))


def steps(model: torch.nn.Module, optimizer: torch.optim.Optimizer, count: int) -> None:
    for number in range(count):
        ids = torch.arange(11) * (number + 3) % 11
        model(ids).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()


def test_one_optimizer_is_the_two_of_torch() -> None:
    settings = optimisation(learning_rate=0.01, embedding_lr_scale=0.5, weight_decay=0.2)
    mine, theirs = toy(), toy()
    steps(mine, build_optimizer(mine, settings), 3)
    embedding, linear, norm = theirs
    muon = torch.optim.Muon([linear.weight], lr=0.01, weight_decay=0.2, momentum=0.95)
    adamw = torch.optim.AdamW(
        [
            {"params": [embedding.weight], "weight_decay": 0.2},
            {"params": [linear.bias, *norm.parameters()], "weight_decay": 0.0},
        ],
        lr=0.005,
        betas=(0.9, 0.95),
    )
    for number in range(3):
        ids = torch.arange(11) * (number + 3) % 11
        theirs(ids).square().sum().backward()
        muon.step()
        adamw.step()
        theirs.zero_grad()
    for (name, parameter), other in zip(mine.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(parameter, other, msg=name)


def test_batched_muon_is_torchs_muon_to_the_bit() -> None:
    """Two shapes that share a batch once transposed, a third that does not, and one without gradient."""
    shapes = [(16, 16), (40, 16), (16, 40), (16, 16), (40, 16), (24, 8), (16, 16)]

    def parameters() -> list[torch.nn.Parameter]:
        torch.manual_seed(3)
        return [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]

    mine, theirs = parameters(), parameters()
    optimizers = [
        kind(some, lr=0.02, weight_decay=0.1)
        for kind, some in ((BatchedMuon, mine), (torch.optim.Muon, theirs))
    ]
    for number in range(4):
        for some, optimizer in zip((mine, theirs), optimizers, strict=True):
            torch.manual_seed(number)
            for parameter in some[:-1]:
                parameter.grad = torch.randn(parameter.shape) * 0.01
            optimizer.step()
    for one, other in zip(mine, theirs, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(mine[0], parameters()[0])


def test_state_survives_saving_and_the_schedule_still_reaches_both(tmp_path: Path) -> None:
    settings = optimisation(learning_rate=0.01)
    straight = toy()
    straight_optimizer = build_optimizer(straight, settings)
    steps(straight, straight_optimizer, 2)
    saved = toy()
    saved.load_state_dict(copy.deepcopy(straight.state_dict()))
    optimizer = build_optimizer(saved, settings)
    torch.save(straight_optimizer.state_dict(), tmp_path / "state.pt")
    optimizer.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for either in (straight_optimizer, optimizer):
        for group in either.param_groups:
            group["lr"] *= 0.1
    steps(straight, straight_optimizer, 2)
    steps(saved, optimizer, 2)
    for parameter, other in zip(straight.parameters(), saved.parameters(), strict=True):
        assert torch.equal(parameter, other)


def test_schedules() -> None:
    linear = [rate(step, 100, optimisation(warmup=0.1, schedule="linear")) for step in range(100)]
    assert 0 < linear[0] < linear[9] < linear[10] == 1.0
    assert linear[55] == pytest.approx(0.5)
    assert 0 < linear[99] < 0.02
    cosine = [rate(step, 100, optimisation(warmup=0.1, schedule="cosine")) for step in range(100)]
    assert cosine[55] == pytest.approx(0.5)
    assert cosine[30] > linear[30]
    assert cosine[80] < linear[80]
    assert rate(99, 100, optimisation(warmup=0.1, schedule="constant")) == 1.0
    assert rate(0, 100, optimisation(warmup=0.0)) == 1.0
