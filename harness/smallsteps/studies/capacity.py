"""How much memory the trainings of a study need, and how many fit beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from smallsteps.studies.recipe import Recipe, find, resolve_base
from smallsteps.studies.stage import Stage
from smallsteps.training import BaseSpec, Optimisation
from smallsteps.training.cost import Cost, cost_of, cost_of_random
from smallsteps.training.forecast import CORE_FLOPS, MACHINES, Forecast, Machine, forecast

MOST = 1 << 10  # where nothing bounds the number
SHARE = 0.9  # of the free memory that trainings may take


def costs_of(recipes: Mapping[Path, Recipe], data: Path | None) -> dict[str, tuple[Cost, Optimisation]]:
    """Cost of a training of each recipe whose base lies on this machine, with its optimisation."""
    found = {}
    for path, recipe in recipes.items():
        cost = cost_of(resolve_base(recipe.base, find(path), data), recipe.optimisation)
        if cost is not None:
            found[recipe.recipe] = cost, recipe.optimisation
    return found


def forecasts_of(
    recipes: Mapping[Path, Recipe],
    costs: Mapping[str, tuple[Cost, Optimisation]],
    hardware: str,
    data: Path | None = None,
) -> dict[str, Forecast]:
    """Memory by part and time of each recipe's training on the named hardware.

    Args:
        recipes: by path; costs: from `costs_of`. A base on the hub that is not on this machine has none.
        hardware: a key of `training.forecast.MACHINES`, or `cpu`: this machine's free memory, and one core
            for each device.
    """
    machine = MACHINES.get(hardware) or Machine("cpu", free_memory() or MOST << 40, CORE_FLOPS)
    found = {}
    for path, recipe in recipes.items():
        priced = costs.get(recipe.recipe) or _random(recipe, find(path), data)
        if priced is not None:
            found[recipe.recipe] = forecast(
                *priced, machine, devices=recipe.devices, strategy=recipe.strategy
            )
    return found


def _random(recipe: Recipe, path: Path, data: Path | None) -> tuple[Cost, Optimisation] | None:
    """Cost of a base with random weights; None for another, or where its tokenizer is elsewhere."""
    if recipe.base.architecture is None:
        return None
    base = resolve_base(recipe.base, path, data)
    if recipe.tokenizer is not None:
        vocabulary = recipe.tokenizer.vocabulary
    else:
        file = Path(base.tokenizer or "") / "tokenizer.json"
        if not file.is_file():
            return None
        from tokenizers import Tokenizer

        vocabulary = Tokenizer.from_file(str(file)).get_vocab_size()
    return cost_of_random(base, recipe.optimisation, vocabulary), recipe.optimisation


def workers_in_memory(stages: Sequence[Stage], free: int | None = None) -> int:
    """How many of these stages fit into memory at a time, by the training that needs most; at least 1.

    Args:
        free: bytes; by default what the system has left.
    """
    needs = [_need(stage) for stage in stages if stage.kind == "student"]
    free = free_memory() if free is None else free
    if not needs or not max(needs) or free is None:
        return MOST
    return max(1, int(SHARE * free) // max(needs))


def _need(stage: Stage) -> int:
    base = BaseSpec.model_validate(stage.payload["base"])
    cost = cost_of(base, Recipe.model_validate(stage.content["recipe"]).optimisation)
    return 0 if cost is None else cost.memory


def free_memory() -> int | None:
    """Bytes that new processes can have, within this process's control group; None where it is not said."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, limit - used)
    except (OSError, ValueError):  # no such group, or no limit
        pass
    return max(0, free)
