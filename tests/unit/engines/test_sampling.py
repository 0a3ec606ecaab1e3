"""The sampler draws what it says, and its streams are their own."""

from __future__ import annotations

import numpy as np
import pytest

from smallsteps.engines.sampling import sample_tokens, uniforms


def test_frequencies_follow_the_distribution() -> None:
    import torch

    logits = torch.tensor([0.0, 1.0, 2.0, -1.0])
    draws = torch.linspace(0, 1, 20001, dtype=torch.float64)[:-1]
    for temperature in (0.5, 1.0, 2.0):
        chosen = sample_tokens(logits.expand(20000, 4), draws, temperature, 1.0)
        expected = torch.softmax(logits.double() / temperature, 0).numpy()
        assert np.bincount(chosen.numpy(), minlength=4) / 20000 == pytest.approx(expected, abs=2e-4)


def test_nucleus_keeps_the_smallest_sufficient_set() -> None:
    import torch

    logits = torch.log(torch.tensor([0.1, 0.5, 0.3, 0.1]))
    draws = torch.linspace(0, 1, 8001, dtype=torch.float64)[:-1]
    chosen = sample_tokens(logits.expand(8000, 4), draws, 1.0, 0.6)
    shares = np.bincount(chosen.numpy(), minlength=4) / 8000
    assert shares == pytest.approx([0, 0.625, 0.375, 0], abs=1e-3)
    assert set(sample_tokens(logits.expand(8000, 4), draws, 1.0, 0.4).tolist()) == {1}


def test_a_draw_next_to_one_stays_inside() -> None:
    import torch

    logits = torch.tensor([[2.0, 1.0, -float("inf"), -float("inf")]])
    edge = torch.tensor([np.nextafter(1.0, 0.0)], dtype=torch.float64)
    assert sample_tokens(logits, edge, 1.0, 1.0).item() == 1
    assert sample_tokens(logits, edge, 1.0, 0.5).item() == 0


def test_streams_depend_on_seed_prompt_and_sample() -> None:
    base = uniforms(1, (1, 2, 3), 0, 5)
    assert (uniforms(1, (1, 2, 3), 0, 3) == base[:3]).all()
    for other in (uniforms(2, (1, 2, 3), 0, 5), uniforms(1, (1, 2), 0, 5), uniforms(1, (1, 2, 3), 1, 5)):
        assert not (other == base).any()
