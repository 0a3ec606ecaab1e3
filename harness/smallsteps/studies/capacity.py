"""The memory that a study's training runs need, and how many fit side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smallsteps.corpora.teach import estimated, lesson
from smallsteps.errors import UserError
from smallsteps.memory import has_gpu
from smallsteps.problems import load_problems
from smallsteps.studies.places import find, resolve_base, resolve_objective
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.source import Source
from smallsteps.studies.stages import Stage, StudentStage
from smallsteps.studies.stages.corpus import CorpusStage
from smallsteps.teachers.prices import Estimate
from smallsteps.teachers.spec import FileSpec, OracleSpec
from smallsteps.training import BaseSpec, Optimisation
from smallsteps.training.cost import Cost, cost_of, cost_of_random
from smallsteps.training.forecast import (
    CORE_FLOPS,
    MACHINES,
    REMEDY,
    Forecast,
    Machine,
    Teacher,
    forecast,
    gib,
)

MOST = 1 << 10  # where nothing bounds the number
PLAIN = Optimisation(steps=1, learning_rate=1.0)
SHARE = 0.9  # of the free memory that trainings may take


def costs_of(recipes: Mapping[Source, Recipe], data: Path | None) -> dict[str, tuple[Cost, Optimisation]]:
    """Cost of a training of each recipe whose base lies on this machine, with its optimisation."""
    found = {}
    for source, recipe in recipes.items():
        cost = cost_of(resolve_base(recipe.base, find(source.path), data), recipe.optimisation)
        if cost is not None:
            found[recipe.recipe] = cost, recipe.optimisation
    return found


def forecasts_of(
    recipes: Mapping[Source, Recipe],
    costs: Mapping[str, tuple[Cost, Optimisation]],
    hardware: str,
    data: Path | None = None,
) -> dict[str, Forecast]:
    """Memory by part and time of each recipe's training on the named hardware.

    Args:
        recipes: by source; costs: from `costs_of`. A base on the hub that is not on this machine has none.
        hardware: a key of `training.forecast.MACHINES`, or `cpu`: this machine's free memory, and one core
            for each device.
    """
    machine = MACHINES.get(hardware) or Machine("cpu", free_memory() or MOST << 40, CORE_FLOPS)
    found = {}
    for source, recipe in recipes.items():
        path = find(source.path)
        priced = costs.get(recipe.recipe) or _random(recipe, path, data)
        if priced is not None:
            found[recipe.recipe] = forecast(
                *priced,
                machine,
                devices=recipe.devices,
                strategy=recipe.strategy,
                teacher=_teacher(recipe, path, data),
            )
    return found


def _teacher(recipe: Recipe, path: Path, data: Path | None) -> Teacher | None:
    """The on-line teacher, where it lies on this machine."""
    spec = resolve_objective(recipe.objective, path, data).teacher
    found = None if spec is None else cost_of(BaseSpec(path=spec.path, revision=spec.revision), PLAIN)
    if spec is None or found is None:
        return None
    return Teacher(found.parameters, found.parameters * (4 if spec.dtype == "float32" else 2))


def estimates_of(stages: Sequence[Stage], folder: Path) -> dict[str, Estimate]:
    """Estimated cost of the teachers for corpora not yet made; no request is sent.

    None for a corpus whose problems are not on this machine, or whose teacher is a file or the oracle.
    """
    found = {}
    for stage in stages:
        if not isinstance(stage, CorpusStage) or stage.teacher is not None or stage.is_done(folder):
            continue
        spec = stage.spec
        if isinstance(spec.teacher, FileSpec | OracleSpec):
            continue
        with contextlib.suppress(UserError):
            problems = load_problems(spec.benchmark, spec.split, stage.data)
            place = stage.folder(folder)
            found[stage.name] = estimated(
                lesson(spec, problems, place, store=stage.store, folders=stage.folders)
            )
    return found


def check_memory(stages: Sequence[Stage]) -> None:
    """Check that this machine has the memory for the students' weights, gradients and optimizer state, before
    earlier stages take hours or download anything.

    Raises:
        UserError: one needs more than the machine has.
    """
    room: int | None = None
    for stage in stages:
        if not isinstance(stage, StudentStage) or not stage.recipe.trained:
            continue
        room = room or this_memory()
        recipe, base = stage.recipe, stage.base
        if room is None or (base.architecture is not None and _roughly(base.architecture) < room):
            continue
        cost = cost_of(base, recipe.optimisation)
        if cost is None and base.architecture is not None:
            vocabulary = _vocabulary(recipe, base)
            cost = None if vocabulary is None else cost_of_random(base, recipe.optimisation, vocabulary)
        if cost is None:
            continue
        least = cost.size * cost.parameters
        if recipe.lora is None:
            least += least + cost.optimizer_bytes
        # one memory for all processes but where each has a GPU of its own
        if recipe.strategy == "fsdp" and has_gpu():
            least //= recipe.devices
        elif recipe.strategy == "offload" and has_gpu():
            continue
        elif recipe.strategy == "ddp" and not has_gpu():
            least *= recipe.devices
        if least > room:
            raise UserError(
                f"weights, gradients and optimizer state need {gib(least)}, "
                f"{'the GPU' if has_gpu() else 'this machine'} has {gib(room)}",
                where=recipe.recipe,
                fix=f"{REMEDY}; 'smallsteps recipes plan' says what each part takes",
            )


def _roughly(architecture: Mapping[str, Any]) -> float:
    """Four times an upper bound on the bytes of an architecture's blocks; below it no check is needed."""
    names = (("hidden_size", "d_model", "n_embd"), ("num_hidden_layers", "num_layers", "n_layer"))
    width, layers = (
        next((float(architecture[name]) for name in group if name in architecture), 1e3) for group in names
    )
    return 4 * 16 * 12 * width * width * layers


