"""`smallsteps run`: a study or a recipe, end to end."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import (
    data_option,
    json_option,
    models_option,
    own_options,
    set_option,
    workers_option,
)


@click.command("run")
@click.argument("study", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder [runs/NAME].")
@click.option("--seeds", type=click.IntRange(1), help="Number of training seeds, instead of the file's own.")
@click.option("--resume", is_flag=True, help="Go on with what OUT holds; an error when there is nothing.")
@set_option
@own_options
@models_option
@data_option
@workers_option
@json_option
def command(
    study: Path,
    out: Path | None,
    seeds: int | None,
    resume: bool,
    overrides: tuple[str, ...],
    data: Path | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Run STUDY (or a recipe): corpora, students, evaluation through lm-eval, report.

    Finished stages are kept: a second run does nothing, an interrupted one resumes.
    """
    from smallsteps.studies.run import run_recipe, run_study
    from smallsteps.studies.study import is_study

    if is_study(study):
        done = run_study(
            study, out, seeds=seeds, resume=resume, overrides=overrides, data=data, workers=workers
        )
        click.echo(done.json_text if as_json else done.words)
    else:
        folder = run_recipe(
            study, out, seeds=seeds, resume=resume, overrides=overrides, data=data, workers=workers
        )
        click.echo(f"student: {folder}")
