"""What `smallsteps teach` calls; apart from it, so that its help loads nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from smallsteps.corpora import Store
from smallsteps.corpora.build import STORE
from smallsteps.corpora.export import export_store, import_store, is_export
from smallsteps.corpora.live import Live
from smallsteps.corpora.quality import read_quality, text_report
from smallsteps.corpora.spec import CorpusSpec
from smallsteps.corpora.teach import (
    Lesson,
    estimate_text,
    estimated,
    evolve_lesson,
    is_corpus_file,
    lesson,
    load_corpus_file,
    teach,
)
from smallsteps.errors import NO_INPUT, UserError
from smallsteps.problems import list_benchmarks, load_problems
from smallsteps.teachers import import_file
from smallsteps.teachers.model import Tells


def _spec(path: Path, overrides: tuple[str, ...]) -> tuple[CorpusSpec, Path]:
    """The section of a recipe or corpus file, and where the file lies."""
    if path.exists() and is_corpus_file(path):
        return load_corpus_file(path, overrides), path
    from smallsteps.studies.recipe import find, load_recipe  # loads the training room

    place = find(path)
    section = load_recipe(place, overrides).corpus
    if section is None:
        raise UserError("this recipe has no 'corpus' section: nothing is collected for it", where=str(path))
    return section, place


def students_tokenizer(path: Path, overrides: tuple[str, ...], data: Path | None) -> str | None:
    """Folder of the tokenizer of a recipe's student; None for a corpus file, or where it is no folder."""
    if is_corpus_file(path):
        return None
    from smallsteps.studies.recipe import find, load_recipe, resolve_base

    place = find(path)
    base = resolve_base(load_recipe(place, overrides).base, place, data)
    named = base.tokenizer or base.path
    return named if named is not None and Path(named).is_dir() else None


def _lesson(
    path: Path,
    out: Path | None,
    store: Path | None,
    prices: Path | None,
    overrides: tuple[str, ...],
    data: Path | None,
) -> Lesson:
    spec, place = _spec(path, overrides)
    problems = load_problems(spec.benchmark, spec.split, data)
    folder = out or Path("corpora") / path.stem
    folders = [place.parent, *([data] if data else [])]
    return lesson(spec, problems, folder, store=store, folders=folders, prices=prices)


def estimate_corpus(
    path: Path,
    out: Path | None,
    store: Path | None,
    prices: Path | None,
    overrides: tuple[str, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """Print what a collection would take."""
    found = estimated(_lesson(path, out, store, prices, overrides, data))
    click.echo(json.dumps(asdict(found), indent=2) if as_json else estimate_text(found))


def collect_corpus(
    path: Path,
    out: Path | None,
    store: Path | None,
    prices: Path | None,
    budget: float | None,
    tokenizer: str | None,
    overlap: bool,
    overrides: tuple[str, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """Collect, shape and report."""
    plan = _lesson(path, out, store, prices, overrides, data)
    tests = list_benchmarks() if overlap else []
    with Live(plan.price) as live:
        if isinstance(plan.wanted.teacher, Tells):
            plan.wanted.teacher.told = live.say
        if plan.wanted.encoder is not None:
            plan.wanted.encoder.told = live.read
        corpus, notices = teach(
            plan,
            budget=budget,
            progress=live,
            tests=tests,
            data=data,
            tokenizer=tokenizer or students_tokenizer(path, overrides, data),
        )
    for notice in notices:
        click.echo(f"note: {notice}", err=True)
    if as_json:
        click.echo(json.dumps({"hash": corpus.hash, "quality": corpus.quality}, indent=2, sort_keys=True))
        return
    click.echo(text_report(read_quality(corpus.quality)), nl=False)
    click.echo(f"corpus     {plan.folder} ({corpus.hash[:16]})")


def evolve_problems(
    path: Path,
    out: Path | None,
    store: Path | None,
    prices: Path | None,
    budget: float | None,
    rounds: int,
    overrides: tuple[str, ...],
    data: Path | None,
    as_json: bool,
) -> None:
    """Make new problems from those of a corpus section and write them beside the store."""
    plan = _lesson(path, out, store, prices, overrides, data)
    with Live(plan.price) as live:
        found = evolve_lesson(plan, rounds, budget=budget, progress=live)
    said = {"problems": len(found.problems), "dropped": dict(sorted(found.dropped.items()))}
    click.echo(
        json.dumps(said, indent=2)
        if as_json
        else f"{said['problems']} new problems, dropped: {said['dropped']}"
    )


def move_rows(
    out: Path | None,
    store: Path | None,
    imported: Path | None,
    layout: str | None,
    exported: Path | None,
    as_json: bool,
) -> None:
    """Import a file into the store, export the store to a file."""
    if out is None and store is None:
        raise UserError("which store?", fix="name its folder with --out, or the file with --store")
    place = store or (out or Path()) / STORE
    if imported is None and not place.exists():
        raise UserError("no such store", where=str(place), code=NO_INPUT)
    said: dict[str, object] = {}
    with Store(place, durable=False) as rows:
        if imported is not None:
            count = (
                import_store(rows, imported)
                if layout is None and is_export(imported)
                else import_file(imported, layout, rows.add)
            )
            said["imported"] = count
        if exported is not None:
            said["exported"] = export_store(rows, exported)
        said |= {"rows": len(rows), "hash": rows.hash()}
        said["statuses"] = {str(status): count for status, count in sorted(rows.counts().items())}
    if as_json:
        click.echo(json.dumps(said, indent=2))
    else:
        click.echo("\n".join(f"{name:<10} {value}" for name, value in said.items()))
