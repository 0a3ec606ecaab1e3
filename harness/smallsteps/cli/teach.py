"""`smallsteps teach`: collect rationales into a resumable corpus."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import data_option, json_option, models_option, own_options, set_option


@click.command("teach")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Corpus folder [corpora/NAME].")
@click.option("--store", type=click.Path(path_type=Path, dir_okay=False), help="Store [OUT/store.sqlite].")
@click.option("--estimate", is_flag=True, help="Print tokens, cost and time; send nothing.")
@click.option("--budget-usd", type=click.FloatRange(0), help="Stop before this many dollars are exceeded.")
@click.option("--prices", type=click.Path(path_type=Path, dir_okay=False), help="YAML of prices.")
@click.option(
    "--import", "imported", type=click.Path(path_type=Path), help="Add a file of rationales, or an export."
)
@click.option("--format", "layout", help="Layout of the imported file (default: recognised).")
@click.option(
    "--export", "exported", type=click.Path(path_type=Path), help="Write the store as .parquet or .jsonl."
)
@click.option("--salvage", is_flag=True, help="Export what can still be read of a damaged store.")
@click.option(
    "--allow-key",
    "allowed",
    multiple=True,
    metavar="VARIABLE=HOST",
    help="Confirm, once, that the key in VARIABLE may be sent to HOST (kept in your settings).",
)
@click.option("--strict-model", is_flag=True, help="Stop when an answer names another model than was asked.")
@click.option(
    "--evolve",
    type=click.IntRange(1),
    metavar="ROUNDS",
    help="Instead of rationales, make new problems (harder, other, more precise): OUT/evolved.jsonl.",
)
@click.option(
    "--tokenizer",
    metavar="PLACE",
    help="Tokenizer that counts the tokens of static and dynamic planning (folder, file or hub id).",
)
@click.option("--overlap/--no-overlap", default=True, help="Look for test items among the problems.")
@set_option
@own_options
@models_option
@data_option
@json_option
def command(
    spec: Path | None,
    out: Path | None,
    store: Path | None,
    estimate: bool,
    budget_usd: float | None,
    prices: Path | None,
    imported: Path | None,
    layout: str | None,
    exported: Path | None,
    salvage: bool,
    allowed: tuple[str, ...],
    strict_model: bool,
    evolve: int | None,
    tokenizer: str | None,
    overlap: bool,
    overrides: tuple[str, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """Collect the rationales of SPEC, a recipe or a file with a `corpus:` section.

    Stored samples are never requested again: an interrupted run resumes. Keys are read from
    the environment, sent only to hosts you confirmed, and stored nowhere.
    """
    from smallsteps.cli.teaching import (
        allow_keys,
        collect_corpus,
        estimate_corpus,
        evolve_problems,
        move_rows,
    )
    from smallsteps.corpora.build import taught_folder
    from smallsteps.errors import UserError

    allow_keys(allowed)
    if allowed and spec is None and imported is None and exported is None:
        return
    if spec is None and imported is None and exported is None:
        raise UserError(
            "nothing to do", fix="give a recipe or corpus file, or --import or --export with --out"
        )
    if imported is not None or (exported is not None and spec is None):
        move_rows(out, store, imported, layout, exported if spec is None else None, as_json, salvage)
    if spec is None:
        return
    if estimate:
        estimate_corpus(spec, out, store, prices, overrides, data, as_json)
        return
    if evolve is not None:
        evolve_problems(spec, out, store, prices, budget_usd, evolve, overrides, data, as_json, strict_model)
        return
    collect_corpus(
        spec, out, store, prices, budget_usd, tokenizer, overlap, overrides, data, as_json, strict_model
    )
    if exported is not None:
        move_rows(out or taught_folder(spec), store, None, None, exported, as_json)
