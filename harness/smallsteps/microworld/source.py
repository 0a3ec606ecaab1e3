"""The benchmarks of the micro-world by name and split; the same on every machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from smallsteps.errors import unknown_name
from smallsteps.microworld import generator, generic
from smallsteps.microworld.corpus import generic_seen
from smallsteps.microworld.families import Limits
from smallsteps.microworld.splits import split_of
from smallsteps.problems import Problem


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice of word problems: numbers of steps, limits, wordings, sizes by split."""

    steps: tuple[int, ...]
    sizes: dict[str, int]
    limits: Limits = generator.ORDINARY
    held_out: bool = False


_EVALUATED = {"dev": 500, "test": 1000}
SLICES: dict[str, Slice] = {
    "problems": Slice((2, 3, 4, 5), {"train": 12_000, "dev": 1000, "test": 2000}),
    "simple": Slice((2, 3), {"train": 4000, "dev": 100, "test": 100}),
    "complicated": Slice((4, 5, 6), {"train": 4000, "dev": 100, "test": 100}),
    "more_steps": Slice((6, 7), _EVALUATED),
    "new_templates": Slice((2, 3, 4, 5), _EVALUATED, held_out=True),
    "larger_numbers": Slice((2, 3, 4, 5), _EVALUATED, limits=generator.LARGER),
}
GENERIC_SIZES = {"train": 1000, "dev": 100, "test": 200}
NAMES = (*SLICES, *generic.TASKS)


def _owned_by(split: str) -> Callable[[str], bool]:
    return lambda signature: split_of(signature) == split


@lru_cache(maxsize=64)
def _problems(name: str, split: str) -> tuple[Problem, ...]:
    seed = f"smallsteps micro-world {name} {split}"
    if name in generic.TASKS:
        owns = generic_seen if split == "train" else _owned_by(split)
        rows = generic.stream(generic.TASKS[name], seed, owns)
        return tuple(islice(rows, GENERIC_SIZES[split]))
    chosen = SLICES[name]
    rows = generator.stream(
        seed,
        chosen.steps,
        _owned_by(split),
        limits=chosen.limits,
        held_out=chosen.held_out,
        # Train may meet the same arithmetic in other words; evaluation items are independent of each other.
        distinct="question" if split == "train" else "signature",
    )
    return tuple(islice(rows, chosen.sizes[split]))


def problems(slice: str, split: str) -> list[Problem]:  # noqa: A002 - the word of the benchmark files
    """The problems of one slice or generic task in one split.

    Args:
        slice: `problems`, `more_steps`, `new_templates`, `larger_numbers`, or the name of a generic task.
        split: `train`, `dev` or `test`; transfer slices have no `train`.

    Raises:
        UserError: unknown slice or split.
    """
    if slice not in NAMES:
        raise unknown_name("slice of the micro-world", slice, NAMES)
    sizes = SLICES[slice].sizes if slice in SLICES else GENERIC_SIZES
    if split not in sizes:
        raise unknown_name(f"split of '{slice}'", split, sizes)
    return list(_problems(slice, split))
