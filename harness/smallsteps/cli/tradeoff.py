"""`smallsteps tradeoff`: what specialising gained, and what it cost."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import html_option, json_option, own_options


@click.command("tradeoff")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--base", required=True, help="The student that all are compared with: the untrained model.")
@click.option("--student", "students", multiple=True, help="Use these, in this order: a trajectory.")
@click.option("--target", multiple=True, metavar="TASK", help="Target task or pattern (default: by role).")
@click.option("--generic", multiple=True, metavar="TASK", help="Generic task or pattern (default: by role).")
@click.option("--suite", "suites", multiple=True, metavar="NAME=PATTERN", help="Tasks that make up a suite.")
@click.option(
    "--chance", multiple=True, metavar="NAME=SHARE", help="Chance accuracy of a task or suite, 0 to 1."
)
@click.option("--margin", type=click.FloatRange(0.01, 99), help="Generic loss you accept, in points.")
@click.option("--size", multiple=True, metavar="STUDENT=PARAMETERS", help="For a scaling fit; repeatable.")
@click.option("--allow", multiple=True, type=click.Choice(["scoring"]))
@click.option("--filter", "filter_name", help="lm-eval filter to read.")
@click.option("--metric", help="lm-eval metric or inspect scorer to read.")
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write a Markdown page.")
@html_option
@own_options
@json_option
def command(
    paths: tuple[Path, ...],
    base: str,
    students: tuple[str, ...],
    target: tuple[str, ...],
    generic: tuple[str, ...],
    suites: tuple[str, ...],
    chance: tuple[str, ...],
    margin: float | None,
    size: tuple[str, ...],
    allow: tuple[str, ...],
    filter_name: str | None,
    metric: str | None,
    markdown: Path | None,
    html_path: Path | None,
    as_json: bool,
) -> None:
    """What each student gained on the target, and what it cost in generic ability.

    \b
      smallsteps tradeoff runs/* --base base --margin 2
      smallsteps tradeoff outcomes.csv --base t5 --target gsm8k --generic 'bbh_*' --chance bbh_snarks=0.5
    """
    from smallsteps.comparing.tradeoff import TradeoffQuestion, build
    from smallsteps.files import to_json, write_atomic
    from smallsteps.outcomes.checkpoints import chosen_checkpoints
    from smallsteps.outcomes.lm_eval_files import Choice
    from smallsteps.outcomes.readers import load
    from smallsteps.reports.tradeoff import layout

    loaded = load(paths, Choice(filter_name, metric))
    question = TradeoffQuestion(
        base,
        target,
        generic,
        suites,
        _numbers(chance, "--chance", 0.0, 1.0),
        margin / 100 if margin is not None else None,
        _numbers(size, "--size", 1.0, 1e15),
        allow,
        students=students,
        chosen=chosen_checkpoints(source.path for source in loaded.runs),
    )
    report = build(loaded.table, question, loaded.notes)
    if markdown is not None:
        write_atomic(markdown, layout.as_markdown(report))
    if html_path is not None:
        from smallsteps.reports.page.texts import logged_samples, places_of
        from smallsteps.reports.tradeoff import html

        items = html.listed_items(report, loaded.table, logged_samples(places_of(loaded.runs)))
        write_atomic(html_path, html.page(report, items))
    click.echo(to_json(layout.as_json(report)) if as_json else layout.as_text(report), nl=as_json)


def _numbers(options: tuple[str, ...], name: str, low: float, high: float) -> dict[str, float]:
    from smallsteps.errors import UserError

    found: dict[str, float] = {}
    for option in options:
        key, _, text = option.rpartition("=")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not key or not low <= value <= high:
            raise UserError(f"{name} '{option}' is not NAME=NUMBER with a number from {low:g} to {high:g}")
        found[key] = value
    return found
