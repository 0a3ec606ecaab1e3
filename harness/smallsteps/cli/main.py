"""Entry point: finds the verb, loads its file, turns user errors into one message and an exit code."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import click

from smallsteps import __version__
from smallsteps.crashes import Terminated, explain
from smallsteps.errors import INTERRUPTED, SOFTWARE, TERMINATED, USAGE, nearest
from smallsteps.terminal import VisibleStream

AGAIN = "what was finished or saved is kept; run the same command again to go on"

# verb -> (module, one line of help). Help must not import the verb: it has to answer in under 0.3 s.
VERBS: dict[str, tuple[str, str]] = {
    "run": ("smallsteps.cli.run", "Run a study or a recipe, end to end; a second run does nothing."),
    "teach": ("smallsteps.cli.teach", "Collect rationales from a teacher into a resumable corpus."),
    "distill": ("smallsteps.cli.distill", "Train the student of one recipe."),
    "eval": ("smallsteps.cli.eval", "Evaluate a student through lm-eval and write a run."),
    "compare": ("smallsteps.cli.compare", "Test what differs between runs, item by item."),
    "tradeoff": ("smallsteps.cli.tradeoff", "What specialising gained, and what it cost in generic ability."),
    "gate": ("smallsteps.cli.gate", "Pass, fail or undecided against a frozen reference."),
    "leaderboard": ("smallsteps.cli.leaderboard", "Entries, their checks, and a static site made of them."),
    "power": ("smallsteps.cli.power", "What the planned items and seeds can detect."),
    "score": ("smallsteps.cli.score", "Score responses of any JSONL file."),
    "tasks": ("smallsteps.cli.tasks", "List, show, verify and fetch benchmarks."),
    "models": ("smallsteps.cli.models", "List and fetch models for machines without a network."),
    "recipes": ("smallsteps.cli.recipes", "List, show, check and plan recipes."),
    "export": ("smallsteps.cli.export", "Copy a student for upload, with a model card and its results."),
    "check": ("smallsteps.cli.check", "Verify a run, student, corpus or study folder whole."),
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
    """Run the command line and exit.

    0 yes, 1 the answer is no, 2 undecided; 64 and above are errors, 70 a defect. Only a verb's own answer
    gives 1 or 2, never a crash.
    """
    with _visible_streams():
        code = _outcome(arguments)
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
        except OSError as error:
            code = _fail(error)
    sys.exit(code)


def _outcome(arguments: list[str] | None) -> int:
    try:
        with _terminable():
            result = cli.main(args=arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Abort as error:
        if isinstance(error.__cause__, EOFError):  # click takes any of them for the end of a prompt's input
            return _fail(error.__cause__)
        return _stopped(error.__cause__)
    except click.ClickException as error:
        error.show()
        return USAGE
    except KeyboardInterrupt as error:
        return _stopped(error)
    except SystemExit as error:
        if type(sys.stdout).__name__.endswith(
            "PacifyFlushWrapper"
        ):  # raised by click when the reader has closed the pipe
            _drop_output()
            return 0
        # a library that ends the process itself does not answer with "no" or "undecided"
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        return SOFTWARE if code in (1, 2) else code
    except BrokenPipeError:
        _drop_output()
        return 0
    except BaseException as error:  # noqa: BLE001 -- the one place where every other exception ends
        return _fail(error)


def _fail(error: BaseException) -> int:
    explained = explain(error)
    with contextlib.suppress(OSError):  # standard error may be closed or full as well
        click.echo(f"error: {explained}", err=True)
    return explained.code


def _stopped(cause: BaseException | None) -> int:
    terminated = isinstance(cause, Terminated)
    with contextlib.suppress(OSError):
        click.echo(f"{'terminated' if terminated else 'interrupted'}: {AGAIN}", err=True)
    return TERMINATED if terminated else INTERRUPTED


def _drop_output() -> None:
    """Discard what is still buffered: the reader has closed the pipe."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Turn SIGTERM into an exception, so that workers are ended and files closed as after Ctrl-C."""

    def terminate(*_: object) -> None:
        raise Terminated

    try:
        before = signal.signal(signal.SIGTERM, terminate)
    except ValueError:  # not the main thread: someone else's process
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _visible_streams() -> Iterator[None]:
    """Show control characters in all output, and what the terminal's encoding lacks as escapes."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout = VisibleStream(sys.stdout)
    sys.stderr = VisibleStream(sys.stderr, returns=True)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
