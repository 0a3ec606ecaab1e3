"""Prefixes of the last call are taken over, and change nothing but the time."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from smallsteps.engines import Decoding
from smallsteps.engines.fast.cache import RoomyCache
from smallsteps.engines.fast.remembered import Matcher, Prefixes

TURNS = ("the dog ?", "one two three ?", "a mat ?")


def dialogue(loaded: Any, prompts: list[str], **options: Any) -> list[list[str]]:
    """Three turns, each asking after the last reply."""
    texts = list(prompts)
    said: list[list[str]] = [[] for _ in prompts]
    for turn in TURNS:
        texts = [f"{text} {turn}" for text in texts]
        decoding = Decoding(max_new_tokens=6, **options)
        for i, (reply,) in enumerate(loaded.generate(texts, decoding)):
            said[i].append(reply.text)
            texts[i] += f" {reply.text.strip()}"
    return said


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_dialogue_is_the_same_with_and_without(
    engine: Any, prompts: list[str], name: str, temperature: float
) -> None:
    with_memory = engine(name, remember=True, batch_size=3)
    without = engine(name, batch_size=3)
    options = {"temperature": temperature, "seed": 4}
    assert dialogue(with_memory, prompts, **options) == dialogue(without, prompts, **options)
    assert with_memory.counts.reused > 0
    assert with_memory.counts.prefilled < 0.75 * without.counts.prefilled


def test_what_does_not_fit_is_computed_again(engine: Any, prompts: list[str]) -> None:
    tight = engine("llama", remember=True)
    tight.limits = type(tight.limits)(memory_bytes=20_000)
    assert dialogue(tight, prompts) == dialogue(engine("llama"), prompts)
    full = engine("llama", remember=True)
    dialogue(full, prompts)
    assert 0 < tight.counts.reused < full.counts.reused


def test_forget(engine: Any, prompts: list[str]) -> None:
    loaded = engine("llama", remember=True)
    loaded.generate(prompts, Decoding(max_new_tokens=4))
    loaded.forget()
    loaded.generate(prompts, Decoding(max_new_tokens=4))
    assert loaded.counts.reused == 0


def test_longest_common_prefix_wins() -> None:
    kept = [tuple(range(12)), (*range(10), 77, 78), (*range(20),), (5,) * 30]
    matcher = Matcher(sorted((tokens, i) for i, tokens in enumerate(kept)), [], [])
    match = matcher.find((*range(15), 99))
    assert match is not None
    assert (match.start, match.length) == (2, 15)
    match = matcher.find((*range(10), 77, 78))
    assert match is not None
    assert (match.start, match.length) == (1, 11)
    assert matcher.find((1, 2, 3)) is None


@pytest.mark.parametrize("heads", [1, 2, 16])
def test_gathered_states_are_those_of_the_tokens(heads: int) -> None:
    """Rows with holes and padding are laid end to end, and each match ends where it should."""
    cache = RoomyCache()
    states = torch.randn((3, heads, 20, 4), generator=torch.Generator().manual_seed(heads))
    cache.update(states, -states, 0)
    mask = torch.ones((3, 20), dtype=torch.bool)
    mask[0, :3] = mask[2, 5:9] = False
    memory = Prefixes(1 << 20)
    tokens = [tuple(range(100, 117)), tuple(range(200, 212))]  # the second row went on for 4 tokens
    memory.add(tokens, cache, [0, 2], mask)
    matcher = memory.matcher()
    matches = [matcher.find((*tokens[1], 7)), None, matcher.find((*tokens[0][:9], 7))]
    ((keys, values),) = matcher.gather(matches, 15, 32)
    assert keys.shape == (3, heads, 32, 4)
    torch.testing.assert_close(keys[0, :, 3:15], states[2][:, mask[2]][:, :12])
    torch.testing.assert_close(values[2, :, 6:15], -states[0][:, mask[0]][:, :9])
    assert memory.used == 0
