"""Running a study or a recipe: plan, folder, stages, report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smallsteps.studies.folder import claim_folder, locked
from smallsteps.studies.plan import Plan, corpus_stage, plan_study, student_stage
from smallsteps.studies.recipe import Recipe, find, load_recipe
from smallsteps.studies.runner import carry_out
from smallsteps.studies.study import Study, load_study
from smallsteps.studies.tasks import TaskOf, check_data, find_tasks

if TYPE_CHECKING:
    from smallsteps.reports.study import StudyReport


@dataclass(frozen=True, slots=True)
class Prepared:
    """A study ready to be carried out."""

    study: Study
    recipes: dict[Path, Recipe]
    path: Path
    out: Path
    data: Path | None
    tasks: dict[str, TaskOf]
    plan: Plan


@dataclass(frozen=True, slots=True)
class Finished:
    """A study with its report: as an object, as JSON text, and in words for a terminal."""

    out: Path
    report: StudyReport
    words: str
    json_text: str


def prepare(
    path: Path,
    out: Path | None,
    *,
    seeds: int | None = None,
    overrides: Iterable[str] = (),
    data: Path | None = None,
) -> Prepared:
    """Read a study and plan its stages; writes nothing.

    Args:
        path: the study's YAML file.
        out: output folder, by default `runs/<study>`.
        seeds: number of training seeds: the first ones of the file, then the next whole numbers.
        overrides: `key=value` texts laid over the file.
        data: offline data directory.

    Raises:
        ConfigError, UserError: all that can be known to be wrong before any work.
    """
    study, recipes = load_study(path, overrides)
    if seeds is not None:
        study = study.model_copy(update={"seeds": first_seeds(study.seeds, seeds)})
    folder = (out or Path("runs") / study.study).resolve()
    place = find(path).resolve()
    resolved = data.resolve() if data is not None else None
    names = [task for suite in study.suites.values() for task in suite.tasks]
    tasks = find_tasks(names, where=f"study {study.study}: suites")
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


def run_study(
    path: Path,
    out: Path | None,
    *,
    seeds: int | None = None,
    resume: bool = False,
    overrides: Iterable[str] = (),
    data: Path | None = None,
    workers: int | None = None,
) -> Finished:
    """Carry a study out to its report.

    Raises:
        UserError: see `prepare`; or a stage failed. Finished stages stay.
    """
    from smallsteps.studies.report import write_report

    prepared = prepare(path, out, seeds=seeds, overrides=overrides, data=data)
    check_data(prepared.tasks.values(), prepared.data)
    claim_folder(prepared.out, prepared.study.study, resume=resume)
    with locked(prepared.out):
        carried = carry_out(prepared.plan.stages(), prepared.out, workers=workers)
        return write_report(prepared, carried)


def run_recipe(
    path: Path,
    out: Path | None,
    *,
    seed: int = 1,
    seeds: int | None = None,
    resume: bool = False,
    overrides: Iterable[str] = (),
    data: Path | None = None,
    workers: int | None = None,
) -> Path:
    """Train the student of one recipe (with several seeds: all of them) and return the first one's folder.

    Raises:
        UserError: the recipe is wrong, or a stage failed.
    """
    recipe = load_recipe(path, overrides)
    folder = (out or Path("runs") / recipe.recipe).resolve()
    place = find(path).resolve()
    resolved = data.resolve() if data is not None else None
    corpus = corpus_stage(recipe, place, folder, resolved)
    wanted = first_seeds([seed], seeds or 1)
    students = [student_stage(recipe, place, one, folder, resolved, corpus) for one in wanted]
    claim_folder(folder, recipe.recipe, resume=resume)
    with locked(folder):
        carry_out([*([corpus] if corpus else []), *students], folder, workers=workers)
    return students[0].folder(folder)
