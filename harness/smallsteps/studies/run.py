"""Running a study or a recipe: folder, stages, report."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from smallsteps.errors import UserError
from smallsteps.studies.bases import check_bases
from smallsteps.studies.folder import claim_folder, locked
from smallsteps.studies.graph import references_of
from smallsteps.studies.prepare import first_seeds, prepare
from smallsteps.studies.recipe import find, load_recipe
from smallsteps.studies.runner import carry_out
from smallsteps.studies.source import Source
from smallsteps.studies.stages import (
    CorpusStage,
    MixStage,
    StudentStage,
    corpus_stage,
    one_corpus,
    student_stage,
)
from smallsteps.studies.study import is_study
from smallsteps.studies.tasks import check_data

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
    name, folder, stages = recipe_stages(path, out, seed=seed, seeds=seeds, overrides=overrides, data=data)
    claim_folder(folder, name, resume=resume)
    with locked(folder):
        carry_out(stages, folder, workers=workers)
    return next(stage for stage in stages if isinstance(stage, StudentStage)).folder(folder)


def recipe_stages(
    path: Path,
    out: Path | None,
    *,
    seed: int = 1,
    seeds: int | None = None,
    overrides: Iterable[str] = (),
    data: Path | None = None,
) -> tuple[str, Path, list[Stage]]:
    """Name, output folder and stages of a recipe; writes nothing.

    Raises:
        UserError: the recipe is wrong, or its base is not there.
    """
    overrides = tuple(overrides)
    if is_study(path):
        raise UserError(
            "a study, not a recipe", where=str(path), fix=f"smallsteps run {path}, or name one of its recipes"
        )
    recipe = load_recipe(path, overrides)
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
        called = f"{recipe.recipe}-part{number + 1}" if number else recipe.recipe
        sections.append(corpus_stage(called, spec, place, folder, resolved, sections, mixed=many))
    corpus = one_corpus(recipe.recipe, sections, recipe)
    chosen = first_seeds([seed], seeds or 1)
    students = [student_stage(recipe, place, one, resolved, corpus) for one in chosen]
    mixed = [corpus] if isinstance(corpus, MixStage) else []
    return recipe.recipe, folder, [*sections, *mixed, *students]
