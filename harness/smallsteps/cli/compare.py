"""`smallsteps compare`: paired tests between runs, from their outcomes."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import html_option, json_option, own_options


@click.command("compare")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--task", "tasks", multiple=True, help="Use this task only; repeatable.")
@click.option("--student", "students", multiple=True, help="Use this student only; repeatable.")
@click.option("--baseline", help="Compare every other student with this one (default: all pairs).")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="NAME=PATTERN",
    help="Call the tasks that match PATTERN one suite.",
)
@click.option(
    "--allow",
    multiple=True,
    type=click.Choice(["scoring"]),
    help="Compare outcomes of different scoring rules; the report says so.",
)
@click.option(
    "--margin", type=click.FloatRange(0.01, 99), help="Test equivalence within these points as well."
)
@click.option("--all", "everything", is_flag=True, help="Show every comparison of a large report.")
@click.option(
    "--same-seeds", is_flag=True, help="Pair runs of equal seeds (same initialisation and data order)."
)
@click.option(
    "--fixed",
    multiple=True,
    metavar="STUDENT",
    help="A given model, such as an untrained base: its seeds do not vary.",
)
@click.option(
    "--samples-as",
    default="mean",
    metavar="mean|majority|pass@K",
    show_default=True,
    help="How several samples of an item become one score.",
)
@click.option("--filter", "filter_name", help="lm-eval filter to read (default: the task's first).")
@click.option("--metric", help="lm-eval metric or inspect scorer to read (default: the first usable one).")
@click.option(
    "--confidence",
    type=click.FloatRange(0.5, 0.9999),
    default=0.95,
    show_default=True,
    help="Level of the intervals; verdicts are at 5 % whatever it is.",
)
@click.option("--markdown", type=click.Path(path_type=Path, dir_okay=False), help="Write a Markdown page.")
@html_option
@own_options
@json_option
def command(
    paths: tuple[Path, ...],
    tasks: tuple[str, ...],
    students: tuple[str, ...],
    baseline: str | None,
    suites: tuple[str, ...],
    allow: tuple[str, ...],
    margin: float | None,
    everything: bool,
    same_seeds: bool,
    fixed: tuple[str, ...],
    samples_as: str,
    filter_name: str | None,
    metric: str | None,
    confidence: float,
    markdown: Path | None,
    html_path: Path | None,
    as_json: bool,
) -> None:
    """Test what differs between runs, item by item.

    \b
    PATHS are run directories, output of lm-eval (made with --log_samples) or inspect_ai, or outcomes as CSV,
    JSON lines or Parquet with the columns student, task, item, score (and seed, sample, cluster).

    \b
      smallsteps compare runs/cot runs/socratic
      smallsteps compare lm-eval-out/model-a lm-eval-out/model-b --filter flexible-extract
      smallsteps compare outcomes.csv --baseline base --html report.html
    """
    from tqdm import tqdm

    from smallsteps.comparing.compare import Question, build
    from smallsteps.files import to_json, write_atomic
    from smallsteps.outcomes.lm_eval_files import Choice
    from smallsteps.outcomes.readers import load
    from smallsteps.reports.compare import layout

    loaded = load(paths, Choice(filter_name, metric, tasks))
    question = Question(
        tasks,
        students,
        baseline,
        suites,
        allow,
        confidence,
        same_seeds,
        samples_as,
        fixed,
        None if margin is None else margin / 100,
    )
    with tqdm(desc="comparing", unit="step", disable=None, leave=False) as bar:  # silent without a terminal

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = build(loaded.table, question, loaded.sources, loaded.notes, show)
    if markdown is not None:
        write_atomic(markdown, layout.as_markdown(report, everything=everything))
    if html_path is not None:
        from smallsteps.reports.compare import html
        from smallsteps.reports.page.texts import logged_samples, places_of

        items = html.listed_items(report, loaded.table, logged_samples(places_of(loaded.runs)))
        write_atomic(html_path, html.page(report, items, everything=everything))
    text = to_json(layout.as_json(report)) if as_json else layout.as_text(report, everything=everything)
    click.echo(text, nl=as_json)
