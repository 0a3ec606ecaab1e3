"""What `smallsteps teach` calls; apart from it, so that its help loads nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import click

from smallsteps.corpora import Store
from smallsteps.corpora.build import STORE, taught_folder
from smallsteps.corpora.collect import Tally
from smallsteps.corpora.distributions import open_distributions
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
from smallsteps.errors import INTERRUPTED, NO_INPUT, UserError
from smallsteps.problems import list_benchmarks, load_problems
from smallsteps.students.offline import model_folder
from smallsteps.teachers import import_file
from smallsteps.teachers.keys import confirm, trusted_file
from smallsteps.teachers.model import Announces, ChecksModel, ReportsProgress
from smallsteps.teachers.stopping import TerminatedError, terminable
from smallsteps.terminal import visible_text

TERMINATED = 143  # 128 and the number of SIGTERM, as a shell counts it


def _spec(path: Path, overrides: tuple[str, ...]) -> tuple[CorpusSpec, Path]:
    """The section of a recipe or corpus file, and the place of that file."""
    if path.exists() and is_corpus_file(path):
        return load_corpus_file(path, overrides), path
    from smallsteps.studies.places import find
    from smallsteps.studies.recipe import load_recipe  # loads the training room

    place = find(path)
    section = load_recipe(place, overrides).corpus
    if section is None:
        raise UserError("this recipe has no 'corpus' section: nothing is collected for it", where=str(path))
    return section, place


def students_tokenizer(path: Path, overrides: tuple[str, ...], data: Path | None) -> str | None:
    """Folder of the tokenizer of a recipe's student; None for a corpus file, or where it is not a folder."""
    if is_corpus_file(path):
        return None
    from smallsteps.studies.places import find, resolve_base
    from smallsteps.studies.recipe import load_recipe

    place = find(path)
    base = resolve_base(load_recipe(place, overrides).base, place, data)
    named = base.tokenizer or base.place
    place_of = model_folder(named, base.revision) if named is not None else None
    return str(place_of) if place_of is not None else None


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
    folder = out or taught_folder(path)
    folders = [place.parent, *([data] if data else [])]
    return lesson(spec, problems, folder, store=store, folders=folders, prices=prices)


@contextlib.contextmanager
def _shown(plan: Lesson, strict_model: bool) -> Iterator[Live]:
    """Show a collection while it runs; at its end, however it ends, say what was odd and what is kept.

    Raises:
        UserError: Ctrl-C or SIGTERM ended it.
    """
    teacher = plan.collection.teacher
    with Live(plan.price) as live:
        if isinstance(teacher, ReportsProgress):
            teacher.on_progress = live.say
        if isinstance(teacher, Announces):
            teacher.announce = live.announce
        if isinstance(teacher, ChecksModel):
            teacher.strict_model = strict_model
        try:
            with terminable():
                yield live
        except KeyboardInterrupt as reason:
            raise _ended(plan, live.tally, isinstance(reason, TerminatedError)) from None
        finally:
            live.close()
            for notice in getattr(teacher, "notices", ()):
                _note(notice)


def _note(text: str) -> None:
    click.echo(f"note: {visible_text(text)}", err=True)


def _ended(plan: Lesson, tally: Tally | None, terminated: bool) -> UserError:
    kept = "nothing was asked yet" if tally is None else f"{tally.stored} of {tally.total} samples are stored"
    return UserError(
        f"{'stopped by SIGTERM' if terminated else 'interrupted'}: {kept}",
        where=str(plan.store),
        fix="run the same command again to go on; what is stored is not asked for again",
        code=TERMINATED if terminated else INTERRUPTED,
    )


def allow_keys(pairs: Sequence[str]) -> None:
    """Remember which key may be sent to which host."""
    for pair in pairs:
        key, host = confirm(pair)
        click.echo(f"{key} may be sent to {host} (kept in {trusted_file()})", err=True)


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
    strict_model: bool = False,
) -> None:
    """Collect, shape and report."""
    plan = _lesson(path, out, store, prices, overrides, data)
    tests = list_benchmarks() if overlap else []
    with _shown(plan, strict_model) as live:
        if plan.collection.encoder is not None:
            plan.collection.encoder.on_progress = live.read
        corpus, notices = teach(
            plan,
            budget=budget,
            progress=live,
            tests=tests,
            data=data,
            tokenizer=tokenizer or students_tokenizer(path, overrides, data),
        )
    for notice in notices:
        _note(notice)
    held = open_distributions(corpus.distributions) if corpus.distributions else None
    if as_json:
        said = {"hash": corpus.hash, "quality": corpus.quality}
        if held is not None:
            size = {"k": held.k, "tokens": held.tokens, "bytes_per_token": round(held.bytes_per_token, 2)}
            said["distributions"] = size
        click.echo(json.dumps(said, indent=2, sort_keys=True))
        return
    click.echo(text_report(read_quality(corpus.quality)), nl=False)
    if held is not None:
        click.echo(f"stored     {held.words()}")
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
    strict_model: bool = False,
) -> None:
    """Make new problems from those of a corpus section and write them to the store's folder."""
    plan = _lesson(path, out, store, prices, overrides, data)
    with _shown(plan, strict_model) as live:
        found = evolve_lesson(plan, rounds, budget=budget, progress=live)
    said = {"problems": len(found.problems), "dropped": dict(sorted(found.dropped.items()))}
    click.echo(
        json.dumps(said, indent=2)
        if as_json
        else f"{said['problems']} new problems, dropped: {said['dropped']}"
    )


@contextlib.contextmanager
def _none_left_empty(place: Path) -> Iterator[None]:
    """Remove a store, and its folder, that were created for an import from which nothing came."""
    new_store, new_folder = not place.exists(), not place.parent.exists()
    try:
        yield
    except BaseException:
        if new_store and place.exists() and not _has_rows(place):
            for path in (place, *place.parent.glob(f"{place.name}-*"), Path(f"{place}.lock")):
                path.unlink(missing_ok=True)
            if new_folder and not any(place.parent.iterdir()):
                place.parent.rmdir()
        raise


def _has_rows(place: Path) -> bool:
    with Store(place, readonly=True) as rows:
        return len(rows) > 0


def move_rows(
    out: Path | None,
    store: Path | None,
    imported: Path | None,
    layout: str | None,
    exported: Path | None,
    as_json: bool,
    salvage: bool = False,
) -> None:
    """Import a file into the store, export the store to a file.

    Args:
        salvage: export what can still be read of a damaged store, and nothing else.
    """
    if out is None and store is None:
        raise UserError("which store?", fix="name its folder with --out, or the file with --store")
    place = store or (out or Path()) / STORE
    if imported is None and not place.exists():
        raise UserError("no such store", where=str(place), code=NO_INPUT)
    said: dict[str, object] = {}
    if salvage:
        if exported is None:
            raise UserError("salvage into which file?", fix="name it with --export rows.jsonl")
        with Store(place, readonly=True) as rows:
            found = rows.salvage()
            said = {"exported": export_store(found, exported), "lost": found.lost}
        click.echo(json.dumps(said) if as_json else f"exported   {said['exported']}, {said['lost']} lost")
        return
    if imported is not None and not imported.exists():
        raise UserError("no such file", where=str(imported), code=NO_INPUT)
    with _none_left_empty(place), Store(place, durable=False) as rows:
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
