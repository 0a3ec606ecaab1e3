"""`smallsteps tasks`: the benchmarks, their data, and their overlap with a training corpus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smallsteps.cli.options import data_option, json_option, own_options

if TYPE_CHECKING:
    from smallsteps.corpora.overlap import Hit


@click.group("tasks")
def command() -> None:
    """List, show, verify and fetch benchmarks; compare a training corpus with the test sets."""


@command.command("path")
def path() -> None:
    """The folder of the task files, for lm-eval's --include_path."""
    from smallsteps.resources import shipped

    click.echo(str(shipped("tasks")))


@command.command("ls")
@own_options
@data_option
@json_option
def ls(data: Path | None, as_json: bool) -> None:
    """Benchmarks: role, kind of answer, items by split, where the data are, licence."""
    from smallsteps.cli.tables import table
    from smallsteps.files import to_json
    from smallsteps.problems.listing import DATA_WORDS, listing

    rows = listing(data)
    if as_json:
        click.echo(to_json([row.as_dict() for row in rows]))
        return
    head = ("benchmark", "role", "answer", "train", "dev", "test", "data", "licence")
    body = [
        (r.name, r.role, r.kind, *(_count(r.splits, s) for s in ("train", "dev", "test")), r.data, r.licence)
        for r in rows
    ]
    click.echo(table(head, body, right=(3, 4, 5)))
    shown = {row.data for row in rows}
    click.echo("\ndata:")
    for word, meaning in DATA_WORDS.items():
        if word in shown:
            click.echo(f"  {word:<9}  {meaning}")


def _count(splits: dict[str, int | None], name: str) -> str:
    return "" if name not in splits else "?" if splits[name] is None else str(splits[name])


