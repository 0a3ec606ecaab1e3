"""A folder that takes another's place in one step, so that readers see the old one or the new one."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

from smallsteps.files import disk_error

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


def put_in_place(fresh: Path, place: Path) -> None:
    """Rename `fresh` to `place`; what stood there before is removed afterwards.

    Where the system can exchange two names (Linux), there is no moment without a folder at `place`. Elsewhere
    the old one is moved aside first, and `recover` brings it back after a kill between the two renames.

    Args:
        fresh: a finished folder on the same file system.
        place: a folder, or nothing.

    Raises:
        UserError: the names cannot be changed.
    """
    try:
        if not place.exists():
            fresh.rename(place)
        elif _exchange(fresh, place):
            shutil.rmtree(fresh)
        else:
            aside = _aside(place)
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)
            fresh.rename(place)
            shutil.rmtree(aside)
    except OSError as error:
        raise disk_error(error, place) from error


def recover(place: Path) -> None:
    """Bring back a folder that was moved aside by a process that did not live to put the new one in place."""
    aside = _aside(place)
    if aside.exists() and not place.exists():
        aside.rename(place)


def _aside(place: Path) -> Path:
    return place.with_name(f".{place.name}.before")


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names atomically; whether the system can."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code))