def this_memory() -> int | None:
    """Bytes of a GPU's memory, or of this machine's within the process's control group; None: not said."""
    if has_gpu():
        import torch

        if torch.cuda.is_available():
            return int(torch.cuda.get_device_properties(0).total_memory)
    total, limit = _main_memory("MemTotal"), _group("memory.max")
    return total if total is None or limit is None else min(total, limit)


def _random(recipe: Recipe, path: Path, data: Path | None) -> tuple[Cost, Optimisation] | None:
    """Cost of a base with random weights; None for another, or where its tokenizer is elsewhere."""
    if recipe.base.architecture is None:
        return None
    base = resolve_base(recipe.base, path, data)
    vocabulary = _vocabulary(recipe, base)
    if vocabulary is None:
        return None
    return cost_of_random(base, recipe.optimisation, vocabulary), recipe.optimisation


def _vocabulary(recipe: Recipe, base: BaseSpec) -> int | None:
    if recipe.tokenizer is not None:
        return recipe.tokenizer.vocabulary
    file = Path(base.tokenizer or "") / "tokenizer.json"
    if not file.is_file():
        return None
    from tokenizers import Tokenizer

    return int(Tokenizer.from_file(str(file)).get_vocab_size())


def workers_in_memory(stages: Sequence[Stage], free: int | None = None) -> int:
    """How many of these stages fit into memory at a time, by the training that needs most; at least 1.

    Args:
        free: bytes; by default what the system has left.
    """
    needs = [_need(stage) for stage in stages if isinstance(stage, StudentStage)]
    free = free_memory() if free is None else free
    if not needs or not max(needs) or free is None:
        return MOST
    return max(1, int(SHARE * free) // max(needs))


def _need(stage: StudentStage) -> int:
    cost = cost_of(stage.base, stage.recipe.optimisation)
    return 0 if cost is None else cost.memory


def free_memory() -> int | None:
    """Bytes that new processes can have, within this process's control group; None where it is not said."""
    free, limit, used = _main_memory("MemAvailable"), _group("memory.max"), _group("memory.current")
    if free is not None and limit is not None and used is not None:
        free = min(free, limit - used)
    return None if free is None else max(0, free)


def _main_memory(name: str) -> int | None:
    """Bytes of a line of /proc/meminfo."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration, ValueError):
        return None


def _group(name: str) -> int | None:
    """Bytes that a file of the control group says; None without a group, or without a limit."""
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text())
    except (OSError, ValueError):
        return None
