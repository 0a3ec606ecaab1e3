"""`smallsteps distill`: the student of one recipe."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import data_option, models_option, own_options, set_option


@click.command("distill")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder [runs/NAME].")
@click.option("--seed", type=int, default=1, show_default=True, help="Training seed.")
@set_option
@own_options
@models_option
@data_option
def command(recipe: Path, out: Path | None, seed: int, overrides: tuple[str, ...], data: Path | None) -> None:
    """Collect the corpus of RECIPE and train its student.

    On several devices: `accelerate launch --num_processes N -m smallsteps distill RECIPE`, or `devices: N`
    in the recipe.
    """
    from smallsteps.errors import UserError
    from smallsteps.studies.run import run_recipe
    from smallsteps.training.team import declared, speaks_first

    team = declared()
    try:
        folder = run_recipe(recipe, out, seed=seed, overrides=overrides, data=data)
    except UserError as error:
        if speaks_first(team):
            raise
        raise SystemExit(error.code) from error
    if team.leads:
        click.echo(f"student: {folder}")
