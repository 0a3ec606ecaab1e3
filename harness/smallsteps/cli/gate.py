"""`smallsteps gate`: pass, fail or undecided against a frozen reference."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import json_option

FILE = click.Path(path_type=Path, dir_okay=False)
SOURCE = click.Path(path_type=Path)


@click.command("gate")
@click.argument("new", type=SOURCE)
@click.option("--against", required=True, type=SOURCE, help="The frozen reference run.")
@click.option("--best", type=SOURCE, help="The best run so far: must not be lost against either.")
@click.option("--rerun", type=SOURCE, help="A second run of the reference: measures how much answers vary.")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    required=True,
    metavar="[ROLE=|TASK=]POINTS",
    help="Largest loss allowed, in accuracy points; repeatable.",
)
@click.option("--alpha", type=click.FloatRange(0.0001, 0.5), default=0.05, show_default=True)
@click.option("--task", "tasks", multiple=True, help="Judge this task only; repeatable.")
@click.option("--suite", "suites", multiple=True, metavar="NAME=PATTERN", help="Tasks that make up a suite.")
@click.option("--allow", multiple=True, type=click.Choice(["prompts", "scoring"]))
@click.option("--filter", "filter_name", help="lm-eval filter to read.")
@click.option("--metric", help="lm-eval metric to read.")
@click.option("--junit", type=FILE, help="Write JUnit XML.")
@click.option("--markdown", type=FILE, help="Write a Markdown summary.")
@json_option
def command(
    new: Path,
    against: Path,
    best: Path | None,
    rerun: Path | None,
    margins: tuple[str, ...],
    alpha: float,
    tasks: tuple[str, ...],
    suites: tuple[str, ...],
    allow: tuple[str, ...],
    filter_name: str | None,
    metric: str | None,
    junit: Path | None,
    markdown: Path | None,
    as_json: bool,
) -> int:
    """Judge a NEW run: exit 0 if it passes, 1 if it fails, 2 if that cannot be told.

    PASS: on every task, a loss of the margin or more is excluded at one-sided 95 %. FAIL: on some task, more
    than the margin is lost. "No significant difference" is neither.

    \b
      smallsteps gate runs/new --against runs/frozen --margin 2
      smallsteps gate runs/new --against runs/frozen --margin target=2 --margin generic=1 --junit gate.xml
    """
    from smallsteps.files import to_json, write_atomic
    from smallsteps.gate import layout
    from smallsteps.gate.decide import decide
    from smallsteps.gate.rules import parse_margins
    from smallsteps.outcomes.lm_eval_files import Choice
    from smallsteps.outcomes.readers import load

    rules = parse_margins(margins, alpha)
    choice = Choice(filter_name, metric)
    references = [load([path], choice).table for path in (against, best) if path is not None]
    report = decide(
        load([new], choice).table,
        references,
        rules,
        tasks=tasks,
        suites=suites,
        allow=allow,
        rerun=load([rerun], choice).table if rerun is not None else None,
    )
    if junit is not None:
        write_atomic(junit, layout.as_junit(report))
    if markdown is not None:
        write_atomic(markdown, layout.as_markdown(report))
    click.echo(to_json(layout.as_json(report)) if as_json else layout.as_text(report), nl=as_json)
    return report.exit_code
