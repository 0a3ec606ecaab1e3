"""Likelihoods equal those read off one forward at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest

PAIRS = [
    ("the cat", " sat on a mat"),
    ("the dog ran far and the cat", " sat"),
    ("one two", " three four five six seven"),
    ("", "the cat"),
    ("home ", "and far"),
]


def reference(engine: Any, model: Any, context: str, continuation: str) -> tuple[float, bool]:
    import torch

    tokenizer = engine.tokenizer
    after = tokenizer(continuation, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        if engine.encoder:
            before = torch.tensor([tokenizer(context)["input_ids"]])
            logits = model(input_ids=before, decoder_input_ids=torch.tensor([[0, *after[:-1]]])).logits[0]
        else:
            before = tokenizer(context, add_special_tokens=False)["input_ids"] or [1]  # type: ignore[assignment]
            logits = model(input_ids=torch.tensor([before + after])).logits[0]
            logits = logits[len(before) - 1 : -1]
        logprobs = torch.log_softmax(logits.double(), -1)
    total = sum(logprobs[i, token].item() for i, token in enumerate(after))
    return total, logprobs.argmax(-1).tolist() == after


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_likelihoods(engine: Any, original: Any, name: str, batch_size: int | None) -> None:
    loaded, model = engine(name, batch_size=batch_size), original(name)
    for (context, continuation), (value, greedy) in zip(PAIRS, loaded.loglikelihood(PAIRS), strict=True):
        expected, expected_greedy = reference(loaded, model, context.rstrip(), continuation)
        assert math.isclose(value, expected, abs_tol=1e-4), (context, continuation)
        assert greedy == expected_greedy


def test_greedy_flag_can_be_true(engine: Any) -> None:
    from smallsteps.engines import Decoding

    loaded = engine("llama")
    ((generation,),) = loaded.generate(["the cat"], Decoding(max_new_tokens=3))
    assert loaded.loglikelihood([("the cat", f" {generation.text.strip()}")])[0][1]


def test_context_longer_than_the_model(engine: Any) -> None:
    ((value, _),) = engine("llama").loglikelihood([("the cat sat " * 60, " on a mat")])
    assert math.isfinite(value)
    assert value < 0
