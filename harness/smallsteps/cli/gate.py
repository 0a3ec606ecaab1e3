"""`smallsteps gate`: pass, fail or undecided against a frozen reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from smallsteps.cli.options import (
    allow_outside_option,
    data_option,
    html_option,
    json_option,
    models_option,
    own_options,
)

if TYPE_CHECKING:
    from smallsteps.gate.model import GateReport
    from smallsteps.gate.rules import Rules
    from smallsteps.outcomes.readers import Loaded

FILE = click.Path(path_type=Path, dir_okay=False)
SOURCE = click.Path(path_type=Path)


@click.command("gate")
@click.argument("new", type=SOURCE, metavar="NEW")
@click.option("--against", required=True, type=SOURCE, help="The frozen reference run.")
@click.option(
    "--best", type=SOURCE, help="The best run so far; NEW may not lose the margin against it either."
)
@click.option("--rerun", type=SOURCE, help="A second run of the reference: measures how much answers vary.")
@click.option(
    "--margin",
    "margins",
    multiple=True,
    required=True,
    metavar="[ROLE=|TASK=]POINTS",
    help="Largest loss allowed, in accuracy points (2 is 2 %); repeatable.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0.0001, 0.5, max_open=True),
    default=0.05,
    show_default=True,
    help="One-sided level of the test.",
)
@click.option("--task", "tasks", multiple=True, help="Judge this task only; repeatable.")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="NAME=PATTERN",
    help="Call the tasks that match PATTERN one suite.",
)
@click.option(
    "--allow", multiple=True, type=click.Choice(["scoring"]), help="Read outcomes of different scoring rules."
)
@click.option("--filter", "filter_name", help="lm-eval filter to read.")
@click.option("--metric", help="lm-eval metric or inspect scorer to read.")
@click.option("--live", is_flag=True, help="NEW is a student: grade it until the verdict is known.")
@click.option("--state", type=FILE, help="Where a live gate keeps its progress (default: gate-NAME.json).")
@click.option("--watch", is_flag=True, help="Live: judge after every batch (e-process) instead of 5 looks.")
@click.option(
    "--looks", type=click.IntRange(1, 20), default=5, show_default=True, help="Live: planned looks."
)
@click.option("--salt", default="smallsteps", show_default=True, help="Live: fixes the order of items.")
@click.option("--batch", type=click.IntRange(1), help="Live: items at a time [all up to the next look].")
@click.option(
    "--precision",
    type=click.Choice(["auto", "exact"]),
    help="Live: 'exact' is float32, whose texts do not depend on the batch [as the reference].",
)
@own_options
@allow_outside_option
@models_option
@data_option
@click.option("--junit", type=FILE, help="Write JUnit XML.")
@click.option("--markdown", type=FILE, help="Write a Markdown summary.")
@html_option
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
    live: bool,
    state: Path | None,
    watch: bool,
    looks: int,
    salt: str,
    batch: int | None,
    precision: str | None,
    data: Path | None,
    junit: Path | None,
    markdown: Path | None,
    html_path: Path | None,
    as_json: bool,
) -> int:
    """Judge a NEW run: exit 0 if it passes, 1 if it fails, 2 if it is undecided.

    PASS: on every task, a loss of the margin or more is excluded at one-sided 95 %. FAIL: on some task, more
    than the margin is lost. "No significant difference" is neither.

    \b
      smallsteps gate runs/new --against runs/frozen --margin 2
      smallsteps gate runs/new --against runs/frozen --margin target=2 --margin generic=1 --junit gate.xml
      smallsteps gate students/new --live --against runs/frozen --margin 2

    With --live, NEW is a student. Items come in an order fixed by the salt, five looks are planned
    (O'Brien-Fleming), and grading stops as soon as the verdict is known. A killed gate goes on from
    its state file, which refuses another student, margin or level: that would be a second test.
    """
    from dataclasses import replace

    from smallsteps.files import to_json, write_atomic
    from smallsteps.gate import layout
    from smallsteps.gate.decide import decide
    from smallsteps.gate.rules import parse_margins
    from smallsteps.outcomes.lm_eval_files import Choice
    from smallsteps.outcomes.readers import load

    rules = parse_margins(margins, alpha)
    choice = Choice(filter_name, metric, tasks)
    runs: list[Loaded] = []
    if live:
        if best is not None or rerun is not None or suites:
            raise click.UsageError("--live goes without --best, --rerun and --suite")
        design: Literal["looks", "watch"] = "watch" if watch else "looks"
        options = _Live(state, design, looks, salt, batch, precision)
        report = _live(str(new), against, rules, tasks, options, data)
    else:
        for name, given in (
            ("--state", state),
            ("--watch", watch),
            ("--batch", batch),
            ("--precision", precision),
        ):
            if given:
                raise click.UsageError(f"{name} goes with --live")
        _refuse_student(new)
        runs = [load([path], choice) for path in (new, against, best, rerun) if path is not None]
        mine, *others = [run.table for run in runs]
        report = decide(
            mine,
            others[:-1] if rerun is not None else others,
            rules,
            tasks=tasks,
            suites=suites,
            allow=allow,
            rerun=others[-1] if rerun is not None else None,
        )
        read = dict.fromkeys(note for run in runs for note in run.notes)
        report = replace(report, notes=(*read, *report.notes))
    if junit is not None:
        write_atomic(junit, layout.as_junit(report))
    if markdown is not None:
        write_atomic(markdown, layout.as_markdown(report))
    if html_path is not None:
        from smallsteps.gate import html

        write_atomic(html_path, html.page(report, None if live else html.listed_items(report, runs)))
    click.echo(to_json(layout.as_json(report)) if as_json else layout.as_text(report), nl=as_json)
    return report.exit_code


def _refuse_student(new: Path) -> None:
    from smallsteps.errors import UserError
    from smallsteps.students import CARD

    if (new / CARD).exists() or (new / "config.json").exists():
        raise UserError(
            "a student, not a run", where=str(new), fix="add --live to grade it now, or evaluate it first"
        )


@dataclass(frozen=True, slots=True)
class _Live:
    """Options of `--live`."""

    state: Path | None
    design: Literal["looks", "watch"]
    looks: int
    salt: str
    batch: int | None
    precision: str | None


def _live(
    student: str,
    against: Path,
    rules: Rules,
    tasks: tuple[str, ...],
    options: _Live,
    data: Path | None,
) -> GateReport:
    from smallsteps.comparing.graded import grade_all, tasks_of
    from smallsteps.evaluation.progress import Bar
    from smallsteps.gate.decide import only_student
    from smallsteps.gate.live import LivePlan, run_live
    from smallsteps.gate.student import StudentGrader, numerics_note, settings_of
    from smallsteps.outcomes.readers import load

    settings = settings_of(against)
    if options.precision is not None:
        settings = replace(settings, precision=options.precision, dtype="auto")
    table = load([against]).table
    name, chosen = only_student(table, "reference"), tasks_of(table, tasks)
    graded = grade_all(table, chosen)
    reference = [graded[name, task] for task in chosen]
    with Bar("this look") as bar:
        grader = StudentGrader(student, settings, reference, data, progress=bar)
        state = options.state or Path(f"gate-{grader.identity}.json")
        grader.save_to(state.with_name(f"{state.name}.responses"))

        def say(task: str, done: int, total: int) -> None:
            click.echo(f"{task}: {done} of {total} items graded", err=True)

        plan = LivePlan(
            grader.identity,
            options.salt,
            options.design,
            options.looks,
            options.batch,
            together=grader.together,
        )
        report = run_live(plan, reference, rules, grader, state, say)
    grader.finish()
    other = [
        f"{task}: the student saw a different prompt than the reference on {len(items)} items"
        for task, items in grader.other_prompts.items()
    ]
    note = numerics_note(against, grader.numerics)
    return replace(report, notes=(*report.notes, *other, *([note] if note else [])))
