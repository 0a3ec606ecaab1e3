"""Choosing the next token: greedy, or one uniform number a token through the inverse of the distribution."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch


def uniforms(seed: int, prompt: Sequence[int], sample: int, count: int) -> npt.NDArray[np.float64]:
    """The random numbers of one text, shape (count,): a function of these arguments alone."""
    digest = hashlib.sha256(f"{seed}:{sample}:{','.join(map(str, prompt))}".encode()).digest()
    key = np.frombuffer(digest[:16], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random(count)


def sample_tokens(
    logits: torch.Tensor, draws: torch.Tensor, temperature: float, top_p: float
) -> torch.Tensor:
    """Tokens of shape (rows,) from logits (rows, vocabulary) and one uniform draw in [0, 1) a row.

    The nucleus is the smallest set of most probable tokens whose mass reaches `top_p`.
    """
    probabilities = torch.softmax(logits.double() / temperature, dim=-1)
    if top_p < 1.0:
        ordered, order = probabilities.sort(dim=-1, descending=True, stable=True)
        before = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(before >= top_p, 0.0)
        probabilities = torch.zeros_like(probabilities).scatter_(-1, order, ordered)
    mass = probabilities.cumsum(-1)
    # scaled by the mass itself, so that rounding can never ask for a token beyond the last possible one
    target = draws.to(mass)[:, None] * mass[:, -1:]
    chosen = torch.searchsorted(mass, target, right=True)[:, 0]
    last_possible = (probabilities > 0).long().mul(torch.arange(1, mass.shape[1] + 1, device=mass.device))
    return torch.minimum(chosen, last_possible.amax(-1) - 1)
