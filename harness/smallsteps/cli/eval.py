"""`smallsteps eval`: students on some tasks, through lm-eval."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smallsteps.cli.options import (
    allow_outside_option,
    data_option,
    json_option,
    models_option,
    own_options,
    trust_task_code_option,
)

if TYPE_CHECKING:
    from smallsteps.outcomes import OutcomeTable


@click.command("eval")
@click.argument("students", nargs=-1, required=True, metavar="STUDENT...")
@click.option(
    "--tasks", required=True, help="lm-eval tasks, groups or your benchmark.yaml, separated by commas."
)
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Run directory.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="So many items of each task, drawn evenly from its subtasks, the same as in studies and on boards "
    "('smallsteps lm-eval --limit' takes the first ones).",
)
@click.option("--samples", type=click.IntRange(1), help="Texts per item (default: what the task says).")
@click.option("--temperature", type=click.FloatRange(0), help="0 is greedy (default: what the task says).")
@click.option("--max-new-tokens", type=click.IntRange(1), help="Budget per text (default: the task's).")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sampling.")
@click.option("--scheme", help="Instead of the student's own scheme (plain model folders are 'cot').")
@click.option(
    "--plans",
    type=click.Choice(["own", "gold"]),
    default="own",
    show_default=True,
    help="Whose sub-questions the solver of a Socratic student answers.",
)
@click.option("--label", help="Name in the outcomes (default: the student's own).")
@click.option("--batch-size", type=click.IntRange(1), help="Texts decoded side by side (default: 1024).")
@click.option("--dtype", default="auto", show_default=True, help="auto, float32, bfloat16 or float16.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "exact"]),
    help="'exact' is float32, whose texts do not depend on the batch (default: what the recipe says).",
)
@click.option(
    "--noise-floor",
    type=click.IntRange(1),
    metavar="N",
    help="Answer N items of each task again in float32; store how many verdicts change.",
)
@click.option("--revision", help="Revision of a hub id.")
@click.option(
    "--chat/--plain",
    "chat",
    default=None,
    help="Ask in the tokenizer's chat template, or in plain text (default: what the student's card says).",
)
@click.option("--system", "system_text", metavar="TEXT", help="System message of the chat.")
@click.option(
    "--stop",
    multiple=True,
    metavar="TEXT",
    help="Text that ends a reply; repeatable (default: a new line with the next question, for a model that "
    "was not trained here; '' for none).",
)
@click.option("--thinking", type=click.Choice(["on", "off"]), help="Thinking mode of the chat's template.")
@click.option(
    "--include-path",
    "include",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with further lm-eval task files; repeatable.",
)
@own_options
@allow_outside_option
@trust_task_code_option
@models_option
@data_option
@json_option
def command(
    students: tuple[str, ...],
    tasks: str,
    out: Path,
    label: str | None,
    noise_floor: int | None,
    include: tuple[Path, ...],
    data: Path | None,
    as_json: bool,
    chat: bool | None,
    system_text: str | None,
    thinking: str | None,
    stop: tuple[str, ...],
    **options: Any,
) -> None:
    """Evaluate each STUDENT (a student directory, a model folder or a hub id) and write a run.

    A run holds lm-eval's results and samples, outcomes.parquet and manifest.json. One student is written to
    OUT itself, several to OUT/FOLDER, named after their own folders; `smallsteps compare OUT` reads them all.
    An interrupted evaluation resumes; a finished one is only read.

    \b
      smallsteps eval runs/mine/students/cot-s1-0123abcd4567 --tasks smallsteps_svamp --out runs/cot
      smallsteps eval runs/mine/students/* --tasks smallsteps_svamp,smallsteps_bbh --out runs/mine_eval
    """
    from smallsteps.evaluation.draw import DRAW
    from smallsteps.evaluation.noise import measure_noise_floor
    from smallsteps.evaluation.progress import Bar
    from smallsteps.evaluation.runner import Settings, evaluate
    from smallsteps.evaluation.several import places_of
    from smallsteps.evaluation.task_files import asked_task
    from smallsteps.files import to_json
    from smallsteps.resources import shipped_baseline

    names = tuple(asked_task(name.strip()) for name in tasks.split(",") if name.strip())
    students = tuple(str(shipped_baseline(student) or student) for student in students)
    settings = Settings(
        tasks=names,
        format=_format(chat, system_text, thinking),
        stop=_stops(stop),
        draw=None if options["limit"] is None else DRAW,
        **options,
    )
    reports = []
    places = places_of(students, out, label)
    for place in places:
        with Bar(place.label if len(places) > 1 else "") as bar:
            table = evaluate(
                place.student,
                settings,
                place.out,
                label=place.label,
                data=data,
                include=include,
                progress=bar,
            )
        noise = None
        if noise_floor is not None:
            with Bar("noise floor") as bar:
                noise = measure_noise_floor(
                    place.student,
                    settings,
                    place.out,
                    noise_floor,
                    data=data,
                    include=include,
                    progress=bar,
                )
        if as_json:
            reports.append(_report(place.out, place.label, table, noise))
        else:
            _print(place.out, place.label if len(places) > 1 else None, table, noise)
    if as_json:
        one = reports[0] if len(places) == 1 else {"out": str(out), "runs": reports}
        click.echo(to_json({"schema": "smallsteps.eval/1", **one}))
    elif len(places) > 1:
        click.echo(f"{len(places)} runs: smallsteps compare {out}")


def _stops(given: tuple[str, ...]) -> tuple[str, ...] | None:
    """As on the command line, where `\\n` is a new line; None leaves the choice."""
    return tuple(text.replace("\\n", "\n") for text in given if text) if given else None


def _format(chat: bool | None, system: str | None, thinking: str | None) -> dict[str, Any] | None:
    if chat is None and system is None and thinking is None:
        return None
    if chat is False and (system or thinking):
        raise click.UsageError("--system and --thinking go with --chat")
    kind = "plain" if chat is False else "chat"
    return {"kind": kind, "system": system or "", "thinking": thinking}


def _report(out: Path, label: str, table: OutcomeTable, noise: dict[str, Any] | None) -> dict[str, Any]:
    from smallsteps.evaluation.summary import summary

    found = {"out": str(out), "student": label, "tasks": [row.as_dict() for row in summary(table)]}
    return found if noise is None else {**found, "noise_floor": noise}


def _print(out: Path, label: str | None, table: OutcomeTable, noise: dict[str, Any] | None) -> None:
    from smallsteps.evaluation.summary import summary

    if label is not None:
        click.echo(f"{label}:")
    for row in summary(table):
        click.echo(f"{'  ' if label is not None else ''}{row.line()}")
    if noise is not None:
        used, other = noise["run"]["dtype"], noise["against"]["dtype"]
        click.echo(
            f"noise floor: {noise['flips']} of {noise['items']} verdicts ({100 * noise['share']:.1f} %) "
            f"differ between this run ({used}, batch {noise['run']['batch_size']}) and {other}"
        )
    click.echo(f"{'  ' if label is not None else ''}run: {out}")
