"""`smallsteps power`: what the planned items and seeds can detect."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import data_option, json_option, own_options

# Shown when no benchmark is named.
USUAL = (
    "bamboogle",
    "svamp",
    "strategyqa",
    "multiarith",
    "gsm8k",
    "asdiv",
    "bbh",
    "aqua",
    "commonsenseqa",
    "openbookqa",
)


@click.command("power")
@click.argument("benchmarks", nargs=-1, metavar="[NAME | NAME=ITEMS | ITEMS]...")
@click.option("--seeds", type=click.IntRange(1, 1000), default=1, show_default=True, help="Per method.")
@click.option(
    "--seed-sd",
    type=click.FloatRange(0, 50),
    default=1.0,
    show_default=True,
    help="Spread between runs (sd), in points.",
)
@click.option(
    "--discordance",
    type=click.FloatRange(0.1, 100),
    multiple=True,
    help="Share of items on which two runs differ, in %; repeatable (default: 10, 20, 30).",
)
@click.option("--effect", type=click.FloatRange(0.01, 100), help="True difference to plan for, in points.")
@click.option(
    "--power",
    "wanted",
    type=click.FloatRange(0.05, 0.999),
    default=0.8,
    show_default=True,
    help="Probability of finding the difference.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0.0001, 0.5),
    default=0.05,
    show_default=True,
    help="Level of the two-sided test; of the gate, one-sided.",
)
@click.option(
    "--design-effect",
    type=click.FloatRange(0.01),
    default=1.0,
    show_default=True,
    help="Factor that clusters of items put on the variance.",
)
@own_options
@data_option
@json_option
def command(
    benchmarks: tuple[str, ...],
    seeds: int,
    seed_sd: float,
    discordance: tuple[float, ...],
    effect: float | None,
    wanted: float,
    alpha: float,
    design_effect: float,
    data: Path | None,
    as_json: bool,
) -> None:
    """What the planned items and seeds can detect, before anything is trained.

    A benchmark counts with the test items that are there: those of the data directory, where one is named.

    \b
      smallsteps power gsm8k svamp --seeds 3 --seed-sd 1.5
      smallsteps power svamp=300 --effect 4 --discordance 20
    """
    from smallsteps.files import to_json
    from smallsteps.problems.counts import counted, notes
    from smallsteps.reports import planning

    plan = planning.Plan(
        seeds, seed_sd / 100, effect / 100 if effect is not None else None, wanted, alpha, design_effect
    )
    counts = counted(benchmarks or tuple(sorted(USUAL)), data)
    chosen = planning.parse_benchmarks(list(counts), {name: count.items for name, count in counts.items()})
    shares = planning.shares([share / 100 for share in discordance], plan.effect)
    found = [planning.prospect(name, items, share, plan) for name, items in chosen for share in shares]
    if as_json:
        click.echo(to_json({**planning.as_json(found, plan), "counts": notes(counts)}))
        return
    click.echo(planning.as_text(found, plan), nl=False)
    for name, note in notes(counts).items():
        click.echo(f"{name}: {note}")
