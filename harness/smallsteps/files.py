"""Files that are whole or absent: every write goes to a temporary name, is flushed, and is renamed."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import io
import json
import os
import re
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from smallsteps.errors import CANNOT_CREATE, DATA, IO_ERROR, NO_INPUT, UserError

MAX_LINE = 64 << 20  # bytes of one line; a longer one is no record
MAX_RATIO = 100  # a gzip file may unpack to this many times its size, or to 64 MiB if that is more
_FREE = 64 << 20
_GZIP = b"\x1f\x8b"
_BLANK = re.compile(r"[ \t\r\n]*")


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
    except ValueError as error:
        if "\0" in str(path):
            raise UserError("a path cannot contain NUL", where=str(path), code=CANNOT_CREATE) from error
        raise
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error; libraries often report it without an errno."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        text = str(error).lower()
        if os.strerror(errno.ENOSPC).lower() in text or "database or disk is full" in text:
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
        # a lone surrogate has no bytes in UTF-8; it is written as the escape it came from
        temporary.write_bytes(data.encode("utf-8", "backslashreplace") if isinstance(data, str) else data)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON with sorted keys and no NaN: the same value gives the same bytes.

    Lone surrogates are written as escapes, so the text can always be encoded and reads back the same.
    """
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def escaped(text: str) -> str:
    """Text with unpaired surrogates written as `\\udXXX`: JSON may hold them, files and terminals cannot."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def write_json(path: Path, value: Any) -> None:
    """Write `value` as deterministic JSON, atomically."""
    write_atomic(path, to_json(value) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, atomically."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(to_json(row, indent=None) + "\n")


def read_text(path: Path, most: int | None = None) -> str:
    """UTF-8 text of a plain or gzipped file (of at most so many bytes unpacked), without a byte order mark.

    Raises:
        UserError: missing, truncated, not UTF-8, or a gzip file that unpacks to far too much.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(path), code=NO_INPUT) from error
    if raw[:2] == _GZIP:
        limit = most or unpacked_limit(len(raw))
        try:
            with gzip.open(io.BytesIO(raw)) as file:
                unpacked = file.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged(str(path), error) from error
        if len(unpacked) > limit:
            raise _too_large(str(path), limit)
        raw = unpacked
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"not UTF-8 text (byte {error.start})", where=str(path), code=DATA) from error


def read_json(path: Path, most: int | None = None) -> Any:
    """Parsed JSON of a plain or gzipped file; with `most`, of a regular file of at most so many bytes."""
    text = read_text(path) if most is None else read_regular(path, most)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else 1
        raise _not_json(error, f"{path}:{line}") from error


def read_object(path: Path, schema: str | None = None, most: int | None = None) -> dict[str, Any]:
    """The JSON object in a file, of the schema it must name.

    Raises:
        UserError: see `read_json`; or no object, or of another schema.
    """
    data = read_json(path, most)
    if not isinstance(data, dict):
        found = "a list" if isinstance(data, list) else json.dumps(data)[:40]
        raise UserError(f"expected a JSON object, found {found}", where=str(path), code=DATA)
    if schema is not None and data.get("schema") != schema:
        raise UserError(f"schema is {data.get('schema')!r}, expected {schema!r}", where=str(path), code=DATA)
    return data


