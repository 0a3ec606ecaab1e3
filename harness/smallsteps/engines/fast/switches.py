"""Switches of the hand-written pieces; each can be left out to measure its effect, or to check it.

    SMALLSTEPS_PLAIN=shared,llama smallsteps eval ...      # these two; `all` is every piece

In float32 results do not depend on a piece, up to rounding; a run's identity names those left out.
"""

from __future__ import annotations

import os
from functools import cache

from smallsteps.errors import unknown_name

ENVIRONMENT = "SMALLSTEPS_PLAIN"
PIECES = {
    "shared": "what several prompts begin with is read once",
    "remembered": "the turns of a dialogue take over keys and values of the turn before",
    "joins": "rows enter a batch while others are decoded",
    "llama": "the forward of a plain Llama in a third of the operations",
    "attention": "attention by plain products where PyTorch's kernel is slow",
    "files": "a plain Llama and its tokenizer are read without importing transformers",
    "shapes": "few batch and cache sizes, of which oneDNN makes few kernels",
}


@cache
def left_out() -> frozenset[str]:
    """The pieces that the environment leaves out, read once.

    Raises:
        UserError: an unknown piece.
    """
    names = {name.strip() for name in os.environ.get(ENVIRONMENT, "").split(",")} - {""}
    if "all" in names:
        return frozenset(PIECES)
    for name in sorted(names - set(PIECES)):
        raise unknown_name("piece", name, [*PIECES, "all"], where=ENVIRONMENT)
    return frozenset(names)


def uses(piece: str) -> bool:
    """Whether a piece is in use."""
    return piece not in left_out()
