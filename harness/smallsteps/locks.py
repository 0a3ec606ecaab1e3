"""One kind of lock for everything that only one process may write."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from smallsteps.errors import UserError
from smallsteps.files import disk_error


@contextlib.contextmanager
def exclusive(path: Path, busy: UserError) -> Iterator[None]:
    """Hold the lock of a file, which is made if need be and stays; the system frees it when the process ends.

    Args:
        path: the lock file.
        busy: raised when another process holds the lock.

    Raises:
        UserError: `busy`, or the file cannot be made.
    """
    import fcntl

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise disk_error(error, path) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise busy from error
        yield
    finally:
        os.close(handle)
