"""`smallsteps leaderboard`: entries, their checks, and the site made of them."""

from __future__ import annotations

from pathlib import Path

import click

from smallsteps.cli.options import data_option, json_option, own_options

folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))


@click.group("leaderboard")
def command() -> None:
    """A leaderboard of students: a folder of entries, and a static site built from it."""


@command.command("init")
@folder_argument
@own_options
@data_option
def init(folder: Path, data: Path | None) -> None:
    """Start a leaderboard in DIR, or pin the items of tasks that its board.yaml has gained.

    items.json then holds a digest of every item set. Entries are checked against it.
    """
    from smallsteps.leaderboard.board import read_board, start_board
    from smallsteps.leaderboard.items import pin_items, read_lock

    started = start_board(folder)
    board = read_board(folder)
    pinned = pin_items(board, data)
    if started:
        click.echo(f"{folder / 'board.yaml'}: written; name your suites there, and give this command again")
    click.echo(f"{board.lock}: {len(read_lock(board))} item sets pinned, {len(pinned)} of them now")


@command.command("add")
@folder_argument
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--name", help="Folder of the entry (default: from the student's name).")
@click.option("--card", type=click.Path(path_type=Path, dir_okay=False, exists=True), help="Your entry.yaml.")
@click.option(
    "--overlap",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="overlap.json of the student's corpus: what of the test sets it learned from.",
)
@click.option("--prefix", default="", help="Of a study: before the name of every entry.")
@click.option("--who", default="", help="Your name, for the drafted entry.yaml.")
@click.option("--replace", is_flag=True, help="Put it in the place of an entry of that name.")
@own_options
@data_option
def add(
    folder: Path,
    runs: tuple[Path, ...],
    name: str | None,
    card: Path | None,
    overlap: Path | None,
    prefix: str,
    who: str,
    replace: bool,
    data: Path | None,
) -> None:
    """Pack the RUNS of one student (or lm-eval output) into an entry of the leaderboard in DIR.

    Every score is computed anew from its response. Nothing is added when one of them differs.

    \b
      smallsteps leaderboard add board runs/mine-s1 runs/mine-s2 --name mine
      smallsteps leaderboard add board runs/study --prefix study-     # all students of a study and its base

    Given a study's folder, every student is an entry with all its seeds; a second time nothing changes.
    """
    from smallsteps.leaderboard.adding import add_entry
    from smallsteps.leaderboard.board import read_board
    from smallsteps.leaderboard.from_study import add_study, is_study

    board = read_board(folder)
    if len(runs) == 1 and is_study(runs[0]):
        for option, given in (("--name", name), ("--card", card), ("--overlap", overlap)):
            if given:
                raise click.UsageError(f"{option} goes with the runs of one student, not with a study")
        for one in add_study(board, runs[0], prefix=prefix, who=who, data=data, replace=replace):
            place = board.entries / one.check.entry
            click.echo(f"{place}: {one.state}: {_described(one.check.as_dict())}")
        return
    if prefix:
        raise click.UsageError("--prefix goes with the folder of a study")
    found = add_entry(board, runs, name=name, overlap=overlap, card=card, who=who, data=data, replace=replace)
    click.echo(f"{board.entries / found.entry}: {_described(found.as_dict())}")
    click.echo("Fill in its entry.yaml, then: smallsteps leaderboard check " + f"{folder} {found.entry}")


@command.command("check")
@folder_argument
@click.argument("entries", nargs=-1, metavar="[ENTRY]...")
@own_options
@data_option
@json_option
def check(folder: Path, entries: tuple[str, ...], data: Path | None, as_json: bool) -> int:
    """Check entries of the leaderboard in DIR (all unless named), scores included.

    Exit code 1 if one is rejected.
    """
    from tqdm import tqdm

    from smallsteps.files import to_json
    from smallsteps.leaderboard.adding import check_all
    from smallsteps.leaderboard.board import read_board

    board = read_board(folder)
    with tqdm(desc="checking", unit="entry", disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = check_all(board, [Path(name).name for name in entries], data, progress=show)
    if as_json:
        rejected = [{"entry": name, "reason": str(error)} for name, error in found.rejected]
        passed = [one.as_dict() for one in found.passed]
        report = {"schema": "smallsteps.board-check/1", "passed": passed, "rejected": rejected}
        click.echo(to_json(report))
    else:
        for one in found.passed:
            click.echo(f"{one.entry}: {_described(one.as_dict())}")
        for name, error in found.rejected:
            click.echo(f"{name}: REJECTED: {error}")
    return 1 if found.rejected else 0


def _described(found: dict) -> str:  # type: ignore[type-arg]
    tasks = found["tasks"].values()
    whole = sum(task["complete"] for task in tasks)
    parts = [f"{whole} of {len(tasks)} tasks complete"]
    kinds = sorted({task["scores"] for task in tasks})
    parts += [f"{sum(task['scores'] == kind for task in tasks)}: scores {kind}" for kind in kinds]
    if found["unknown"]:
        parts.append(f"unknown: {', '.join(found['unknown'])}")
    return "; ".join(parts)


@command.command("build")
@folder_argument
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder of the site."
)
@click.option("--release", metavar="NAME", help="Freeze the numbers under this name first.")
@own_options
@data_option
@json_option
def build(folder: Path, out: Path, release: str | None, data: Path | None, as_json: bool) -> None:
    """Build the site of the leaderboard in DIR.

    Entries are checked first. The old site stands until the new one is whole; the same entries give the same
    bytes.
    """
    from tqdm import tqdm

    from smallsteps.files import to_json
    from smallsteps.leaderboard.board import read_board
    from smallsteps.leaderboard.site import build as build_site

    with tqdm(disable=None, leave=False) as bar:

        def show(stage: str, done: int, total: int) -> None:
            bar.set_description(stage, refresh=False)
            bar.total = total
            bar.update(done - bar.n)

        built = build_site(read_board(folder), out, data=data, release=release, progress=show)
    if as_json:
        found = {"out": str(out), "files": built.files, "bytes": built.bytes, "digest": built.digest}
        click.echo(to_json({"schema": "smallsteps.board-build/1", "entries": built.entries, **found}))
    else:
        click.echo(
            f"{out / 'index.html'}: {built.entries} entries, {built.files} files, {built.bytes:,} bytes"
        )
        click.echo(f"sha256 of the site: {built.digest}")


@command.command("diff")
@click.argument("old")
@click.argument("new")
@click.option(
    "--board",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The leaderboard whose releases OLD and NEW name.",
)
@json_option
def diff(old: str, new: str, folder: Path | None, as_json: bool) -> int:
    """What differs between OLD and NEW: releases (names with --board, or files) or built sites.

    Exit code 1 if anything does.
    """
    from dataclasses import asdict

    from smallsteps.files import to_json
    from smallsteps.leaderboard.board import read_board
    from smallsteps.leaderboard.releases import differences, find_release

    board = None if folder is None else read_board(folder)
    one, two = find_release(board, old), find_release(board, new)
    found = differences(one, two)
    if as_json:
        click.echo(to_json({"schema": "smallsteps.board-diff/1", "differences": [asdict(d) for d in found]}))
        return int(bool(found))
    for suite in found:
        click.echo(f"{suite.suite}:")
        for word, names in (("added", suite.added), ("removed", suite.removed)):
            if names:
                click.echo(f"  {word}: {', '.join(names)}")
        for entry, what, before, after in suite.moved:
            click.echo(f"  {entry}: {what}: {before} -> {after}")
    if not found:
        click.echo("no difference")
    return int(bool(found))
