"""Prefixes of the last call are taken over, and change nothing but the time."""

from __future__ import annotations

from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.prefixes import Matcher

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
    block: Any = object()
    kept = [tuple(range(12)), (*range(10), 77, 78), (*range(20),), (5,) * 30]
    matcher = Matcher(sorted(((tokens, block, i) for i, tokens in enumerate(kept)), key=lambda r: r[0]))
    match = matcher.find((*range(15), 99))
    assert match is not None
    assert (match.row, match.length) == (2, 15)
    match = matcher.find((*range(10), 77, 78))
    assert match is not None
    assert (match.row, match.length) == (1, 11)
    assert matcher.find((1, 2, 3)) is None
