"""The source of a study's recipe: its file, and the changes that the study makes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from smallsteps.config import Document, compose, laid_over
from smallsteps.errors import ConfigError, UserError
from smallsteps.problems.finding import with_benchmark
from smallsteps.studies.places import find
from smallsteps.studies.recipe import Recipe, validated


@dataclass(frozen=True, slots=True)
class Change:
    """A key that a study sets in a recipe.

    Attributes:
        key: with dots, such as `corpus.samples`.
        value: as JSON.
        place: `file:line: key` of the study that says so.
    """

    key: str
    value: str
    place: str


@dataclass(frozen=True, slots=True)
class Source:
    """A recipe's file with changes. Two recipes of a study may share a file."""

    path: Path
    changes: tuple[Change, ...] = ()

    def document(self, overrides: Iterable[str] = ()) -> Document:
        """The file, extended and changed."""
        document = compose(find(self.path), overrides)
        for change in self.changes:
            document = laid_over(document, change.key, json.loads(change.value), change.place)
        return document


def recipe_of(source: Source) -> Recipe:
    """Read and validate.

    Raises:
        ConfigError: everything that is wrong with it, at once.
    """
    document, errors = with_benchmark(source.document(), ("corpus", "benchmark"), ("corpus", "split"))
    try:
        return validated(document, errors)
    except ConfigError as error:
        places = {change.place for change in source.changes}
        for one in error.errors:
            _name_the_key(one, places)
        raise


def _name_the_key(error: UserError, places: set[str]) -> None:
    """The place of a change names its key already: leave out the second one."""
    for place in places:
        if error.where is not None and error.where.startswith(place):
            error.where = place
