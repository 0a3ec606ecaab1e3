"""Entry point: finds the verb, loads its file, turns user errors into one message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import click

from smallsteps import __version__
from smallsteps.errors import INTERRUPTED, USAGE, UserError, nearest

# verb -> (module, one line of help). Help must not import the verb: it has to answer in under 0.3 s.
VERBS: dict[str, tuple[str, str]] = {
    "run": ("smallsteps.cli.run", "Run a study or a recipe, end to end; a second run does nothing."),
    "teach": ("smallsteps.cli.teach", "Collect rationales from a teacher into a resumable corpus."),
    "distill": ("smallsteps.cli.distill", "Train the student of one recipe."),
    "eval": ("smallsteps.cli.eval", "Evaluate a student through lm-eval and write a run."),
    "compare": ("smallsteps.cli.compare", "Test what differs between runs, item by item."),
    "tradeoff": ("smallsteps.cli.tradeoff", "What specialising gained, and what it cost in generic ability."),
    "gate": ("smallsteps.cli.gate", "Pass, fail or undecided against a frozen reference."),
    "power": ("smallsteps.cli.power", "What the planned items and seeds can detect."),
    "score": ("smallsteps.cli.score", "Score responses of any JSONL file."),
    "tasks": ("smallsteps.cli.tasks", "List, show, verify and fetch benchmarks."),
    "recipes": ("smallsteps.cli.recipes", "List, show, check and plan recipes."),
    "new": ("smallsteps.cli.new", "Write a commented start for your own recipe or benchmark."),
    "lm-eval": ("smallsteps.cli.lm_eval", "lm-eval's own command line with our models and tasks."),
}


class LazyGroup(click.Group):
    """A click group that imports a verb's module only when the verb is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(VERBS[cmd_name][0]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # the reader has seen enough (`| head`); click would exit 1, "the answer is no"
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            close = nearest(args[0], VERBS)
            hint = f" Did you mean '{close}'?" if close else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="smallsteps")
def cli() -> None:
    """Distil step-by-step reasoning into small students; prove what it bought and what it cost."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 yes, 1 the answer is no, 2 undecided, 64 and above errors."""
    try:
        result = cli.main(args=arguments, standalone_mode=False)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.code)
    except click.exceptions.Abort:
        click.echo("interrupted: run the same command again to go on", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except KeyboardInterrupt:
        click.echo("interrupted: run the same command again to go on", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(result if isinstance(result, int) else 0)
