"""How many test items a plan can count on, and where that number comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.problems.data import data_directory
from smallsteps.problems.finding import is_path, load_benchmark, named_benchmark
from smallsteps.problems.listing import entry
from smallsteps.problems.loading import load_problems


@dataclass(frozen=True, slots=True)
class Count:
    """Test items of one benchmark.

    Attributes:
        items: how many a plan should use.
        note: where the number comes from, and what other numbers are in circulation; empty for a number that
            the user gave.
    """

    items: int
    note: str = ""


def counted(options: Sequence[str], data: Path | None = None) -> dict[str, Count]:
    """Counts by what they were asked for with.

    Args:
        options: benchmarks by name or by path; `NAME=ITEMS` and `ITEMS` are kept, without a note.
        data: offline data directory.

    Raises:
        UserError: an unknown benchmark, or one of unknown size whose data are not there.
    """
    found: dict[str, Count] = {}
    for option in options:
        if option.isdigit() or ("=" in option and not is_path(option)):
            found[option] = Count(0)
        else:
            name = named_benchmark(option)
            found[name] = items_of(name, data)
    return found


def items_of(name: str, data: Path | None = None) -> Count:
    """How many test items a benchmark has: counted in the data that are there, else as recorded."""
    benchmark = load_benchmark(name)
    split = benchmark.splits["test"]
    others = ""
    if split.published is not None:
        others = f"; {split.published} in {split.published_note or 'its paper'}"
    directory = data_directory(data)
    if entry(benchmark, directory).data not in ("no", "hub"):
        items = len(load_problems(name, "test", directory))
        if split.rows is not None and items != split.rows:
            others = f"; {split.rows} are published, and this copy is incomplete{others}"
        return Count(items, f"{items} test items, counted in the data{others}")
    if split.rows is None:
        raise UserError(
            f"the number of test items of '{name}' is not known without its data",
            fix=f"name the data directory with --data, or give the number: {name}=ITEMS",
        )
    return Count(split.rows, f"{split.rows} test items, as published (the data are not here){others}")


def notes(counts: dict[str, Count]) -> dict[str, str]:
    """The notes by benchmark, of those that have one."""
    return {name: count.note for name, count in counts.items() if count.note}
