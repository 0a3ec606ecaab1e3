"""The output head and the loss in pieces, so that a step's logits are never in memory all at once.

A vocabulary of 49,152 tokens makes 200 kB of fp32 logits a position, and as much again for each of the
gradient and the converted copies. Here the loss of a piece is differentiated as soon as it is computed; what
is kept is the gradient of the hidden states and of the head. No product is computed twice. Liger and others
do the same for cross-entropy; this works for every objective.
"""

from __future__ import annotations

from typing import Any

import torch

from smallsteps.errors import UserError
from smallsteps.training.objectives import Objective, Targets

Report = torch.Tensor | None


def chunked_loss(
    head: torch.nn.Module,
    hidden: torch.Tensor,
    targets: Targets,
    objective: Objective,
    *,
    size: int,
    share: float,
    precision: torch.dtype | None,
) -> tuple[torch.Tensor, Report]:
    """share x the objective's loss over all positions, and its report.

    Args:
        head: hidden states to logits.
        hidden: shape (n, width).
        targets: of the n positions.
        size: positions whose logits are in memory at a time.
        share: factor of the loss.
        precision: of the head under autocast; None is as its weights are.
    """
    parameters = [p for p in head.parameters() if p.requires_grad]
    reports: list[torch.Tensor] = []
    task = _Task(head, targets, objective, size, share, precision, reports)
    loss = _Chunked.apply(task, hidden, *parameters)  # type: ignore[no-untyped-call]
    return loss, torch.stack(reports).sum(0) if reports else None


class _Task:
    """Arguments that are no tensors to differentiate."""

    def __init__(
        self,
        head: torch.nn.Module,
        targets: Targets,
        objective: Objective,
        size: int,
        share: float,
        precision: torch.dtype | None,
        reports: list[torch.Tensor],
    ) -> None:
        self.head, self.targets, self.objective = head, targets, objective
        self.size, self.share, self.precision, self.reports = size, share, precision, reports

    def loss(self, hidden: torch.Tensor, begin: int, end: int) -> torch.Tensor:
        logits = self.head(hidden)
        with torch.autocast(hidden.device.type, enabled=False):
            loss, report = self.objective(logits, self.targets.part(begin, end))
        if report is not None:
            self.reports.append(report)
        return loss * self.share


class _Chunked(torch.autograd.Function):
    """Gradients are computed in the forward pass, piece by piece, and returned in the backward pass."""

    @staticmethod
    def forward(ctx: Any, task: _Task, hidden: torch.Tensor, *parameters: torch.Tensor) -> torch.Tensor:
        total = hidden.new_zeros((), dtype=torch.float32)
        d_hidden = torch.empty_like(hidden)
        gradients = [torch.zeros_like(p) for p in parameters]
        # one context around all pieces: it converts the head's weights once
        with torch.autocast(hidden.device.type, task.precision, enabled=task.precision is not None):
            for begin in range(0, len(hidden), task.size):
                end = min(begin + task.size, len(hidden))
                with torch.enable_grad():
                    piece = hidden[begin:end].detach().requires_grad_()
                    loss = task.loss(piece, begin, end)
                    found = torch.autograd.grad(loss, (piece, *parameters))
                d_hidden[begin:end] = found[0]
                for sum_, gradient in zip(gradients, found[1:], strict=True):
                    sum_.add_(gradient)
                total += loss.detach()
        ctx.save_for_backward(d_hidden, *gradients)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        d_hidden, *gradients = ctx.saved_tensors
        if gradient.is_cuda or float(gradient) != 1:  # a GPU would have to wait for the answer
            return None, d_hidden * gradient, *(each * gradient for each in gradients)
        return None, d_hidden, *gradients


def check_head(head: torch.nn.Module, hidden: torch.Tensor, logits: torch.Tensor, model: str) -> None:
    """Check that a model's logits are the output of its head, unchanged.

    Args:
        hidden: a position's input of the head; logits: what the model returned for it.

    Raises:
        UserError: they are changed (capped or scaled), which a loss in pieces would leave out.
    """
    with torch.no_grad():
        again = head(hidden)
    if not torch.equal(again.reshape(-1), logits.reshape(-1)):
        raise UserError(
            f"{model} changes its logits after the output head, so its loss cannot be computed in pieces",
            where="optimisation.loss_chunk",
            fix="set 'loss_chunk: 0'",
        )
