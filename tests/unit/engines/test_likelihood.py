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


SHOTS = "one two three four five six seven the dog ran far home . " * 3  # 39 tokens that contexts share
ITEMS = [
    ("the cat", ["sat on a mat", "ran", "ran far home"]),
    ("a dog", ["sat", "and a cat"]),
    ("home and the dog ran", ["far", "sat on the mat .", "home ?"]),
    ("mat", ["one two three four", "five"]),
]


@pytest.mark.parametrize("name", ["llama", "gpt2", "gpt_neox", "mistral", "t5"])
@pytest.mark.parametrize("shots", ["", SHOTS])
@pytest.mark.parametrize("batch_size", [2, None])
def test_shared_prompts_give_what_each_pair_alone_gives(
    engine: Any, original: Any, name: str, shots: str, batch_size: int | None
) -> None:
    pairs = [(shots + context, f" {option}") for context, options in ITEMS for option in options]
    pairs += [("one two", " three"), pairs[0]]  # shares nothing; is asked twice
    loaded, model = engine(name, batch_size=batch_size), original(name)
    together = loaded.loglikelihood(pairs)
    for pair, (value, greedy) in zip(pairs, together, strict=True):
        ((alone, alone_greedy),) = loaded.loglikelihood([pair])
        expected, expected_greedy = reference(loaded, model, pair[0].rstrip(), pair[1])
        assert math.isclose(value, alone, abs_tol=1e-4, rel_tol=1e-5), pair
        assert math.isclose(value, expected, abs_tol=1e-4, rel_tol=1e-5), pair
        assert greedy == alone_greedy == expected_greedy


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_what_contexts_share_is_computed_once(
    engine: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Tokens read: the shots once, each question once, each option's tokens but its last once."""
    loaded = engine(name)
    read: list[int] = []
    forward = loaded.forward

    class Counted:
        shares = forward.shares

        def new_cache(self, *args: Any) -> Any:
            return forward.new_cache(*args)

        def __call__(self, ids: Any, *args: Any, **options: Any) -> Any:
            read.append(ids.numel())
            return forward(ids, *args, **options)

    monkeypatch.setattr(loaded, "forward", Counted())
    pairs = [
        (f"{SHOTS}{who} sat", f" {what}") for who in ("cat", "dog") for what in ("on a mat", "far home .")
    ]
    loaded.loglikelihood(pairs)
    assert read == [39, 2 * 2, 4 * 2]


def test_a_row_that_is_cut_does_not_share_the_tokens_it_lost(engine: Any) -> None:
    loaded = engine("llama")  # 64 positions
    pairs = [
        ("the cat sat " * 30, f" {option}") for option in ("on a mat", "far", "far home . one two three")
    ]
    for pair, (value, greedy) in zip(pairs, loaded.loglikelihood(pairs), strict=True):
        assert (pytest.approx(value, abs=1e-4), greedy) == loaded.loglikelihood([pair])[0]


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
def test_same_numbers_as_lm_evals_own_model(engine: Any, models: Any, name: str) -> None:
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    pairs = [(SHOTS + context, f" {option}") for context, options in ITEMS for option in options]
    backend = "seq2seq" if name == "t5" else "causal"
    theirs = HFLM(pretrained=str(models(name)), backend=backend, dtype="float32", device="cpu", batch_size=4)
    requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
    expected = theirs.loglikelihood(requests, disable_tqdm=True)
    for mine, other in zip(engine(name).loglikelihood(pairs), expected, strict=True):
        assert mine[0] == pytest.approx(other[0], abs=1e-4)
        assert mine[1] == bool(other[1])
