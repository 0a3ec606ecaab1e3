"""Do the files of the data directory have the recorded bytes and counts?"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json
from smallsteps.problems.benchmark import Benchmark, DataFile
from smallsteps.problems.data import found, rows_of
from smallsteps.problems.finding import files_of

RECORD = "fetched.json"
State = Literal["ok", "part", "unrecorded", "missing", "optional", "differs", "damaged"]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What was found of one file.

    Attributes:
        state: `ok`; `part` (a known incomplete copy); `unrecorded` (readable and complete, but no sha256 is
            recorded to compare with); `missing`; `optional` (missing, but only steps or rationales depend on
            it); `differs` from the recorded bytes or count; `damaged` (cannot be read).
        detail: what differs, or why it cannot be read.
    """

    benchmark: str
    path: str
    state: State
    rows: int | None = None
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether the benchmark can be used as it is recorded."""
        return self.state in ("ok", "part", "unrecorded", "optional")


def verify(benchmark: Benchmark, data: Path, folder: Path | None = None) -> list[FileCheck]:
    """Check every file of a benchmark, the shared ones too.

    A file that was fetched and converted is compared with what `fetch` recorded in the directory.
    """
    record = fetched(data)
    return [check(benchmark.name, file, data, record) for file in files_of(benchmark, folder).values()]


def check(name: str, file: DataFile, data: Path, record: dict[str, Any] | None = None) -> FileCheck:
    """Check one file."""
    path = found(file, data)
    if path is None:
        return FileCheck(name, file.path, "optional" if file.optional else "missing", detail=file.note or "")
    try:
        digest = unpacked_sha256(path)
        rows = sum(1 for _ in rows_of(file, path)) if ".json" in path.name else None
    except UserError as error:
        return FileCheck(name, file.path, "damaged", detail=error.message)
    if file.part is not None and (rows, digest) == (file.part.rows, file.part.sha256):
        return FileCheck(name, file.path, "part", rows, f"{rows} of {file.rows} rows")
    if file.rows is not None and rows is not None and rows != file.rows:
        return FileCheck(name, file.path, "differs", rows, f"{rows} rows, {file.rows} are published")
    noted = ((record or {}).get(file.path) or {}).get("sha256")
    if file.sha256 is not None and digest not in (file.sha256, noted):
        return FileCheck(
            name, file.path, "differs", rows, f"sha256 {digest[:12]}, recorded {file.sha256[:12]}"
        )
    if file.sha256 is None and noted is not None and digest != noted:
        return FileCheck(name, file.path, "differs", rows, f"sha256 {digest[:12]}, fetched {noted[:12]}")
    return FileCheck(name, file.path, "ok" if file.sha256 or noted else "unrecorded", rows)


def check_bytes(name: str, file: DataFile, path: Path, data: Path | None) -> None:
    """Compare a file with its recorded digest before its rows are used; where none is recorded it passes.

    Raises:
        UserError: damaged, or other bytes than those recorded in `benchmark.yaml` or by `tasks data fetch`.
    """
    noted = (fetched(data).get(file.path) or {}).get("sha256") if data is not None else None
    allowed = {file.sha256, noted, file.part.sha256 if file.part is not None else None} - {None}
    if not {file.sha256, noted} - {None} or unpacked_sha256(path) in allowed:
        return
    where = f" --to {data}" if data is not None else ""
    raise UserError(
        f"the data of benchmark '{name}' are damaged or were changed: another sha256 than the recorded one",
        where=str(path),
        fix=f"fetch the file again: smallsteps tasks data fetch {name}{where}. To use other data, write a "
        "benchmark of your own (smallsteps new benchmark NAME)",
        code=DATA,
    )


def fetched(data: Path) -> dict[str, Any]:
    """What `fetch` recorded of this directory: by path the source, the revision and the sha256."""
    path = data / RECORD
    if not path.exists():
        return {}
    content = read_json(path)
    files = content.get("files") if isinstance(content, dict) else None
    return files if isinstance(files, dict) else {}


def unpacked_sha256(path: Path) -> str:
    """sha256 of the file's bytes after unpacking, so that packing does not matter.

    Raises:
        UserError: truncated or damaged.
    """
    try:
        found = path.stat()
        return _unpacked(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"cannot be read ({error})", where=str(path), code=DATA) from error


@lru_cache(maxsize=1000)
def _unpacked(path: Path, inode: int, size: int, modified: int, changed: int) -> str:
    """Read once a process while the file's size and times of change stay as they are."""
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def as_json(checks: list[FileCheck]) -> str:
    """One JSON object a check, for machines."""
    return json.dumps(
        [
            {"benchmark": c.benchmark, "path": c.path, "state": c.state, "rows": c.rows, "detail": c.detail}
            for c in checks
        ],
        indent=2,
    )
