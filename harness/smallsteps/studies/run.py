"""Running a study or a recipe: folder, stages, report."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from smallsteps.studies.folder import claim_folder, locked
from smallsteps.studies.plan import corpus_stage, student_stage
from smallsteps.studies.prepare import first_seeds, prepare
from smallsteps.studies.recipe import find, load_recipe
from smallsteps.studies.runner import carry_out
from smallsteps.studies.tasks import check_data

if TYPE_CHECKING:
    from smallsteps.studies.report import Finished


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
