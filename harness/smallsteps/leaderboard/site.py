"""`build`: a static site from a leaderboard, written beside the old one and put in its place in one step."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smallsteps import __version__
from smallsteps.errors import CANNOT_CREATE, UserError
from smallsteps.files import disk_error, read_object, to_json
from smallsteps.leaderboard.board import Board
from smallsteps.leaderboard.collecting import Collected, Progress, collect
from smallsteps.leaderboard.details import Solved, benchmark_page, solved_of, student_page
from smallsteps.leaderboard.downloads import as_csv, as_feed, as_parquet, cell_rows
from smallsteps.leaderboard.method import SECTIONS
from smallsteps.leaderboard.pages import Place, pairs_page, pareto_page, suite_page
from smallsteps.leaderboard.releases import SCHEMA as RELEASE_SCHEMA
from smallsteps.leaderboard.releases import Release, freeze, read_releases, snapshot
from smallsteps.leaderboard.rendering import Shell, page
from smallsteps.leaderboard.swap import put_in_place, recover
from smallsteps.locks import exclusive

SCHEMA = "smallsteps.site/1"
MARKER = "site.json"
BOARD_JSON = "data/board.json"


@dataclass(frozen=True, slots=True)
class Built:
    """The result of a build.

    Attributes:
        out: the site; files: number of them; bytes: of all; digest: of all names and bytes.
        entries: on it.
    """

    out: Path
    files: int
    bytes: int
    digest: str
    entries: int


def build(
    board: Board,
    out: Path,
    *,
    data: Path | None = None,
    release: str | None = None,
    progress: Progress | None = None,
) -> Built:
    """Build the site.

    If the build is killed at any time, the existing site in `out` stays intact.

    Args:
        board: the leaderboard.
        out: folder of the site: a new one, or one that a build wrote.
        data: offline data directory.
        release: name under which these numbers are frozen first.
        progress: called with (stage, done, all).

    Raises:
        UserError: an entry is rejected; `out` is something else; a release of that name says something else.
    """
    out = Path(os.path.abspath(out))  # "." has no name
    recover(out)
    _check_place(out)
    busy = UserError("another process is building this site", where=str(out), fix="wait for it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(out.with_name(f".{out.name}.lock"), busy):
        collected = collect(board, data, progress)
        if release is not None:
            freeze(collected, release)
        for left in out.parent.glob(f".{out.name}.building-*"):  # of a build that was killed
            shutil.rmtree(left, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.building-"))
        try:
            sums = _write_all(fresh, collected, read_releases(board), progress)
            fresh.chmod(0o755)
            put_in_place(fresh, out)
        except OSError as error:
            raise disk_error(error, out) from error
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    total = hashlib.sha256(to_json({name: digest for name, (_, digest) in sums.items()}).encode()).hexdigest()
    size = sum(size for size, _ in sums.values())
    return Built(out, len(sums), size, total, len(collected.contestants))


def _check_place(out: Path) -> None:
    if not out.exists():
        return
    ours = out.is_dir() and (not any(out.iterdir()) or (out / MARKER).is_file())
    if ours and (out / MARKER).is_file():
        ours = read_object(out / MARKER).get("schema") == SCHEMA
    if not ours or out.is_symlink():
        raise UserError(
            "not a site written by 'leaderboard build'",
            where=str(out),
            fix="give another --out; a build replaces the whole folder",
            code=CANNOT_CREATE,
        )


Sums = dict[str, tuple[int, str]]


def _write_all(fresh: Path, collected: Collected, releases: list[Release], progress: Progress | None) -> Sums:
    """Every file; (size, sha256) by its path."""
    sums: Sums = {}

    def write(name: str, content: str | bytes) -> None:
        raw = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        path = fresh / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        sums[name] = (len(raw), hashlib.sha256(raw).hexdigest())

    shell = shell_of(collected)
    for name, content in _data_files(collected, releases):
        write(name, content)
    downloads = [(name, _described(name), size, digest) for name, (size, digest) in sorted(sums.items())]
    total = len(collected.contestants)
    for number, (name, text) in enumerate(_pages(collected, shell, releases)):
        write(name, text)
        if progress is not None:
            progress("writing", min(number + 1, total), total)
    lead = "All numbers of the site for machines. The responses are in the entries of the repository."
    text, name = "board_text.html.j2", "downloads.html"
    write(name, page(text, shell, name, "Downloads", lead=lead, sections=(), files=downloads))
    name = "method.html"
    write(name, page(text, shell, name, "Method", lead="", sections=SECTIONS, files=()))
    write(
        MARKER,
        to_json({"schema": SCHEMA, "files": {name: digest for name, (_, digest) in sorted(sums.items())}}),
    )
    return sums


def _pages(collected: Collected, shell: Shell, releases: list[Release]) -> Iterator[tuple[str, str]]:
    links = (("current", "index.html"), *((one.name, f"releases/{one.name}/index.html") for one in releases))
    known = links if releases else ()
    solved: dict[tuple[str, str], Solved] = {}
    for number, ranked in enumerate(collected.boards):
        suite = ranked.numbers
        path = suite_path(suite.name, number)
        yield path, suite_page(suite, shell, Place(path, None, known))
        yield f"pairs-{suite.name}.html", pairs_page(ranked, shell, f"pairs-{suite.name}.html")
        if suite.axes is not None:
            yield f"pareto-{suite.name}.html", pareto_page(suite, shell, f"pareto-{suite.name}.html")
        for column in suite.columns:
            path = f"benchmarks/{column.name}.html"
            found = solved[suite.name, column.name] = solved_of(ranked, column)
            yield path, benchmark_page(collected, ranked, column, found, shell, path)
    shown = {row.entry for ranked in collected.boards for row in ranked.numbers.rows}
    for one in collected.contestants:
        if one.entry.name in shown:
            path = f"students/{one.entry.name}.html"
            yield path, student_page(collected, one.entry, one.record, solved, shell, path)
    for release in releases:
        yield from _release_pages(release, shell, known)


def _release_pages(
    release: Release, shell: Shell, known: tuple[tuple[str, str], ...]
) -> Iterator[tuple[str, str]]:
    """Boards of a release; links to students lead to their pages of today."""
    for number, suite in enumerate(release.suites):
        path = f"releases/{release.name}/{suite_path(suite.name, number)}"
        yield path, suite_page(suite, shell, Place(path, release.name, known, linked=False))


def suite_path(name: str, number: int) -> str:
    """Page of a board; the first one is the front page."""
    return "index.html" if number == 0 else f"suite-{name}.html"


def shell_of(collected: Collected) -> Shell:
    """Navigation and footer."""
    tabs = []
    for number, ranked in enumerate(collected.boards):
        tabs.append((suite_path(ranked.numbers.name, number), ranked.numbers.title))
    first = collected.boards[0].numbers
    if first.axes is not None:
        tabs.append((f"pareto-{first.name}.html", "Trade-off"))
    tabs.append((f"pairs-{first.name}.html", "Pairs"))
    tabs += [("method.html", "Method"), ("downloads.html", "Downloads")]
    latest = max(one.entry.file.date for one in collected.contestants)
    count = len(collected.contestants)
    footer = f"Built by smallsteps {__version__} from {count} entries; the latest is of {latest}."
    return Shell(collected.board.file.title, tuple(tabs), bool(collected.board.file.url), footer)


def _data_files(collected: Collected, releases: list[Release]) -> Iterator[tuple[str, str | bytes]]:
    for ranked in collected.boards:
        rows = cell_rows(ranked.numbers)
        yield f"data/{ranked.numbers.name}.csv", as_csv(rows)
        yield f"data/{ranked.numbers.name}.parquet", as_parquet(rows)
    yield BOARD_JSON, to_json({**snapshot(collected, "current"), "schema": RELEASE_SCHEMA}, indent=None)
    for release in releases:
        path = collected.board.releases / f"{release.name}.json"
        yield f"data/releases/{release.name}.json", path.read_bytes()
    yield (
        "feed.xml",
        as_feed(collected.board, collected.contestants, [(one.name, one.date) for one in releases]),
    )


def _described(name: str) -> str:
    if name == "feed.xml":
        return "Atom feed of entries and releases"
    if name == BOARD_JSON:
        return "everything, current"
    if name.startswith("data/releases/"):
        return "a release, frozen"
    return "one row a student and column"
