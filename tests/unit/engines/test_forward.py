"""Our own attention and Llama forward against PyTorch's and transformers'."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from smallsteps.engines.causal import CausalForward
from smallsteps.engines.fast.attention import NAME, SHORT, attend, closed
from smallsteps.engines.fast.llama import LlamaForward


@pytest.mark.parametrize(
    ("heads", "groups", "length"),
    [(4, 4, 1), (4, 2, 1), (4, 1, 1), (6, 3, 1), (1, 1, 1), (16, 8, 1), (4, 1, 5), (4, 2, 5), (8, 8, 3)],
)
@pytest.mark.parametrize("slots", [7, SHORT + 1])
@pytest.mark.parametrize("masked", [True, False])
def test_attention_is_scaled_dot_product_attention(
    heads: int, groups: int, length: int, masked: bool, slots: int
) -> None:
    generator = torch.Generator().manual_seed(heads + groups)
    rows, dim = 3, 8
    query = torch.randn((rows, length, heads, dim), generator=generator)
    key, value = (torch.randn((rows, groups, slots, dim), generator=generator) for _ in range(2))
    mask = torch.rand((rows, length, slots), generator=generator) > 0.3
    mask[:, :, -1] = True
    found = attend(query, key, value, closed(mask, query.dtype)[:, None] if masked else None, 0.3)
    wanted = torch.nn.functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        key,
        value,
        attn_mask=mask[:, None] if masked else None,
        scale=0.3,
        enable_gqa=True,
    )
    torch.testing.assert_close(found.view(rows, length, heads, dim), wanted.transpose(1, 2))


@pytest.mark.parametrize("made", ["from the module", "from the files"])
def test_llama_forward_has_the_logits_of_transformers(engine: Any, original: Any, made: str) -> None:
    """Prompts of several lengths, then single tokens, with left padding and a cache that grows."""
    model = original("llama")
    forward = engine("llama").forward if made == "from the files" else LlamaForward.of(original("llama"))
    assert isinstance(forward, LlamaForward)
    ids = torch.randint(4, 20, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones((3, 9), dtype=torch.bool)
    mask[0, :4] = mask[2, :1] = False
    positions = (mask.long().cumsum(1) - 1).clamp(min=0)
    caches = [forward.new_cache(), CausalForward.of(model).new_cache()]
    forwards: list[Any] = [forward, CausalForward.of(model)]
    with torch.inference_mode():
        own, wanted = (f(ids, mask, positions, c, 5) for f, c in zip(forwards, caches, strict=True))
        for _ in range(40):  # beyond the capacity the buffers begin with
            torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-4)
            token = wanted[:, -1].argmax(-1)
            mask = torch.nn.functional.pad(mask, (0, 1), value=True)
            positions = positions[:, -1:] + 1
            own, wanted = (
                f(token[:, None], mask, positions, c) for f, c in zip(forwards, caches, strict=True)
            )


def test_likelihood_needs_no_cache(engine: Any, original: Any) -> None:
    ids = torch.randint(4, 20, (2, 6), generator=torch.Generator().manual_seed(1))
    mask, positions = torch.ones((2, 6), dtype=torch.bool), torch.arange(6).expand(2, 6)
    with torch.inference_mode():
        own = engine("llama").forward(ids, mask, positions, None, 6)
        wanted = original("llama")(input_ids=ids, use_cache=False).logits
    torch.testing.assert_close(own, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "gpt_neox", "mistral", "t5"])
def test_other_architectures_use_our_attention_alone(engine: Any, name: str) -> None:
    """Their texts are compared with `generate` elsewhere; here: that the fast path is the one tested."""
    loaded = engine(name)
    assert LlamaForward.of(loaded.model) is None
    assert loaded.model.config._attn_implementation == NAME


def test_padding_takes_no_products(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of 1 to 12 tokens, padded on the left or on the right, cost what their tokens cost."""
    forward = engine("llama").forward
    lengths = torch.tensor([12, 1, 5, 2])
    ids = torch.randint(4, 20, (4, 12), generator=torch.Generator().manual_seed(2))
    left = torch.arange(12)[None] >= 12 - lengths[:, None]
    read: list[int] = []
    linear = torch.nn.functional.linear

    def counted(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        read.append(len(x))
        return linear(x, weight)

    monkeypatch.setattr(torch.nn.functional, "linear", counted)
    for mask in (left, left.flip(1)):
        positions = (mask.long().cumsum(1) - 1).clamp(min=0)
        with torch.inference_mode():
            found = forward(ids, mask, positions, None, 12)
        assert set(read) == {20}
        for row, valid in enumerate(mask):
            alone = ids[row][valid][None]
            with torch.inference_mode():
                wanted = forward(
                    alone, torch.ones_like(alone).bool(), torch.arange(alone.shape[1])[None], None, 12
                )
            torch.testing.assert_close(found[row][valid], wanted[0], rtol=1e-4, atol=1e-4)
        read.clear()


def test_numbers_of_real_tokens_are_few() -> None:
    """Every token is among the places, and rounding up adds a sixteenth at most."""
    from smallsteps.engines.fast.llama import _real

    sizes = set()
    for tokens in range(1, 1000):
        mask = (torch.arange(2048) < tokens).flip(0).view(16, 128)
        places = _real(mask, 128)
        assert places is not None
        assert mask.flatten()[places].sum() == tokens
        assert len(places.unique()) == len(places) <= tokens * 17 / 16
        sizes.add(len(places))
    assert len(sizes) < 130
