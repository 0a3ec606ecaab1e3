"""Checks of a tokenizer's files before a library reads them: sizes, patterns, replacements."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from smallsteps.engines.patterns import takes_forever
from smallsteps.errors import DATA, UserError
from smallsteps.files import read_json

LARGEST = 64 << 20  # bytes of one file; twice the largest tokenizer.json that is published
MOST_GROWTH = 64  # characters that replacements may make of one
_FILES = ("tokenizer*", "*.jinja", "vocab*", "merges.txt", "*.model", "*tokens*.json")
_FIX = "the folder is damaged or hostile; take the tokenizer from where the model comes from"


def check_tokenizer(folder: Path) -> None:
    """Check the tokenizer in a folder, if there is one; loads nothing.

    Raises:
        UserError: a file is absurdly large, a pattern can take forever, or replacements multiply a text.
    """
    for path in sorted({path for pattern in _FILES for path in folder.glob(pattern)}):
        if path.is_file() and path.stat().st_size > LARGEST:
            raise UserError(
                f"larger than {LARGEST:,} bytes, which no tokenizer is", where=str(path), fix=_FIX, code=DATA
            )
    file = folder / "tokenizer.json"
    if file.is_file():
        check_file(file)


def check_local(source: str) -> None:
    """`check_tokenizer`, where what transformers is given is a folder and no hub id."""
    if Path(source).is_dir():
        check_tokenizer(Path(source))


def check_file(path: Path) -> None:
    """The same for one `tokenizer.json`.

    Raises:
        UserError: see `check_tokenizer`; or it is no regular file.
    """
    found = path.stat()
    if not path.is_file() or found.st_size > LARGEST:
        raise UserError(
            f"not a regular file of at most {LARGEST:,} bytes", where=str(path), fix=_FIX, code=DATA
        )
    wrong = _wrong(path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if wrong is not None:
        raise UserError(wrong, where=str(path), fix=_FIX, code=DATA)


@lru_cache(maxsize=64)
def _wrong(path: Path, inode: int, size: int, modified: int, changed: int) -> str | None:
    try:
        content = read_json(path)
    except UserError:
        return None  # the library says what is wrong
    if not isinstance(content, dict):
        return None
    for section in ("normalizer", "pre_tokenizer", "decoder", "post_processor"):
        growth = 1.0
        for step in _steps(content.get(section)):
            pattern = step.get("pattern")
            text = pattern.get("Regex") if isinstance(pattern, dict) else None
            if isinstance(text, str) and takes_forever(text):
                return f"its {section} has a pattern that can take forever: {text[:80]!r}"
            if step.get("type") == "Replace":
                literal = pattern.get("String") if isinstance(pattern, dict) else None
                replaced = max(1, len(literal)) if isinstance(literal, str) else 1
                growth *= max(1.0, len(str(step.get("content", ""))) / replaced)
        if growth > MOST_GROWTH:
            return f"its {section} makes a text more than {MOST_GROWTH} times as long"
    return None


def _steps(value: Any) -> Iterator[dict[str, Any]]:
    """All objects below a value: the steps of a section and of its sequences."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
