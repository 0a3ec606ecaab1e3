"""Work that makes very many objects, imports above all, without the garbage collector."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector still while very many objects are made that all stay.

    It would walk them again and again in vain.
    May be nested; the collector is on afterwards if it was on before.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def importing() -> contextlib.AbstractContextManager[None]:
    """For the import of large libraries: `benchmarks/startup.py` measures the time to the first token."""
    return collector_paused()
