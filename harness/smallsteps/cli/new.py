"""`smallsteps new`: a commented start for one's own recipe or benchmark."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import own_options


@click.group("new")
def command() -> None:
    """Write a commented start for your own recipe or benchmark."""


@command.command("benchmark")
@click.argument("name")
@click.option("--in", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder [NAME].")
@click.option(
    "--kind",
    type=click.Choice(["number", "choice", "boolean", "text"]),
    default="number",
    show_default=True,
    help="Kind of the answers.",
)
def benchmark(name: str, folder: Path | None, kind: str) -> None:
    """Write NAME/benchmark.yaml and a few problems to replace with your own."""
    from smallsteps.studies.starts import new_benchmark

    for path in new_benchmark(name, folder or Path(name), kind):
        click.echo(f"written: {path}")
    click.echo(f"next: smallsteps tasks check {folder or name}")


@command.command("recipe")
@click.argument("name")
@click.option("--benchmark", default="micro_problems", show_default=True, help="Name, or path of your own.")
@click.option("--scheme", default="cot", show_default=True, help="How reasoning is laid out.")
@own_options
def recipe(name: str, benchmark: str, scheme: str) -> None:
    """Write NAME.yaml: a student of the micro base, with every usual key explained."""
    from smallsteps.studies.starts import new_recipe

    path = new_recipe(name, Path(f"{name}.yaml"), benchmark, scheme)
    click.echo(f"written: {path}")
    click.echo(f"next: smallsteps recipes check {path}")
