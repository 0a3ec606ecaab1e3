"""Weights in GGUF files (github.com/ggml-org/ggml, docs/gguf.md), which transformers reads as plain weights.

A GGUF file is named like a folder: by its path, or by `OWNER/NAME/FILE.gguf` on the hub and in the models
directory. It holds the tokenizer too; a `tokenizer.json` beside it is used instead, where there is one.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from smallsteps.errors import DATA, NO_INPUT, UNAVAILABLE, UserError, nearest

SUFFIX = ".gguf"
PATTERN = r"^[^/\\]+\.gguf$"  # of a name in a recipe: a file of the folder itself
_MAGIC = b"GGUF"


def joined(place: str, file: str | None) -> str:
    """The name of a GGUF file in a folder or repository; without a file the name as it is."""
    return place if file is None else f"{place.rstrip('/')}/{file}"


def apart(place: str | Path) -> tuple[str, str | None]:
    """Folder or hub id, and the name of the GGUF file in it; None for a place that names no such file."""
    text = str(place)
    if not text.endswith(SUFFIX) or Path(text).expanduser().is_dir():
        return text, None
    folder, _, file = text.rpartition("/")
    return folder or ".", file


def check_gguf(path: Path) -> None:
    """Look whether a GGUF file can be read.

    Raises:
        UserError: the extra `gguf` is missing, there is no such file, or it is none.
    """
    if importlib.util.find_spec("gguf") is None:
        raise UserError(
            "weights in a GGUF file need the package gguf, which is not installed",
            where=str(path),
            fix='pip install "smallsteps[gguf]"',
            code=UNAVAILABLE,
        )
    if not path.is_file():
        names = sorted(p.name for p in path.parent.glob(f"*{SUFFIX}")) if path.parent.is_dir() else []
        close = nearest(path.name, names)
        known = f"there are: {', '.join(names[:10])}" if names else "there is no GGUF file in this folder"
        raise UserError(
            f"no such GGUF file '{path.name}'",
            where=str(path.parent),
            fix=f"did you mean '{close}'?" if close else known,
            code=NO_INPUT,
        )
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            raise UserError(
                "not a GGUF file: it does not begin with the letters GGUF",
                where=str(path),
                fix="copy or fetch the file again",
                code=DATA,
            )
