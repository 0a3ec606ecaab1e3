"""Exceptions that no code expected: what the user can do about them, and where the traceback is kept."""

from __future__ import annotations

import errno
import os
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

from smallsteps.errors import DATA, IO_ERROR, OS_ERROR, SOFTWARE, UNAVAILABLE, UserError
from smallsteps.files import disk_full, is_disk_full
from smallsteps.terminal import visible_text

_NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "std::bad_alloc",
    "failed to map segment",  # a library too large for the memory that is left
)


class Terminated(KeyboardInterrupt):
    """SIGTERM, raised in the main thread so that everything is closed as after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A circumstance known by the class of the exception (by name: its library need not be loaded)."""

    message: str
    fix: str
    code: int


_DAMAGED = (
    "check the files given, or copy or make them again; 'smallsteps check FOLDER' names the damaged one"
)
_BY_CLASS = {
    "SafetensorError": _Kind("a weights file (safetensors) is damaged", _DAMAGED, DATA),
    "ArrowInvalid": _Kind("a Parquet file is damaged", _DAMAGED, DATA),
    "DatabaseError": _Kind(
        "a corpus store (SQLite) is damaged", "restore it from an export or a copy, or collect again", DATA
    ),
    "JSONDecodeError": _Kind("a file is not JSON", _DAMAGED, DATA),
    "BadGzipFile": _Kind("a gzip file is damaged", _DAMAGED, DATA),
    "BadZipFile": _Kind("a file is damaged", _DAMAGED, DATA),
    "UnpicklingError": _Kind("a file is damaged", _DAMAGED, DATA),
    "UnicodeDecodeError": _Kind("a file is not UTF-8 text", _DAMAGED, DATA),
    "UnicodeEncodeError": _Kind(
        "a text holds characters that UTF-8 cannot encode (lone surrogates)",
        "remove them from the names or texts of the input",
        DATA,
    ),
    "PanicException": _Kind("a tokenizer or another library failed on a file or a text", _DAMAGED, DATA),
    "RecursionError": _Kind(
        "something is nested too deeply", "most likely a JSON or YAML file with thousands of brackets", DATA
    ),
}


def circumstance(error: BaseException, place: str | None = None) -> UserError | None:
    """The user's view of an exception whose cause lies outside the code; None if it must be a defect.

    Args:
        error: any exception; those it was raised from are looked at as well.
        place: the file or folder that was worked on, when known.
    """
    if isinstance(error, UserError):
        return error
    everything = _chain(error, implicit=True)
    if is_disk_full(error):
        return disk_full(Path(place or _file_of(everything) or "."))
    # what fails for want of memory or files may fail again, differently, while that is handled
    found = [_of_resources(one, place) for one in everything]
    found += [_known(one, place) for one in _chain(error, implicit=False)]
    return next((one for one in found if one is not None), None)


def _chain(error: BaseException, *, implicit: bool) -> list[BaseException]:
    """An exception and those it was raised from; with `implicit` also those it was raised while handling."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (link.__context__ if implicit else None)
    return chain


def _of_resources(error: BaseException, place: str | None) -> UserError | None:
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        fix = "allow more open files ('ulimit -n 1024') and run the same command again"
        return UserError("too many open files", where=place, fix=fix, code=OS_ERROR)
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(sign in text for sign in _NO_MEMORY):
        return UserError(
            "not enough memory",
            where=place,
            fix="close other programs, or use fewer --workers, a smaller --batch-size or a smaller model; "
            "what was finished before is kept",
            code=OS_ERROR,
        )
    return None


def _known(error: BaseException, place: str | None) -> UserError | None:
    text, name = str(error), type(error).__name__
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        where = str(error.filename) if error.filename is not None else place
        reason = error.strerror or os.strerror(error.errno)
        return UserError(f"the system refused: {reason}", where=where, fix="check the path", code=IO_ERROR)
    if isinstance(error, ValueError) and "integer string conversion" in text:
        return UserError("a number has thousands of digits", where=place, fix=_DAMAGED, code=DATA)
    if isinstance(error, ValueError) and "embedded null" in text:
        return UserError("a path contains a NUL character", where=place, fix="check the names", code=DATA)
    if isinstance(error, ImportError) and not (error.name or "smallsteps").startswith("smallsteps"):
        return UserError(
            f"a library cannot be imported: {text}", fix="install smallsteps again", code=UNAVAILABLE
        )
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_CLASS:
            known = _BY_CLASS[kind.__name__]
            return UserError(
                f"{known.message} ({name}: {text[:300]})", where=place, fix=known.fix, code=known.code
            )
    return None


def _file_of(chain: list[BaseException]) -> str | None:
    return next((str(e.filename) for e in chain if isinstance(e, OSError) and e.filename), None)


def explain(error: BaseException, trace: str | None = None, place: str | None = None) -> UserError:
    """One message for an unexpected exception, with the file that holds its traceback.

    Only an exception without a known cause outside is called a defect; its exit code is 70.

    Args:
        trace: the traceback as text, when it comes from another process.
        place: the file or folder that was worked on, when known.
    """
    known = circumstance(error, place)
    if known is error:
        return known
    kept = keep_traceback(trace or "".join(traceback.format_exception(error)))
    details = f"the traceback is in {kept}" if kept else "the traceback could not be written"
    if known is not None:
        return UserError(known.message, where=known.where, fix=f"{known.fix}; {details}", code=known.code)
    summary = f"{type(error).__name__}: {error}".splitlines()[0][:500]
    return UserError(
        f"internal error: {summary}",
        where=place,
        fix=f"this is a defect of smallsteps: please report it; {details}",
        code=SOFTWARE,
    )


def keep_traceback(trace: str) -> Path | None:
    """Write a traceback to a file of its own in the system's folder for temporary files."""
    try:
        handle, name = tempfile.mkstemp(prefix="smallsteps-", suffix=".traceback.txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(visible_text(trace, keep_lines=True))
    except OSError:
        return None
    return Path(name)
