"""`smallsteps lm-eval`: lm-eval's own command line with the model `smallsteps` and our tasks."""

from __future__ import annotations

import click

from smallsteps.errors import SOFTWARE, USAGE


@click.command(
    "lm-eval",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> int:
    """lm-eval's own command line; our tasks are its `--include_path` unless one is given.

    Its INFO lines are shown with LMEVAL_LOG_LEVEL=INFO.
    """
    from smallsteps.evaluation.command import lm_eval_main

    code = lm_eval_main(list(arguments))
    return {1: SOFTWARE, 2: USAGE}.get(code, code)  # here 1 and 2 would mean "no" and "undecided"
