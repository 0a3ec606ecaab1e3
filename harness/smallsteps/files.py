"""Files that are whole or absent: every write goes to a temporary name, is flushed, and is renamed."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, IO_ERROR, NO_INPUT, UserError

_GZIP = b"\x1f\x8b"


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, remove it on failure.

    Raises:
        UserError: the folder cannot be made, the disk is full, or the path is not writable.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes private files; results are meant to be read
        temporary.replace(path)
    except OSError as error:
        raise disk_error(error, path) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error; libraries often report it without an errno."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if os.strerror(errno.ENOSPC).lower() in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def disk_full(path: Path) -> UserError:
    """What a user is told when the disk is full."""
    return UserError(
        "no space left on the disk",
        where=str(path),
        fix="free some space and run the same command again; what was finished before is kept",
        code=IO_ERROR,
    )


def disk_error(error: OSError, path: Path) -> UserError:
    """The user's view of a failed write."""
    if is_disk_full(error):
        return disk_full(path)
    reason = error.strerror or str(error)
    return UserError(f"cannot write: {reason}", where=str(path), fix="check the path", code=CANNOT_CREATE)


def write_atomic(path: Path, data: str | bytes) -> None:
    """Write text (UTF-8) or bytes so that `path` is either the old file or the new one, never a part."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data.encode() if isinstance(data, str) else data)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON with sorted keys and no NaN: the same value gives the same bytes."""
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as deterministic JSON, atomically."""
    write_atomic(path, to_json(value) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(to_json(row, indent=None) + "\n")


def read_text(path: Path) -> str:
    """UTF-8 text of a plain or gzipped file.

    Raises:
        UserError: missing, truncated or not UTF-8.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(path), code=NO_INPUT) from error
    if raw[:2] == _GZIP:
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(str(path), error) from error
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text (byte {error.start})", where=str(path), code=DATA) from error


def read_json(path: Path) -> Any:
    """Parsed JSON of a plain or gzipped file."""
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"not JSON: {error.msg}", where=f"{path}:{error.lineno}", code=DATA) from error


def read_jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of a plain or gzipped JSON-lines file; blank lines are skipped.

    The file is read line by line, so its size does not matter.

    Raises:
        UserError: missing, truncated, not UTF-8, or a line is no JSON object.
    """
    try:
        with path.open("rb") as file:
            yield from jsonl_rows(file, str(path))
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(path), code=NO_INPUT) from error


def jsonl_rows(stream: io.BufferedReader, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The same for an open stream such as standard input.

    Args:
        stream: plain or gzipped bytes.
        name: what errors call it.
    """
    packed = stream.peek(2)[:2] == _GZIP
    lines = _unpacked_lines(stream, name) if packed else iter(stream)
    for number, raw in enumerate(lines, start=1):
        where = f"{name}:{number}"
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")  # some editors write a mark first
        except UnicodeDecodeError as error:
            place = f"byte {error.start} of the line"
            raise UserError(f"not UTF-8 text ({place})", where=where, code=DATA) from error
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"not JSON: {error.msg}", where=where, code=DATA) from error
        except RecursionError as error:
            fix = "flatten the row; no layout here needs nested values"
            raise UserError("nested too deeply", where=where, fix=fix, code=DATA) from error
        except ValueError as error:  # Python converts no integer of more than some thousand digits
            limit = sys.get_int_max_str_digits()
            fix = "write it as text, in quotes, or remove it"
            problem = f"an integer of more than {limit} digits"
            raise UserError(problem, where=where, fix=fix, code=DATA) from error
        if not isinstance(row, dict):
            raise UserError("expected a JSON object", where=where, code=DATA)
        yield number, row


def _unpacked_lines(stream: io.BufferedReader, name: str) -> Iterator[bytes]:
    try:
        with gzip.open(stream) as file:
            yield from file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(name, error) from error


def _damaged(name: str, error: Exception) -> UserError:
    return UserError(
        f"damaged gzip file ({error})", where=name, fix="fetch or copy the file again", code=DATA
    )


def sha256_file(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of(value: Any) -> str:
    """Hex sha256 of a value's deterministic JSON."""
    return hashlib.sha256(to_json(value, indent=None).encode()).hexdigest()
