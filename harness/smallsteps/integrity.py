"""Digests that are written with results and checked before results are used.

Every check reads the bytes. A size or a time of change would be quicker to compare, but a disk that loses a
bit changes neither, and reading costs less than 2 % of the time it took to make the files (see
`docs/speed.md`). Within one process an unchanged file is read once.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_object, sha256_file, sha256_of, to_json, write_json

SEAL = "digest"
UNSEALED = frozenset({"timing.json"})  # differs from one training to the next, and decides nothing


def digest_of(path: Path) -> str:
    """Hex sha256 of a file, read once a process while its size and times of change stay as they are."""
    found = path.stat()
    return _digest(str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@lru_cache(maxsize=10_000)
def _digest(path: str, inode: int, size: int, modified: int, changed: int) -> str:
    return sha256_file(Path(path))


def digests(folder: Path, leave_out: Collection[str] = ()) -> dict[str, str]:
    """Hex sha256 of every regular file below a folder, by its path there; locks and hidden files left out."""
    names = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    found = {path.relative_to(folder).as_posix(): path for path in names}
    return {
        name: digest_of(path)
        for name, path in found.items()
        if path.name not in UNSEALED
        and name not in leave_out
        and not any(p[:1] == "." for p in Path(name).parts)
    }


def damage(folder: Path, recorded: Mapping[str, Any]) -> list[str]:
    """What is wrong with the files of a folder, one text a file, against their recorded digests."""
    wrong = []
    for name, digest in recorded.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or "\0" in name:
            wrong.append(f"{name[:200]} is no file of this folder")
            continue
        try:
            if not path.is_file():
                wrong.append(f"{name} is missing")
            elif digest_of(path) != digest:
                wrong.append(f"{name} is damaged or was changed (its sha256 is not the recorded one)")
        except OSError as error:
            wrong.append(f"{name[:200]} cannot be read ({error.strerror})")
    return wrong


def check_files(folder: Path, recorded: Mapping[str, Any], fix: str) -> None:
    """Compare the files of a folder with their recorded digests.

    Raises:
        UserError: what is damaged or missing, with the remedy given.
    """
    wrong = damage(folder, recorded)
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise UserError(f"{wrong[0]}{more}", where=str(folder), fix=fix, code=DATA)


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object with a digest of itself."""
    plain = json.loads(to_json(dict(value)))
    return {**plain, SEAL: sha256_of(plain)}


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object with a digest of itself, atomically."""
    write_json(path, sealed(value))


def _sum(data: Mapping[str, Any]) -> str | None:
    """Digest of an object; None of one that is never written, such as one with NaN."""
    try:
        return sha256_of(data)
    except (ValueError, RecursionError):
        return None


def read_sealed(
    path: Path, schema: str, *, unsealed: Iterable[str] = (), fix: str | None = None, most: int | None = None
) -> dict[str, Any]:
    """A JSON object with an intact digest; the digest is taken off.

    Args:
        schema: of the file, which says that there is a digest.
        unsealed: earlier schemas, whose files may have none.
        fix: what to do about a damaged file.
        most: bytes of the largest file that is read.

    Raises:
        UserError: no such file, not of these schemas, damaged or changed.
    """
    try:
        data = read_object(path, most=most)
    except UserError as error:
        error.fix = error.fix or fix
        raise
    found = data.get("schema")
    if found != schema and found not in tuple(unsealed):
        raise UserError(
            f"schema is {str(found)[:80]!r}, expected {schema!r}", where=str(path), fix=fix, code=DATA
        )
    digest = data.pop(SEAL, None)
    if (digest is None and found == schema) or (digest is not None and digest != _sum(data)):
        raise UserError(
            "damaged or changed: the content is not that of its digest", where=str(path), fix=fix, code=DATA
        )
    return data
