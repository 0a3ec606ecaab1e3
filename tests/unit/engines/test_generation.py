"""Texts are those of transformers' own generate, whatever the batch; samples are functions of their seeds."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.decode import remaining
from smallsteps.engines.fast.llama import LlamaForward

CAUSAL = ("llama", "mistral", "gpt2", "gpt_neox")
ALL = (*CAUSAL, "t5")
HOT = (0.9, 8.0)  # the random T5 ends no text at a lower temperature


def reference(engine: Any, model: Any, prompt: str, budget: int) -> list[int]:
    """Greedy tokens by transformers, one prompt at a time."""
    import torch

    ids = torch.tensor([engine.tokenizer(prompt)["input_ids"]])
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=budget, do_sample=False
        )[0].tolist()
    tokens = out[1:] if engine.encoder else out[ids.shape[1] :]
    return tokens[: tokens.index(1) + 1] if 1 in tokens else tokens


@pytest.mark.parametrize("name", ALL)
def test_greedy_equals_transformers(engine: Any, original: Any, prompts: list[str], name: str) -> None:
    found = engine(name, batch_size=3).generate(prompts, Decoding(max_new_tokens=20))
    loaded = engine(name)
    for prompt, (generation,) in zip(prompts, found, strict=True):
        expected = reference(loaded, original(name), prompt, 20)
        assert generation.text == loaded.tokenizer.decode(expected, skip_special_tokens=True)
        assert generation.tokens == len(expected)
        assert generation.stop == ("eos" if expected[-1] == 1 else "length")
        assert generation.prompt_tokens == len(loaded.tokenizer(prompt)["input_ids"])


def test_random_models_stop_at_different_lengths(engine: Any, prompts: list[str]) -> None:
    """Else the tests of leaving and entering batches would show nothing."""
    for name in ("llama", "t5"):
        decoding = Decoding(max_new_tokens=30, temperature=HOT[name == "t5"])
        lengths = {g.tokens for (g,) in engine(name).generate(prompts, decoding)}
        assert len(lengths) > 2, name


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("hot", [False, True])
def test_texts_do_not_depend_on_the_batch(engine: Any, prompts: list[str], name: str, hot: bool) -> None:
    decoding = Decoding(
        max_new_tokens=25, temperature=HOT[name == "t5"] if hot else 0.0, top_p=0.9, samples=3, seed=11
    )
    whole = engine(name).generate(prompts, decoding)
    assert engine(name, batch_size=2).generate(prompts, decoding) == whole
    assert [engine(name).generate([p], decoding)[0] for p in prompts] == whole
    assert engine(name).generate(prompts[::-1], decoding)[::-1] == whole


def test_samples_differ_and_follow_the_seed(engine: Any) -> None:
    loaded = engine("llama")
    decoding = Decoding(max_new_tokens=10, temperature=1.0, samples=6, seed=1)
    first = loaded.generate(["the cat"], decoding)[0]
    assert len({g.text for g in first}) > 3
    assert loaded.generate(["the cat"], decoding)[0] == first
    assert loaded.generate(["the cat"], replace(decoding, seed=2))[0] != first
    assert loaded.generate(["the cat"], replace(decoding, samples=2))[0] == first[:2]


def test_the_same_prompt_twice_gives_two_samples(engine: Any) -> None:
    """Two dialogues that meet in one prompt must stay independent."""
    decoding = Decoding(max_new_tokens=12, temperature=1.0, seed=3)
    (one,), (two,) = engine("llama").generate(["the cat", "the cat"], decoding)
    assert one != two


def test_samples_share_one_prefill(engine: Any) -> None:
    loaded = engine("llama")
    loaded.generate(["the cat sat on a mat"], Decoding(max_new_tokens=3, temperature=1.0, samples=5))
    assert loaded.counts.prefilled == 6


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_stop_strings_cut_the_text(engine: Any, prompts: list[str], name: str) -> None:
    loaded = engine(name)
    free = [g for (g,) in loaded.generate(prompts, Decoding(max_new_tokens=20))]
    words = [g.text.split() for g in free]
    stop = next(f"{w[2]} {w[3]}" for w in words if len(w) > 4)
    stopped = [g for (g,) in loaded.generate(prompts, Decoding(max_new_tokens=20, stop=(stop, "zebra")))]
    assert any(g.stop == "stop" for g in stopped)
    for before, after in zip(free, stopped, strict=True):
        if stop in before.text:
            assert after.text == before.text.split(stop)[0]
            assert after.stop == "stop"
            assert after.tokens <= before.tokens
        else:
            assert after == before


def test_finished_rows_leave_and_waiting_rows_enter(
    engine: Any, prompts: list[str], monkeypatch: Any
) -> None:
    """Row-steps stay close to the tokens generated; without leaving they would be rows times the longest."""
    loaded = engine("llama", batch_size=4)
    sizes: list[int] = []
    forward = LlamaForward.__call__

    def spy(self: LlamaForward, ids: Any, *args: Any, **kwargs: Any) -> Any:
        if ids.shape[1] == 1:
            sizes.append(ids.shape[0])
        return forward(self, ids, *args, **kwargs)

    monkeypatch.setattr(LlamaForward, "__call__", spy)
    rows = [g for (g,) in loaded.generate(prompts, Decoding(max_new_tokens=40))]
    generated = sum(g.tokens for g in rows)
    assert max(sizes) <= 4
    assert sum(sizes) <= 1.25 * generated
    assert max(g.tokens for g in rows) * len(rows) > 1.25 * generated


def test_budget_shrinks_before_the_prompt_is_cut(engine: Any) -> None:
    loaded = engine("llama")  # context 64
    (short,), (long,) = loaded.generate(
        ["the cat " * 15, "one two three four " * 30], Decoding(max_new_tokens=60)
    )
    assert short.prompt_tokens == 30
    assert short.tokens <= 34
    assert long.prompt_tokens == 48
    assert long.tokens <= 16
    assert loaded.counts.cut_prompts == 1


@pytest.mark.parametrize("name", CAUSAL)
def test_ended_rows_go_no_further_than_the_context(engine: Any, monkeypatch: Any, name: str) -> None:
    """Rows that have ended may be carried along with those that go on."""
    full, short = " ".join(["cat"] * 48), ["the cat", "a dog ran", "one two three", "mat"]
    decoding = Decoding(max_new_tokens=40, temperature=0.9, seed=2)
    loaded = engine(name)
    assert loaded.context == 64
    wanted = loaded.generate(short, decoding)
    monkeypatch.setattr(
        "smallsteps.engines.decode.remaining",
        lambda rows, dead: list(range(rows)) if len(dead) < rows else [],
    )
    assert loaded.generate([full, *short], decoding)[1:] == wanted
    assert max(g.tokens for (g,) in wanted) > 64 - 48  # else none is carried beyond


def test_sizes_that_rows_shrink_to() -> None:
    generator = random.Random(0)
    sizes = set()
    for rows in range(1, 1025):
        dead = sorted(generator.sample(range(rows), generator.randrange(1, rows + 1)))
        kept = remaining(rows, dead)
        alive = set(range(rows)) - set(dead)
        assert alive <= set(kept)
        assert len(set(kept)) == len(kept) <= rows
        assert len(kept) * 16 <= len(alive) * 17
        assert all(row == place for place, row in enumerate(kept) if place in alive)
        sizes.add(len(kept))
    assert len(sizes) < 150


def test_nothing_to_do(engine: Any) -> None:
    assert engine("llama").generate([], Decoding()) == []
    assert engine("llama").loglikelihood([]) == []
