"""Freed memory stays with the process."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_KEPT = 128 << 20  # bytes at the end of the heap
_MOST = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Let glibc keep what is freed, where it is in use, for the rest of the process.

    By default it gives back to the system what several tensors leave free at once, and asks for it again at
    the next operation, which then begins with a page fault for every 4 KiB.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _MOST)
