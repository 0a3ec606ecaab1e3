"""What is saved while texts are generated: by time, unfinished rows too, and taken up again."""

from __future__ import annotations

from typing import Any

import pytest

from smallsteps.engines import Decoding
from smallsteps.engines.journal import Entries, Journal

HOT = {"llama": 0.9, "t5": 8.0}


class Clock:
    """A clock on which every look takes a second."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


class Killed(BaseException):
    pass


def copied(entries: Entries) -> Entries:
    return {key: list(value) for key, value in entries.items()}


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_a_killed_generation_goes_on_behind_its_last_saved_token(
    engine: Any, prompts: list[str], name: str, hot: bool, saves: int
) -> None:
    """In float32 the texts are those of a run without a break, and fewer tokens are generated again."""
    temperature = HOT.get(name, 0.9) if hot else 0.0
    decoding = Decoding(max_new_tokens=24, temperature=temperature, samples=2, seed=4)
    whole = engine(name, batch_size=3).generate(prompts, decoding)
    kept: list[Entries] = []

    def save(entries: Entries) -> None:
        kept.append(copied(entries))
        if len(kept) == saves:
            raise Killed

    first = engine(name, batch_size=3)
    first.journal, first.part = Journal({}, save, save_every=4, clock=Clock()), "model"
    with pytest.raises(Killed):
        first.generate(prompts, decoding)
    assert any(stop is None for _, stop, _ in kept[-1].values()), "no row was saved unfinished"
    saved = sum(len(tokens) for tokens, _, _ in kept[-1].values())
    again = engine(name, batch_size=3)
    again.journal, again.part = Journal(copied(kept[-1]), lambda rows: None, clock=Clock()), "model"
    assert again.generate(prompts, decoding) == whole
    assert saved > 0


def test_a_prompt_of_another_call_or_part_is_not_taken_for_this_one(engine: Any) -> None:
    loaded = engine("llama")
    journal = Journal({}, lambda rows: None)
    loaded.journal, loaded.part = journal, "decomposer"
    one = loaded.generate(["the cat"], Decoding(max_new_tokens=6, temperature=1.0, seed=1))
    loaded.part = "solver"
    other = loaded.generate(["the cat"], Decoding(max_new_tokens=9, temperature=1.0, seed=2))
    loaded.journal = None
    assert other == loaded.generate(["the cat"], Decoding(max_new_tokens=9, temperature=1.0, seed=2))
    assert one == loaded.generate(["the cat"], Decoding(max_new_tokens=6, temperature=1.0, seed=1))


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_likelihoods_are_saved_by_batch(engine: Any, prompts: list[str], name: str) -> None:
    pairs = [(prompt, " the cat") for prompt in prompts]
    whole = engine(name, batch_size=2).loglikelihood(pairs)
    kept: list[Entries] = []

    def save(entries: Entries) -> None:
        kept.append(dict(entries))
        raise Killed

    first = engine(name, batch_size=2)
    first.journal = Journal({}, save, save_every=2, clock=Clock())
    with pytest.raises(Killed):
        first.loglikelihood(pairs)
    assert 0 < len(kept[0]) < len(pairs)
    again = engine(name, batch_size=2)
    again.journal = Journal(dict(kept[0]), lambda rows: None)
    found = again.loglikelihood(pairs)
    assert [value for value, _ in found] == pytest.approx([value for value, _ in whole], rel=1e-5)
    assert [greedy for _, greedy in found] == [greedy for _, greedy in whole]
    assert again.journal.progress()[0] == len(pairs)


def test_progress_is_reported_by_time(engine: Any, prompts: list[str]) -> None:
    seen: list[tuple[int, int]] = []
    loaded = engine("llama", batch_size=2)
    loaded.journal = Journal(
        {},
        lambda rows: None,
        lambda texts, tokens: seen.append((texts, tokens)),
        report_every=5,
        clock=Clock(),
    )
    found = loaded.generate(prompts, Decoding(max_new_tokens=20))
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert loaded.journal.progress() == (len(prompts), sum(g.tokens for (g,) in found))
