"""Muon for the hidden matrices with AdamW for the rest, as one optimizer; and the learning-rate schedules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from smallsteps.training.muon import BatchedMuon

if TYPE_CHECKING:
    from smallsteps.training.settings import Optimisation


class MuonWithAdamW(torch.optim.Optimizer):
    """Two torch optimizers behind one interface, so that Trainer checkpoints and schedules them as one.

    The parameter groups are the inner optimizers' own dictionaries: a scheduler that sets `lr` here sets it
    there.
    """

    def __init__(
        self, muon_groups: list[dict[str, Any]], adamw_groups: list[dict[str, Any]], *, momentum: float
    ) -> None:
        self.muon = BatchedMuon(muon_groups, momentum=momentum)
        self.adamw = torch.optim.AdamW(adamw_groups, fused=True)
        super().__init__([{**group} for group in (*muon_groups, *adamw_groups)], {})
        self._share()

    def _share(self) -> None:
        self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of both."""
        loss = self.muon.step(closure)
        self.adamw.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Both states, by name."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both states."""
        self.muon.load_state_dict(state_dict["muon"])
        self.adamw.load_state_dict(state_dict["adamw"])
        self._share()


def build_optimizer(model: Any, settings: Optimisation) -> torch.optim.Optimizer:
    """The optimizer of a model: decay on every parameter with two or more dimensions, none on the others."""
    parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
    hidden = hidden_matrices(model) if settings.optimizer == "muon" else set()
    muon = [p for name, p in parameters.items() if name in hidden]
    rest = [p for name, p in parameters.items() if name not in hidden]
    lr = settings.learning_rate * (settings.embedding_lr_scale if settings.optimizer == "muon" else 1.0)
    groups: list[dict[str, Any]] = [
        {"params": params, "lr": lr, "weight_decay": decay, "betas": settings.betas}
        for params, decay in (
            ([p for p in rest if p.ndim >= 2], settings.weight_decay),
            ([p for p in rest if p.ndim < 2], 0.0),
        )
        if params
    ]
    if not muon:
        return torch.optim.AdamW(groups, fused=True)
    matrices = {"params": muon, "lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if not groups:  # adapters are matrices and nothing else
        return BatchedMuon([matrices], momentum=settings.momentum)
    return MuonWithAdamW([matrices], groups, momentum=settings.momentum)


def hidden_matrices(model: Any) -> set[str]:
    """Names of the two-dimensional parameters that are neither embeddings nor the output head."""
    outer = {id(p) for m in model.modules() if isinstance(m, nn.Embedding) for p in m.parameters()}
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    if isinstance(head, nn.Module):
        outer |= {id(p) for p in head.parameters()}
    return {name for name, p in model.named_parameters() if p.ndim == 2 and id(p) not in outer}


def rate(step: int, steps: int, settings: Optimisation) -> float:
    """Learning rate of a step (from 0) as a share of the peak; no step is spent at zero."""
    warm = round(settings.warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if settings.schedule == "constant":
        return 1.0
    done = (step - warm) / max(1, steps - warm)
    return 1.0 - done if settings.schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
