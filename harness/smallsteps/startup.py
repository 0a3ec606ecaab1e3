"""Starting quickly: large libraries are imported without the garbage collector."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Keep the cyclic garbage collector still while large libraries are imported.

    torch, transformers and lm-eval make very many objects that all stay, and the collector walks them again
    and again in vain. `benchmarks/startup.py` measures the time to the first token.
    May be nested; the collector is on afterwards if it was on before.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
