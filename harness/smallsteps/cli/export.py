"""`smallsteps export`: a student ready for upload."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import own_options


@click.command("export")
@click.argument("student", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", required=True, type=click.Path(path_type=Path, file_okay=False), help="A new folder.")
@click.option(
    "--run",
    "runs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A run of it; repeatable.",
)
@click.option(
    "--card", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its leaderboard entry.yaml."
)
@click.option("--replace", is_flag=True, help="Replace an earlier export.")
@own_options
def command(student: Path, to: Path, runs: tuple[Path, ...], card: Path | None, replace: bool) -> None:
    """Copy STUDENT and write its model card, with results as the hub reads them (model-index).

    \b
      smallsteps export runs/mine/students/cot-s1-0123abcd4567 --to out/cot --run
      runs/mine/runs/cot-s1-target-4567
    """
    from smallsteps.config import load
    from smallsteps.leaderboard.entry import EntryFile
    from smallsteps.leaderboard.export import export

    found = export(student, to, runs, card=load(EntryFile, card) if card else None, replace=replace)
    click.echo(f"{to / 'README.md'}: {found.name}, {len(runs)} runs")
