"""`smallsteps recipes`: what ships with the product, and whether a file is sound."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import data_option, json_option, own_options, set_option


@click.group("recipes")
def command() -> None:
    """List, show, check and plan recipes and studies."""


@command.command("ls")
@json_option
def ls(as_json: bool) -> None:
    """Recipes and studies that ship with the product."""
    from smallsteps.files import to_json
    from smallsteps.studies.catalogue import entries

    rows = entries()
    if as_json:
        click.echo(to_json([row.as_dict() for row in rows]))
        return
    width = max(len(row.path) for row in rows)
    for row in rows:
        click.echo(f"{row.path:<{width}}  {row.kind:<6}  {row.title}")


@command.command("show")
@click.argument("path", type=click.Path(path_type=Path))
@own_options
@set_option
def show(path: Path, overrides: tuple[str, ...]) -> None:
    """PATH with `extends`, overrides and defaults filled in."""
    from smallsteps.studies.catalogue import filled_in

    click.echo(filled_in(path, overrides), nl=False)


@command.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@own_options
def check(paths: tuple[Path, ...]) -> None:
    """Validate PATHS (all shipped ones when none is given) without running anything."""
    from smallsteps.errors import UserError
    from smallsteps.studies.catalogue import check as check_one
    from smallsteps.studies.catalogue import entries

    wrong = 0
    for path in paths or [Path(row.path) for row in entries()]:
        try:
            check_one(path)
            click.echo(f"ok     {path}")
        except UserError as error:
            wrong += 1
            click.echo(f"wrong  {path}\n{error}", err=True)
    if wrong:
        raise UserError(f"{wrong} of the files cannot be run as they are")


@command.command("plan")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder [runs/NAME].")
@click.option("--seeds", type=click.IntRange(1), help="Number of training seeds, instead of the file's own.")
@own_options
@set_option
@data_option
def plan(
    path: Path, out: Path | None, seeds: int | None, overrides: tuple[str, ...], data: Path | None
) -> None:
    """The stages of study PATH: which are done in OUT, which would run."""
    from smallsteps.studies.board import label
    from smallsteps.studies.prepare import prepare

    prepared = prepare(path, out, seeds=seeds, overrides=overrides, data=data)
    for stage in prepared.plan.stages():
        state = "done " if stage.is_done(prepared.out) else "to do"
        click.echo(f"{state}  {label(stage):<48} {stage.key}")


@command.command("reference", hidden=True)
def reference() -> None:
    """Every key of the YAML files as Markdown: the page docs/recipes.md."""
    from smallsteps.studies.reference import reference as page

    click.echo(page(), nl=False)
