"""`smallsteps eval`: a student on some tasks, through lm-eval."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import (
    allow_outside_option,
    data_option,
    json_option,
    own_options,
    trust_task_code_option,
)


@click.command("eval")
@click.argument("student")
@click.option("--tasks", required=True, help="lm-eval tasks, groups or your benchmark.yaml; by commas.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Run directory.")
@click.option("--limit", type=click.IntRange(1), help="First items of each task only.")
@click.option("--samples", type=click.IntRange(1), help="Texts per item (default: what the task says).")
@click.option("--temperature", type=click.FloatRange(0), help="0 is greedy (default: what the task says).")
@click.option("--max-new-tokens", type=click.IntRange(1), help="Budget per text (default: the task's).")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sampling.")
@click.option("--scheme", help="Override the scheme of the student (plain model folders are 'cot').")
@click.option(
    "--plans",
    type=click.Choice(["own", "gold"]),
    default="own",
    show_default=True,
    help="Whose sub-questions the solver of a Socratic student answers.",
)
@click.option("--label", help="Name in the outcomes (default: the student's own).")
@click.option("--batch-size", type=click.IntRange(1), help="Texts decoded side by side (default: by device).")
@click.option("--dtype", default="auto", show_default=True, help="auto, float32, bfloat16 or float16.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--revision", help="Revision of a hub id.")
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
@data_option
@json_option
def command(
    student: str,
    tasks: str,
    out: Path,
    limit: int | None,
    samples: int | None,
    temperature: float | None,
    max_new_tokens: int | None,
    seed: int,
    scheme: str | None,
    plans: str,
    label: str | None,
    batch_size: int | None,
    dtype: str,
    device: str,
    revision: str | None,
    include: tuple[Path, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """Evaluate STUDENT (a student directory, a model folder or a hub id) and write a run.

    The run directory holds lm-eval's results and samples, outcomes.parquet and manifest.json.
    An interrupted run goes on where it was; a finished one is only read.
    """
    from smallsteps.evaluation.runner import Settings, evaluate
    from smallsteps.evaluation.summary import Bar, summary
    from smallsteps.evaluation.task_files import asked_task
    from smallsteps.files import to_json
    from smallsteps.resources import shipped_baseline

    settings = Settings(
        tasks=tuple(asked_task(name) for name in tasks.split(",") if name),
        limit=limit,
        samples=samples,
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        seed=seed,
        scheme=scheme,
        plans=plans,
        dtype=dtype,
        device=device,
        batch_size=batch_size,
        revision=revision,
    )
    with Bar() as bar:
        table = evaluate(
            shipped_baseline(student) or student,
            settings,
            out,
            label=label,
            data=data,
            include=include,
            progress=bar,
        )
    rows = summary(table)
    if as_json:
        click.echo(
            to_json({"schema": "smallsteps.eval/1", "out": str(out), "tasks": [r.as_dict() for r in rows]})
        )
        return
    for row in rows:
        click.echo(row.line())
    click.echo(f"run: {out}")
