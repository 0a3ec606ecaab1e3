"""Running a study or a recipe: folder, stages, report."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from smallsteps.errors import UserError
from smallsteps.students.recorded import record_models
from smallsteps.studies.bases import check_bases
from smallsteps.studies.folder import claim_folder, locked
from smallsteps.studies.graph import references_of
from smallsteps.studies.places import find
from smallsteps.studies.prepare import first_seeds, prepare
from smallsteps.studies.recipe import load_recipe
from smallsteps.studies.runner import carry_out
from smallsteps.studies.source import Source
from smallsteps.studies.stages import (
    CorpusStage,
    MixStage,
    StudentStage,
    corpus_stage,
    one_corpus,
    section_name,
    student_stage,
)
from smallsteps.studies.stages.base import Task, carry_out_one
from smallsteps.studies.study import is_study
from smallsteps.studies.tasks import check_data
from smallsteps.studies.together import check_devices
from smallsteps.training.team import declared, join, together

if TYPE_CHECKING:
    from smallsteps.studies.report import Finished
    from smallsteps.studies.stages import Stage


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
    from smallsteps.studies.declaring import declare
    from smallsteps.studies.report import write_report

    prepared = prepare(path, out, seeds=seeds, overrides=overrides, data=data)
    check_data(prepared.tasks.values(), prepared.data)
    claim_folder(prepared.out, prepared.study.study, resume=resume)
    with locked(prepared.out):
        declare(prepared.out, prepared.study)
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
    name, folder, stages = recipe_stages(path, out, seed=seed, seeds=seeds, overrides=overrides, data=data)
    if not declared().is_alone:
        train_together(name, folder, stages, resume=resume)
        return next(stage for stage in stages if isinstance(stage, StudentStage)).folder(folder)
    claim_folder(folder, name, resume=resume)
    with locked(folder):
        carry_out(stages, folder, workers=workers)
    return next(stage for stage in stages if isinstance(stage, StudentStage)).folder(folder)


def train_together(name: str, folder: Path, stages: list[Stage], *, resume: bool = False) -> None:
    """Carry out a recipe in the processes that `accelerate launch` has started; the first one leads.

    Raises:
        UserError: a stage failed, or another process has ended.
    """
    team = join()
    with ExitStack() as stack, together(team):

        def begin() -> None:
            claim_folder(folder, name, resume=resume)
            stack.enter_context(locked(folder))
            carry_out([stage for stage in stages if not isinstance(stage, StudentStage)], folder)

        team.lead(begin)
        for stage in stages:
            if not isinstance(stage, StudentStage) or team.lead(functools.partial(stage.is_done, folder)):
                continue
            recorded = team.lead(functools.partial(record_models, folder, dict(stage.models)))
            models = {place: recorded[place] for place in stage.models.values()}
            carry_out_one(Task(stage, folder, models), _show if team.leads else _be_quiet)
            team.lead(functools.partial(stage.mark_done, folder))


def _show(done: float, total: float, note: str = "") -> None:
    print(f"{100 * done / total:3.0f} %  {note}", file=sys.stderr, flush=True)


def _be_quiet(done: float, total: float, note: str = "") -> None:
    """Only the first process prints."""


def recipe_stages(
    path: Path,
    out: Path | None,
    *,
    seed: int = 1,
    seeds: int | None = None,
    overrides: Iterable[str] = (),
    data: Path | None = None,
    here: bool = True,
) -> tuple[str, Path, list[Stage]]:
    """Name, output folder and stages of a recipe, see `prepare`; writes nothing.

    Raises:
        UserError: the recipe is wrong, or its base is not there.
    """
    overrides = tuple(overrides)
    if is_study(path):
        raise UserError(
            "a study, not a recipe", where=str(path), fix=f"smallsteps run {path}, or name one of its recipes"
        )
    recipe = load_recipe(path, overrides)
    if declared().is_alone:
        check_devices([recipe], here=here)
    folder = (out or Path("runs") / recipe.recipe).resolve()
    place = find(path).resolve()
    resolved = data.resolve() if data is not None else None
    for note in check_bases({Source(place): recipe}, resolved, overrides=overrides):
        print(f"note: {note}", file=sys.stderr)
    if needed := references_of(recipe):
        raise UserError(
            f"this recipe needs a student of '{needed[0].recipe}', which only a study trains",
            where=f"{path}: {'.'.join(str(part) for part in needed[0].key)}",
            fix="name both recipes in a study and use 'smallsteps run'",
        )
    sections: list[CorpusStage] = []
    many = bool(recipe.corpora)
    for number, spec in enumerate(recipe.sections if recipe.trained else ()):
        called = section_name(recipe.recipe, number)
        sections.append(corpus_stage(called, spec, place, folder, resolved, sections, mixed=many))
    corpus = one_corpus(recipe.recipe, sections, recipe)
    chosen = first_seeds([seed], seeds or 1)
    students = [student_stage(recipe, place, one, resolved, corpus) for one in chosen]
    mixed = [corpus] if isinstance(corpus, MixStage) else []
    return recipe.recipe, folder, [*sections, *mixed, *students]
