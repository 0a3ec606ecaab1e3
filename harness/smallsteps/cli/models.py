"""`smallsteps models`: the models directory of machines without a network."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import json_option, models_option


@click.group("models")
def command() -> None:
    """List and fetch models for machines without a network.

    DIR/OWNER/NAME holds the files of one model. With --models DIR or SMALLSTEPS_MODELS=DIR every hub id in
    recipes, studies and commands is looked up there before the hub.
    """


@command.command("ls")
@models_option
@json_option
def ls(as_json: bool) -> int:
    """Models of the directory: commit, size, and whether their files are whole."""
    from smallsteps.cli.tables import table
    from smallsteps.errors import UserError
    from smallsteps.files import to_json
    from smallsteps.students.fetching import listing
    from smallsteps.students.offline import models_directory

    root = models_directory()
    if root is None:
        raise UserError(
            "no models directory is named", fix="name one with --models DIR or SMALLSTEPS_MODELS=DIR"
        )
    rows = listing(root)
    if as_json:
        click.echo(to_json({"schema": "smallsteps.models/1", "models": [row.as_dict() for row in rows]}))
    else:
        body = [(r.id, (r.commit or "not recorded")[:12], f"{r.bytes / 1e6:,.1f} MB", r.state) for r in rows]
        click.echo(table(("model", "commit", "size", "files"), body, right=(2,)))
    return 0 if all(row.good for row in rows) else 1


@command.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="OWNER/NAME...")
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="Models directory."
)
@click.option("--revision", help="Branch, tag or commit [main]; for one model at a time.")
def fetch(names: tuple[str, ...], to: Path, revision: str | None) -> None:
    """Fetch models from the hub: safetensors, configuration and tokenizer files alone.

    Run it again to go on after an interruption. Private and gated models need HF_TOKEN.
    """
    from smallsteps.students.fetching import fetch as fetch_one

    if revision is not None and len(names) > 1:
        raise click.UsageError("--revision goes with one model")
    for name in names:
        click.echo(fetch_one(name, to, revision))
