"""Freed memory stays with the process while it works."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path
from typing import Any

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_KEPT = 128 << 20  # bytes at the end of the heap
_MOST = (1 << 31) - 1
SHARERS = "SMALLSTEPS_SHARERS"  # environment variable: how many worker processes share a GPU
_GPU_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")


def keep_freed_memory(largest: int = _MOST) -> None:
    """Let glibc keep what is freed, where it is in use, for the rest of the process.

    By default it gives back to the system what several tensors leave free at once, and asks for it again at
    the next operation, which then begins with a page fault for every 4 KiB.

    Args:
        largest: blocks of so many bytes or more are given back none the less. Large blocks of ever other
            sizes leave holes in which the next does not fit, and the process grows.
    """
    mallopt = _glibc("mallopt")
    if mallopt is not None:
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, min(largest, _MOST))


def give_back_holes() -> None:
    """Let glibc, where it is in use, return the free pages between blocks in use."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def give_back_freed_memory() -> None:
    """Return to the system, and to others on the GPU, all that is free now, after a piece of work."""
    gc.collect()
    give_back_holes()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def has_gpu() -> bool:
    """Whether there may be a GPU; False is sure. Imports nothing."""
    return sys.platform != "linux" or any(Path(file).exists() for file in _GPU_FILES)


def _glibc(name: str) -> Any:
    """A function of the C library; None where it is another one."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
