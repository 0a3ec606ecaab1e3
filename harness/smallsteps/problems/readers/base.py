"""What readers share: typed access to fields with errors that name file, row and key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from smallsteps.errors import DATA, UserError, nearest
from smallsteps.problems.fields import Fields
from smallsteps.problems.model import AnswerKind, Problem

Row = dict[str, Any]
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True)
class Context:
    """Where a row comes from, and what its benchmark says of it.

    Attributes:
        where: file and row, for errors.
        index: row number from 0, for sources without ids.
        name: file key in `benchmark.yaml`.
        kind: answer kind of the benchmark or of this file.
        joined: further annotation of the same item, where there is some.
        fields: names of the fields, for the reader `jsonl`.
    """

    where: str
    index: int
    name: str
    kind: AnswerKind
    joined: Row = field(default_factory=dict)
    fields: Fields = field(default_factory=Fields)


Reader = Callable[[Row, Context], Iterable[Problem]]


def problem_error(
    context: Context, message: str, key: str | None = None, fix: str | None = None
) -> UserError:
    """A UserError about this row."""
    where = f"{context.where}: {key}" if key else context.where
    return UserError(message, where=where, fix=fix, code=DATA)


def value(row: Row, key: str, context: Context) -> Any:
    """A field that must be there.

    Raises:
        UserError: the key is missing (the nearest key of the row is named).
    """
    if key not in row:
        close = nearest(key, (str(k) for k in row))
        fix = f"is it '{close}'?" if close else f"keys there: {', '.join(map(str, row))}"
        raise problem_error(context, f"key '{key}' is missing", fix=fix)
    return row[key]


def text(row: Row, key: str, context: Context) -> str:
    """A field that must hold text that is not blank.

    Raises:
        UserError: missing, blank or not text.
    """
    found = value(row, key, context)
    if not isinstance(found, str) or not found.strip():
        raise problem_error(context, f"expected text, found {found!r}", key)
    return found.strip()


def number(row: Row, key: str, context: Context) -> str:
    """A field that holds a number, as plain decimal text: 39.0 is `39`.

    Raises:
        UserError: missing or not a number.
    """
    return plain_number(value(row, key, context), key, context)


def plain_number(found: Any, key: str, context: Context) -> str:
    """Plain decimal text of a number, without exponent and without `.0`."""
    if isinstance(found, str) and found.strip():
        return found.strip().replace(",", "")
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise problem_error(context, f"expected a number, found {found!r}", key)
    if isinstance(found, int) or found == int(found):
        return str(int(found))
    return f"{found:.17f}".rstrip("0") if "e" in repr(found) else repr(found)


def options(stem: str, choices: Sequence[str]) -> str:
    """A question with its lettered options, as all our benchmarks show them."""
    lines = [f"({letter}) {choice}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return "\n".join([stem.strip(), "Options:", *lines])