@command.command("check")
@click.argument("places", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[PLACE]...")
@own_options
@data_option
def check(places: tuple[Path, ...], data: Path | None) -> None:
    """Check benchmarks and lm-eval task files: folders or a benchmark's YAML file.

    Without a PLACE: the shipped tasks and those of --tasks-path. Of your own, every problem is read.
    """
    from smallsteps.evaluation.task_check import check_tasks
    from smallsteps.evaluation.task_code import code_of_folder
    from smallsteps.problems.finding import own_places
    from smallsteps.resources import shipped

    for place in places or [shipped("tasks"), *own_places()]:
        found = check_tasks(place, data)
        click.echo(f"ok  {place}: {len(found.benchmarks)} benchmarks, {found.task_files} task files")
        for name, splits in found.problems.items():
            counts = ", ".join(f"{count} {split}" for split, count in splits.items())
            click.echo(f"    {name}: {counts} problems")
        for at, what in code_of_folder(place) if place.is_dir() else ():
            click.echo(f"warning: {at}: {what} would run; eval needs --trust-task-code", err=True)


@command.command("chance")
@click.argument("names", nargs=-1)
@click.option("--write", is_flag=True, help="Write them into each benchmark.yaml.")
@data_option
@json_option
def chance(names: tuple[str, ...], write: bool, data: Path | None, as_json: bool) -> int:
    """Chance levels of NAMES (all by default), from the data; exit code 1 where benchmark.yaml differs."""
    from smallsteps.cli.tables import table
    from smallsteps.files import to_json
    from smallsteps.problems.chance import survey

    found = survey(names, data, write=write)
    if as_json:
        click.echo(to_json([one.as_dict() for one in found.levels]))
    else:
        head = ("benchmark", "subtask", "uniform", "majority", "benchmark.yaml")
        click.echo(table(head, [one.row() for one in found.levels], right=(2, 3)))
    for name, reason in found.skipped.items():
        click.echo(f"skipped {name}: {reason}", err=True)
    return 0 if write or all(one.recorded for one in found.levels) else 1


@command.command("show")
@click.argument("name")
@click.option("--row", type=click.IntRange(0), default=0, help="Row of the test split (default: the first).")
@click.option("--subtask", help="Subtask to show, where the benchmark has several.")
@own_options
@data_option
@json_option
def show(name: str, row: int, subtask: str | None, data: Path | None, as_json: bool) -> None:
    """What NAME is, and its prompts with a real row.

    NAME is a benchmark, one of its lm-eval tasks, or the path of your own benchmark.
    """
    from smallsteps.evaluation.preview import preview
    from smallsteps.files import to_json
    from smallsteps.problems import load_benchmark
    from smallsteps.problems.listing import describe, entry
    from smallsteps.problems.tasks import find_task

    found = find_task(name)
    benchmark = load_benchmark(found.benchmark)
    variants = [found.variant] if found.variant else list(benchmark.variants)
    subtask = subtask or found.subtask
    previews = [preview(benchmark, str(variant), data, subtask, row) for variant in variants]
    if as_json:
        prompts = [{key: getattr(p, key) for key in p.__slots__} for p in previews]
        click.echo(to_json({**entry(benchmark, data).as_dict(), "prompts": prompts}))
        return
    click.echo(describe(benchmark, data))
    for one in previews:
        click.echo(f"\n{one.task}")
        click.echo(f"not available: {one.error}" if one.error else f"{one.prompt}\n[gold: {one.answer}]")


@command.group("data")
def data_group() -> None:
    """The offline data directory."""


@data_group.command("verify")
@click.argument("names", nargs=-1)
@data_option
@json_option
def verify(names: tuple[str, ...], data: Path | None, as_json: bool) -> int:
    """Compare the data directory with the recorded sha256 and counts (all benchmarks by default)."""
    from smallsteps.errors import UserError
    from smallsteps.problems import data_directory, list_benchmarks, load_benchmark
    from smallsteps.problems.verify import as_json as checks_as_json
    from smallsteps.problems.verify import verify as check_files

    folder = data_directory(data)
    if folder is None:
        raise UserError("no data directory is named", fix="name one with --data DIR or SMALLSTEPS_DATA=DIR")
    checks = [c for name in names or list_benchmarks() for c in check_files(load_benchmark(name), folder)]
    if as_json:
        click.echo(checks_as_json(checks))
    else:
        for c in sorted({(c.state, c.path, c.detail, c.benchmark) for c in checks if c.state != "ok"}):
            click.echo(f"{c[0]:<10}  {c[1]}  ({c[3]}{': ' + c[2] if c[2] else ''})")
        counts = {
            state: len({c.path for c in checks if c.state == state}) for state in (c.state for c in checks)
        }
        click.echo(", ".join(f"{count} {state}" for state, count in counts.items()) or "nothing to check")
    return 0 if all(c.good for c in checks) else 1


@data_group.command("fetch")
@click.argument("names", nargs=-1)
@click.option(
    "--to", type=click.Path(path_type=Path, file_okay=False), required=True, help="Directory to fill."
)
def fetch(names: tuple[str, ...], to: Path) -> int:
    """Fetch what a directory lacks (of all benchmarks by default); run it again to resume."""
    from smallsteps.problems import list_benchmarks, load_benchmark
    from smallsteps.problems.fetch import fetch as fetch_one

    left = [
        line
        for name in names or list_benchmarks()
        for line in fetch_one(load_benchmark(name), to, click.echo)
    ]
    for line in left:
        click.echo(f"not fetched: {line}", err=True)
    return 1 if left else 0


@command.command("overlap")
@click.argument("corpus", type=click.Path(path_type=Path))
@click.option("--suite", "names", multiple=True, default=("all",), help="Benchmark or group; repeatable.")
@click.option("--field", help="Field of a JSON row that holds the question.")
@click.option(
    "--limit",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Largest share of a test set that may be found.",
)
@click.option(
    "--allow",
    multiple=True,
    metavar="BENCHMARK",
    help="Benchmark that may overlap with the corpus; repeatable.",
)
@own_options
@data_option
@json_option
def overlap(
    corpus: Path,
    names: tuple[str, ...],
    field: str | None,
    limit: float,
    allow: tuple[str, ...],
    data: Path | None,
    as_json: bool,
) -> int:
    """How much of each test set is in CORPUS (folder, .jsonl, .json, .txt), exactly or nearly."""
    from smallsteps.cli.tables import table
    from smallsteps.corpora.overlap import overlap as measure
    from smallsteps.corpora.texts import texts_of
    from smallsteps.errors import UserError
    from smallsteps.files import to_json
    from smallsteps.problems.listing import benchmarks_of

    report = measure(texts_of(corpus, field, data), benchmarks_of(names), data)
    if as_json:
        click.echo(to_json(report.data()))
    else:
        head = ("benchmark", "items", "exact", "near", "share", "for example")
        body = [
            (b.benchmark, str(b.items), str(b.exact), str(b.near), f"{b.share:.1%}", _example(b.hits))
            for b in report.benchmarks
        ]
        click.echo(table(head, body, right=(1, 2, 3, 4)))
        for name, reason in report.skipped.items():
            click.echo(f"skipped {name}: {reason}")
        click.echo(
            f"{report.texts} texts; near: {report.near:.0%} of an item's {report.ngram}-grams in one text"
        )
    try:
        report.check(limit, allow)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    return 0


def _example(hits: tuple[Hit, ...]) -> str:
    return f"item {hits[0].item}, text {hits[0].text}" if hits else ""