def read_regular(path: Path, most: int, refused: type[UserError] = UserError) -> str:
    """Text of a regular file of at most so many bytes, packed and unpacked: no device and no pipe is opened.

    Raises:
        refused: it is something else, or larger.
        UserError: see `read_text`.
    """
    try:
        found = path.stat()
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the path
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UserError(f"cannot read: {reason}", where=str(path), code=NO_INPUT) from error
    if not stat.S_ISREG(found.st_mode):
        raise refused("not a regular file", where=str(path), code=NO_INPUT)
    if found.st_size > most:
        raise refused(f"larger than {most:,} bytes", where=str(path), code=DATA)
    return read_text(path, most)


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) of JSON lines, or of one JSON array of objects.

    Raises:
        UserError: as `read_jsonl` and `read_text` do.
    """
    if start_of(path).lstrip().startswith("["):
        yield from _array_objects(read_text(path), str(path))
    else:
        yield from read_jsonl(path)


def _array_objects(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    decode = json.JSONDecoder().raw_decode
    place = _after_blanks(text, _after_blanks(text, 0) + 1)
    line, counted = 1, 0
    while text[place : place + 1] != "]":
        line, counted = line + text.count("\n", counted, place), place
        where = f"{name}:{line}"
        try:
            row, place = decode(text, place)
        except (ValueError, RecursionError) as error:
            raise _not_json(error, where) from error
        if not isinstance(row, dict):
            raise UserError("expected a JSON array of objects", where=where, code=DATA)
        yield line, row
        place = _after_blanks(text, place)
        if text[place : place + 1] == ",":
            place = _after_blanks(text, place + 1)
        elif text[place : place + 1] != "]":
            raise UserError("not JSON: no ',' or ']' behind the object", where=where, code=DATA)
    if _after_blanks(text, place + 1) < len(text):
        raise UserError("not JSON: text behind the array", where=f"{name}:{line}", code=DATA)


def start_of(path: Path, size: int = 1 << 16) -> str:
    """The first bytes of a plain or gzipped file as text; "" where they are no text.

    Raises:
        UserError: missing, or a damaged gzip file.
    """
    try:
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == _GZIP
            with gzip.GzipFile(fileobj=file) if packed else file as plain:
                raw = plain.read(size)
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(str(path), error) from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(path), code=NO_INPUT) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return raw[: error.start].decode("utf-8-sig")


def _after_blanks(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place


def _not_json(error: Exception, where: str) -> UserError:
    if isinstance(error, json.JSONDecodeError):
        reason = error.msg
    elif isinstance(error, RecursionError):
        return UserError("not JSON: nested too deeply", where=where, fix="flatten the row", code=DATA)
    else:  # Python converts no integer of more than some thousand digits
        limit = sys.get_int_max_str_digits()
        fix = "write it as text, in quotes, or remove it"
        text = f"not JSON: a number has too many digits, an integer of more than {limit} digits"
        return UserError(text, where=where, fix=fix, code=DATA)
    return UserError(f"not JSON: {reason}", where=where, code=DATA)


def text_lines(path: Path) -> Iterator[str]:
    """Lines of a plain or gzipped text file with their ends, without a byte order mark, one at a time.

    Raises:
        UserError: missing, truncated, not UTF-8, or too long.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(_lines(file, str(path)), start=1):
                yield _decoded(raw, number, f"{path}:{number}")
    except FileNotFoundError as error:
        raise UserError("no such file", where=str(path), code=NO_INPUT) from error
    except OSError as error:
        raise UserError(f"cannot read: {error.strerror}", where=str(path), code=NO_INPUT) from error


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
    for number, raw in enumerate(_lines(stream, name), start=1):
        where = f"{name}:{number}"
        line = _decoded(raw, number, where)
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _not_json(error, where) from error
        if not isinstance(row, dict):
            raise UserError("expected a JSON object", where=where, code=DATA)
        yield number, row


def _decoded(raw: bytes, number: int, where: str) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")  # some editors write a mark first
    except UnicodeDecodeError as error:
        place = f"byte {error.start} of the line"
        raise UserError(f"not UTF-8 text ({place})", where=where, code=DATA) from error


def _lines(stream: io.BufferedReader, name: str) -> Iterator[bytes]:
    """Lines of a plain or gzipped stream, within the limits of this module."""
    if stream.peek(2)[:2] != _GZIP:
        yield from _bounded(stream, name)
        return
    total = 0
    try:
        limit = unpacked_limit(os.fstat(stream.fileno()).st_size)
    except OSError:  # no file behind it
        limit = unpacked_limit(0)
    try:
        with gzip.open(stream) as file:
            for line in _bounded(file, name):
                total += len(line)
                if total > limit:
                    raise _too_large(name, limit)
                yield line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(name, error) from error


def _bounded(file: Any, name: str) -> Iterator[bytes]:
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
        if len(line) > MAX_LINE:
            raise UserError(
                f"a line of more than {MAX_LINE >> 20} MiB",
                where=f"{name}:{number}",
                fix="one record a line is expected",
                code=DATA,
            )
        yield line


def unpacked_limit(packed: int) -> int:
    """Bytes that a compressed file of so many bytes may unpack to."""
    return max(_FREE, MAX_RATIO * packed)


def _too_large(name: str, limit: int) -> UserError:
    return UserError(
        f"the gzip file unpacks to more than {limit >> 20} MiB",
        where=name,
        fix="unpack it yourself if you trust it",
        code=DATA,
    )


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
