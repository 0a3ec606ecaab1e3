"""`smallsteps recipes`: what ships with the product, and whether a file is valid."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import data_option, json_option, models_option, own_options, set_option


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
@set_option
@models_option
@data_option
def check(paths: tuple[Path, ...], overrides: tuple[str, ...], data: Path | None) -> None:
    """Validate PATHS (all shipped ones when none is given) without running anything.

    Bases are looked up next to the recipe and in the data directory. A hub id is checked for its form only.
    """
    from smallsteps.errors import UserError
    from smallsteps.studies.catalogue import check as check_one
    from smallsteps.studies.catalogue import entries

    if overrides and len(paths) != 1:
        raise click.UsageError("--set goes with one path")
    wrong = 0
    chosen = paths or [Path(row.path) for row in entries()]
    count = len(chosen)
    for path in chosen:
        try:
            notes = check_one(path, data, overrides)
            click.echo(f"ok     {path}")
            for note in notes:
                click.echo(f"       note: {note}")
        except UserError as error:
            wrong += 1
            click.echo(f"wrong  {path}\n{error}", err=True)
    if wrong:
        raise UserError(f"{wrong} of {count} files cannot be run as they are")


@command.command("plan")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Output folder [runs/NAME].")
@click.option("--seed", type=int, help="First training seed of a recipe [1].")
@click.option("--seeds", type=click.IntRange(1), help="Number of training seeds, instead of the file's own.")
@click.option(
    "--hardware",
    type=click.Choice(["h100", "h200", "a100", "cpu"]),
    help="Say memory by part and time on it; refuse what does not fit.",
)
@own_options
@set_option
@models_option
@data_option
@json_option
def plan(
    path: Path,
    out: Path | None,
    seed: int | None,
    seeds: int | None,
    overrides: tuple[str, ...],
    data: Path | None,
    hardware: str | None,
    as_json: bool,
) -> None:
    """The stages of PATH, a study or a recipe, as a tree: what is done in OUT, what would run."""
    from dataclasses import asdict

    from smallsteps.corpora.teach import estimate_text
    from smallsteps.files import to_json
    from smallsteps.studies.bases import models_of
    from smallsteps.studies.capacity import costs_of, estimates_of, forecasts_of
    from smallsteps.studies.drawing import drawn, total
    from smallsteps.studies.places import find
    from smallsteps.studies.prepare import prepare
    from smallsteps.studies.recipe import load_recipe
    from smallsteps.studies.run import recipe_stages
    from smallsteps.studies.source import Source
    from smallsteps.studies.study import is_study

    limits: list[str] = []
    here = hardware in (None, "cpu")
    if is_study(path):
        if seed is not None:
            raise click.UsageError(
                "--seed is for recipes: a study names its seeds (--seeds N takes N of them)"
            )
        prepared = prepare(path, out, seeds=seeds, overrides=overrides, data=data, here=here)
        folder, stages = prepared.out, prepared.plan.stages()
        limits = prepared.study.limits()
        models = models_of(prepared.recipes.values(), prepared.study, prepared.roots)
        recipes = prepared.recipes
        costs = costs_of(prepared.recipes, data)
    else:
        _, folder, stages = recipe_stages(
            path,
            out,
            seed=1 if seed is None else seed,
            seeds=seeds,
            overrides=overrides,
            data=data,
            here=here,
        )
        recipe = load_recipe(path, overrides)
        models = models_of([recipe], roots=[find(path).parent, *([data] if data else [])])
        recipes = {Source(path): recipe}
        costs = costs_of(recipes, data)
    forecasts = forecasts_of(recipes, costs, hardware, data) if hardware is not None else {}
    teachers = estimates_of(stages, folder)
    rows = drawn(stages, folder)
    if as_json:
        by_key = {row.stage.key: row.data() for row in rows}
        listed = [by_key[stage.key] for stage in stages]
        stored: dict[str, object] = (
            {"models": [{**one.provenance(), "folder": _folder(one)} for one in models]} if models else {}
        )
        if costs:
            said = {name: asdict(found) for name, (found, _) in costs.items()}
            stored = {**stored, "costs": said}
        if limits:
            stored["limits"] = limits
        if teachers:
            stored["teachers"] = {name: asdict(estimate) for name, estimate in teachers.items()}
        if forecasts:
            stored["forecasts"] = {name: asdict(found) for name, found in forecasts.items()}
        click.echo(to_json({"schema": "smallsteps.plan/1", "out": str(folder), "stages": listed, **stored}))
        for name, told in forecasts.items():
            told.check(name)
        return
    for row in rows:
        click.echo(row.line())
    click.echo(total(rows))
    for text in limits:
        click.echo(f"items  {text}")
    for one in models:
        click.echo(f"model  {one.words()}")
    alike: dict[str, list[str]] = {}
    for name, (found, optimisation) in costs.items():
        alike.setdefault(found.words(optimisation), []).append(name)
    for words, names in alike.items():
        click.echo(f"cost   {', '.join(names)}: {words}")
    for name, estimate in teachers.items():
        for line in estimate_text(estimate).splitlines():
            click.echo(f"teacher {name}: {line}")
    for name, told in forecasts.items():
        for line in told.lines():
            click.echo(f"       {name}: {line}")
    for name, told in forecasts.items():
        told.check(name)


def _folder(model: object) -> str | None:
    folder = getattr(model, "folder", None)
    return None if folder is None else str(folder)


@command.command("reference", hidden=True)
def reference() -> None:
    """Every key of the YAML files as Markdown: the page docs/recipes.md."""
    from smallsteps.studies.reference import reference as page

    click.echo(page(), nl=False)
