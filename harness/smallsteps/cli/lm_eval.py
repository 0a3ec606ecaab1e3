"""`smallsteps lm-eval`: lm-eval's own command line with the model `smallsteps` and our tasks."""

from __future__ import annotations

import sys

import click


@click.command(
    "lm-eval",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """lm-eval's own command line; our tasks are its `--include_path` unless one is given."""
    from smallsteps.evaluation.command import lm_eval_main

    sys.exit(lm_eval_main(list(arguments)))
