"""From a study's file to a plan, before anything is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from smallsteps.studies.bases import check_bases
from smallsteps.studies.places import find
from smallsteps.studies.plan import Plan, plan_study
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.source import Source
from smallsteps.studies.study import Study, load_study
from smallsteps.studies.tasks import TaskOf, find_tasks
from smallsteps.studies.together import check_devices


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study ready to be carried out."""

    study: Study
    recipes: dict[Source, Recipe]
    path: Path
    out: Path
    data: Path | None
    tasks: dict[str, TaskOf]
    plan: Plan

    @property
    def roots(self) -> list[Path]:
        """Folders that relative names of models may be in."""
        folders = [self.path.parent, *(find(source.path).parent for source in self.recipes)]
        return [*folders, *([self.data] if self.data else [])]


def prepare(
    path: Path,
    out: Path | None,
    *,
    seeds: int | None = None,
    overrides: Iterable[str] = (),
    data: Path | None = None,
    here: bool = True,
) -> Prepared:
    """Read a study and plan its stages; writes nothing.

    Args:
        path: the study's YAML file.
        out: output folder, by default `runs/<study>`.
        seeds: number of training seeds: the first ones of the file, then the next whole numbers.
        overrides: `key=value` texts laid over the file.
        data: offline data directory.
        here: it will be carried out on this machine, whose devices are counted.

    Raises:
        ConfigError, UserError: all that can be known to be wrong before any work.
    """
    overrides = tuple(overrides)
    study, recipes = load_study(path, overrides)
    if seeds is not None:
        study = study.model_copy(update={"seeds": first_seeds(study.seeds, seeds)})
    folder = (out or Path("runs") / study.study).resolve()
    place = find(path).resolve()
    resolved = data.resolve() if data is not None else None
    check_devices(recipes.values(), here=here)
    for note in check_bases(recipes, resolved, overrides=overrides, study=(study, place)):
        print(f"note: {note}", file=sys.stderr)
    names = [task for suite in study.suites.values() for task in suite.tasks]
    tasks = find_tasks(names)
    benchmarks = list(dict.fromkeys(task.benchmark.name for task in tasks.values()))
    plan = plan_study(study, recipes, place, folder, resolved, benchmarks)
    return Prepared(study, recipes, place, folder, resolved, tasks, plan)


def first_seeds(declared: list[int], count: int) -> list[int]:
    """`count` seeds: the declared ones first, then the smallest whole numbers that are not among them."""
    seeds = declared[:count]
    candidate = 1
    while len(seeds) < count:
        if candidate not in seeds:
            seeds.append(candidate)
        candidate += 1
    return seeds
