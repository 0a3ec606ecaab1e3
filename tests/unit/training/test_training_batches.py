from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallsteps.errors import UserError
from smallsteps.training.batches import Plan, cost, plan

LENGTHS = np.random.default_rng(3).integers(20, 91, size=3000)
NONE = np.zeros_like(LENGTHS)


def counts(planned: Plan, size: int) -> np.ndarray:
    return np.bincount(np.concatenate(planned.steps), minlength=size)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 30)), min_size=1, max_size=60),
    st.integers(60, 400),
    st.integers(0, 2**31),
    st.sampled_from([1.0, 2.0, 3.0]),
)
def test_each_epoch_reads_every_example_once_within_the_budget(
    pairs: list[tuple[int, int]], budget: int, seed: int, epochs: float
) -> None:
    lengths, sources = (np.array(side) for side in zip(*pairs, strict=True))
    planned = plan(lengths, sources, batch_tokens=budget, steps=None, epochs=epochs, seed=seed)
    assert (counts(planned, len(pairs)) == epochs).all()
    assert all(cost(rows, lengths, sources) <= budget for rows in planned.steps)
    assert planned.padded.tolist() == [cost(rows, lengths, sources) for rows in planned.steps]


def test_part_of_an_epoch_reads_no_example_twice() -> None:
    planned = plan(LENGTHS, NONE, batch_tokens=2048, steps=None, epochs=0.5, seed=1)
    found = counts(planned, len(LENGTHS))
    assert found.max() == 1
    assert found.sum() == 1500


def test_steps_are_as_many_as_asked_and_full() -> None:
    planned = plan(LENGTHS, NONE, batch_tokens=2048, steps=250, epochs=None, seed=1)
    assert len(planned.steps) == 250
    assert planned.padded.min() > 1900  # nowhere a small rest, though epochs end in between


def test_little_is_padding() -> None:
    planned = plan(LENGTHS, NONE, batch_tokens=2048, steps=None, epochs=1, seed=1)
    assert planned.padded.sum() / LENGTHS.sum() < 1.04  # widths are multiples of 4


def test_little_is_padding_with_two_lengths() -> None:
    sources = np.random.default_rng(4).integers(15, 50, size=3000)
    targets = np.random.default_rng(5).integers(10, 45, size=3000)
    planned = plan(targets, sources, batch_tokens=2048, steps=None, epochs=1, seed=1)
    naive = sum(cost(rows, targets, sources) for rows in np.array_split(np.arange(3000), len(planned.steps)))
    real = (sources + targets).sum()
    assert planned.padded.sum() / real < 1.11
    assert naive / real > 1.4


def test_batches_come_in_a_seeded_order() -> None:
    def order(seed: int) -> list[list[int]]:
        planned = plan(LENGTHS, NONE, batch_tokens=2048, steps=200, epochs=None, seed=seed)
        return [rows.tolist() for rows in planned.steps]

    assert order(1) == order(1)
    assert order(1) != order(2)
    widths = [LENGTHS[rows].max() for rows in order(1)]
    assert widths[:50] != sorted(widths[:50])


def test_an_example_over_the_budget_is_an_error() -> None:
    with pytest.raises(UserError, match="longest example has 90 tokens") as caught:
        plan(LENGTHS, NONE, batch_tokens=80, steps=1, epochs=None, seed=1)
    assert "at least 90" in str(caught.value.fix)
