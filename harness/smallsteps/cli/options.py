"""Options that several verbs share."""

from __future__ import annotations

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="SMALLSTEPS_DATA",
    help="Offline data directory (default: $SMALLSTEPS_DATA, else the hub).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Override a key of the YAML file; repeatable.",
)
workers_option = click.option(
    "--workers", type=click.IntRange(1), help="Stages carried out side by side (default: one a core)."
)
