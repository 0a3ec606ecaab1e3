"""Records of a file of rationales, and the samples that they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallsteps.errors import DATA, UserError
from smallsteps.files import read_objects
from smallsteps.problems import TokenLogprob
from smallsteps.teachers.model import Status


@dataclass(frozen=True, slots=True)
class Imported:
    """One sample of a file.

    Attributes:
        row: the source's own id of the problem (its id, else its row number from 0).
        question: what was asked, as in the file.
        text: what the teacher said, as in the file.
        sample: index among the samples of this question.
        gold: gold answer as the file states it.
        status: `ok`, or what the file says of its end.
        tokens: token log-probabilities.
        prompt_tokens, completion_tokens: usage, where the file states it.
        extra: every other field of the record.
        error: why there is no text.
        thoughts: what a reasoning model thought before its text, where the file keeps the two apart.
    """

    row: str
    question: str
    text: str
    sample: int
    gold: str | None = None
    status: Status = Status.OK
    tokens: tuple[TokenLogprob, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    extra: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    thoughts: str = ""


class Records:
    """The records of a file, JSON lines or one JSON array of objects, with the place of the current one.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0

    def __iter__(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Number from 0 and content of each record."""
        for number, (line, row) in enumerate(read_objects(self.path)):
            self.line = line
            yield number, row

    def error(self, message: str, fix: str | None = None) -> UserError:
        """An error at the current record."""
        return UserError(message, where=f"{self.path}:{self.line}", fix=fix, code=DATA)

    def need(self, row: dict[str, Any], name: str) -> Any:
        """A field of the current record.

        Raises:
            UserError: it is missing.
        """
        if name not in row:
            raise self.error(
                f"field '{name}' is missing", f"found {', '.join(sorted(row))}; is the format right?"
            )
        return row[name]

    def text(self, row: dict[str, Any], name: str) -> str:
        """A field that holds a text; empty where it is null.

        Raises:
            UserError: it is missing, or a list or an object.
        """
        value = self.need(row, name)
        if isinstance(value, dict | list):
            raise self.error(f"field '{name}' is not text", "is the format right?")
        return "" if value is None else str(value)

    def texts(self, row: dict[str, Any], name: str) -> list[str]:
        """A field that holds a list of texts.

        Raises:
            UserError: it is missing, or no list.
        """
        value = self.need(row, name)
        if not isinstance(value, list):
            raise self.error(f"field '{name}' is not a list of texts", "is the format right?")
        return ["" if text is None else str(text) for text in value]

    def index(self, row: dict[str, Any], name: str, default: int) -> int:
        """A field that holds the index of a sample.

        Raises:
            UserError: it is not a whole number from 0 on.
        """
        value = row.get(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise self.error(f"field '{name}' is not a whole number from 0 on")
        return value


def rest(row: dict[str, Any], *used: str) -> dict[str, Any]:
    """The fields that were not used."""
    return {name: value for name, value in row.items() if name not in used}
