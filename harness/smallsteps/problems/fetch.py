"""Filling an offline data directory on a connected machine; an interrupted fetch resumes where it stopped."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UNAVAILABLE, UserError
from smallsteps.files import disk_error, write_atomic, write_json
from smallsteps.problems.benchmark import Benchmark, DataFile, Hub
from smallsteps.problems.convert import converted, lines
from smallsteps.problems.finding import files_of
from smallsteps.problems.hub import hub_commit, hub_rows
from smallsteps.problems.verify import RECORD, check, fetched

Report = Callable[[str], None]
_CHUNK = 1 << 18


def fetch(
    benchmark: Benchmark, to: Path, report: Report = lambda line: None, folder: Path | None = None
) -> list[str]:
    """Fetch what a directory lacks of one benchmark; files that verify are left alone.

    Args:
        benchmark: what to fetch.
        to: the data directory.
        report: called with one line per file.
        folder: tasks folder, the shipped one unless given.

    Returns:
        Paths that could not be fetched because no public source is recorded, with their notes.

    Raises:
        UserError: no connection, or what came is not what was recorded. Whole files are kept.
    """
    left: list[str] = []
    for file in files_of(benchmark, folder).values():
        if check(benchmark.name, file, to, fetched(to)).state in ("ok", "unrecorded"):
            report(f"{file.path}: already there")
        elif file.url is not None:
            _download(file, to)
            report(f"{file.path}: fetched")
        elif benchmark.hub is not None and file.hub is not None:
            _from_hub(benchmark.hub, file, to)
            report(f"{file.path}: fetched from the hub")
        else:
            left.append(f"{file.path}: {file.note or 'no public source is recorded'}")
    return left


def _download(file: DataFile, to: Path) -> None:
    assert file.url is not None
    names = file.members or [""]
    parts = {name: _part(file.url.replace("{member}", name), to, f"{file.path}.{name}") for name in names}
    content = converted(file, {name: _unpacked(path.read_bytes()) for name, path in parts.items()})
    digest = hashlib.sha256(content).hexdigest()
    if file.shape == "same" and file.sha256 is not None and digest != file.sha256:
        shutil.rmtree(to / ".partial", ignore_errors=True)
        raise UserError(
            f"the source sent other bytes than recorded (sha256 {digest[:12]}, expected {file.sha256[:12]})",
            where=file.url,
            fix="nothing was kept; run the same command again",
            code=DATA,
        )
    _keep(file, to, content, {"url": file.url})
    shutil.rmtree(to / ".partial", ignore_errors=True)


def _part(url: str, to: Path, name: str) -> Path:
    """Download to `.partial`, going on where an earlier attempt stopped."""
    path = to / ".partial" / name.strip(".").replace("/", "__")
    path.parent.mkdir(parents=True, exist_ok=True)
    done = path.with_suffix(path.suffix + ".done")
    if done.exists() and path.exists():
        return path
    start = path.stat().st_size if path.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "smallsteps"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            resumed = start > 0 and reply.status == 206
            expected = reply.headers.get("Content-Length")
            with path.open("ab" if resumed else "wb") as out:
                shutil.copyfileobj(reply, out, _CHUNK)
        got = path.stat().st_size - (start if resumed else 0)
        if expected is not None and got < int(expected):
            raise OSError(f"the connection closed after {got} of {expected} bytes")
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is left to send: the part is whole
            return path
        raise _unreachable(url, f"HTTP {error.code} {error.reason}") from error
    except OSError as error:
        if error.errno is not None and error.filename is not None:
            raise disk_error(error, path) from error
        raise _unreachable(url, str(getattr(error, "reason", error))) from error
    done.touch()
    return path


def _unreachable(url: str, reason: str) -> UserError:
    return UserError(
        f"cannot fetch: {reason}",
        where=url,
        fix="run the same command again when there is a connection; what was fetched so far is kept",
        code=UNAVAILABLE,
    )


def _unpacked(raw: bytes) -> bytes:
    return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw


def _from_hub(hub: Hub, file: DataFile, to: Path) -> None:
    assert file.hub is not None
    content = lines(row for _, row in hub_rows(hub, file.hub))
    _keep(file, to, content, {"hub": hub.id, "revision": hub.revision or hub_commit(hub)})


def _keep(file: DataFile, to: Path, content: bytes, source: dict[str, Any]) -> None:
    """Write the file, then the record of where it came from."""
    packed = gzip.compress(content, 9, mtime=0) if file.path.endswith(".gz") else content
    write_atomic(to / file.path, packed)
    rows = fetched(to)
    rows[file.path] = {"sha256": hashlib.sha256(content).hexdigest(), **source}
    write_json(to / RECORD, {"schema": "smallsteps.fetched/1", "files": rows})
    if file.rows is not None and (result := check("", file, to, rows)).state not in ("ok", "unrecorded"):
        raise UserError(
            f"fetched, but {result.detail}",
            where=str(to / file.path),
            fix="compare with the source; the file is kept",
            code=DATA,
        )
