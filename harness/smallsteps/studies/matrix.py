"""The `matrix:` of a study: one recipe in all combinations of some values, each under a readable name."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from smallsteps.config import Document, Strict
from smallsteps.errors import UserError
from smallsteps.studies.source import Change, Source

MOST = 500  # combinations of all entries; more are taken for a mistake
LONGEST = 100  # characters of a name, which is also that of a folder
_FIELD = re.compile(r"\{([a-z_.]+)\}")


class MatrixSpec(Strict):
    """A recipe in several forms.

    Attributes:
        recipe: recipe file, relative to the study.
        vary: values by key (with dots, such as `corpus.samples`); every combination is a recipe of its own. A
            mapping instead of a list gives each value a name: `base.path: {small: A, large: B}`.
        name: name of each, with keys of `vary` in braces; by default the recipe's name, and `-` with the last
            word of the key and the value for each key. With a name, it is the title too.
        title: title of each in reports, with keys of `vary` in braces.
    """

    recipe: str
    vary: dict[str, list[Any] | dict[str, Any]] = Field(min_length=1)
    name: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class _Value:
    key: str
    label: str  # as it stands in a name of one's own
    words: str  # as it stands in a default name and in titles
    change: Change


def expanded(document: Document) -> tuple[list[Source], list[UserError]]:
    """The recipes that a study's matrix makes, in its order; and what is wrong with it.

    What has not the form of a matrix is left to validation.
    """
    found: list[Source] = []
    errors: list[UserError] = []
    entries = document.data.get("matrix") if isinstance(document.data, dict) else None
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        if not isinstance(entry, dict) or not isinstance(entry.get("recipe"), str):
            continue
        try:
            found += _combinations(document, index, entry, MOST - len(found))
        except UserError as error:
            where = document.where(("matrix", index, "recipe"))
            if not str(error.where).startswith(str(document.path)):
                error.where = f"{where}: {error.where}"
            errors.append(error)
    return found, errors


def _combinations(document: Document, index: int, entry: Mapping[str, Any], most: int) -> Iterator[Source]:
    where = document.where(("matrix", index))
    path = (document.path.parent / entry["recipe"]).resolve()
    vary = entry.get("vary")
    if not isinstance(vary, dict) or not all(isinstance(values, list | dict) for values in vary.values()):
        return  # validation says so
    count = math.prod(map(len, vary.values()))
    if not count:
        raise UserError("a key without values", where=where, fix="give each key of 'vary' a value")
    if count > most:
        many = f"{count:,}" if count < 10**15 else "far too many"
        before = f" in addition to {MOST - most} before" if most < MOST else ""
        raise UserError(
            f"{many} combinations{before}, more than {MOST}", where=where, fix="vary fewer values"
        )
    axes = [list(_values(document, index, str(key), values)) for key, values in vary.items()]
    base = Source(path).document().data
    name, title = str(base.get("recipe", path.stem)), str(base.get("title") or base.get("recipe", path.stem))
    template, words = entry.get("name"), entry.get("title")
    for combination in itertools.product(*axes):
        chosen = _name("name", str(template), name, combination, document, index) if template else None
        chosen = chosen or "-".join([name, *(value.words for value in combination)])
        if len(chosen) > LONGEST:
            raise UserError(
                f"a name of {len(chosen):,} characters, more than {LONGEST}",
                where=where,
                fix="give 'name', or the values names: 'KEY: {NAME: ...}'",
            )
        titled = f"{title}, {', '.join(value.words for value in combination)}"
        if template:  # a name of one's own says it better
            titled = chosen[:1].upper() + chosen[1:].replace("_", " ")
        if words:
            titled = _name("title", str(words), name, combination, document, index)
        yield Source(
            path,
            (
                *(value.change for value in combination),
                Change("recipe", json.dumps(chosen), where),
                Change("title", json.dumps(titled), where),
            ),
        )


def _values(document: Document, index: int, key: str, values: list[Any] | dict[str, Any]) -> Iterator[_Value]:
    named = isinstance(values, dict)
    rows = list(values.items()) if isinstance(values, dict) else list(enumerate(values))
    last = key.rpartition(".")[2]
    for place, value in rows:
        where = document.where(("matrix", index, "vary", key, place))
        if not named and isinstance(value, dict | list):
            raise UserError(
                "a value that is not one word or number needs a name",
                where=where,
                fix=f"write '{key}: {{NAME: ...}}' instead of a list",
            )
        label = _slug(str(place) if named else _text(value))
        words = label if named or key in ("scheme", "base.path") else f"{last}{label}"
        yield _Value(key, label, words, Change(key, json.dumps(value), where))


def _text(value: Any) -> str:
    """A value in a name; of a path its last part."""
    return value.rstrip("/").rpartition("/")[2] if isinstance(value, str) else f"{value}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9_.+-]+", "-", text.lower()).strip("-.")


def _name(
    key: str, template: str, recipe: str, combination: tuple[_Value, ...], document: Document, index: int
) -> str:
    """A name or title with the values of a combination; `key` is where the template was given."""
    if len(template) > 10 * LONGEST:
        raise UserError(f"the {key} is too long", where=document.where(("matrix", index, key)))
    labels = {"recipe": recipe, **{value.key: value.label for value in combination}}
    unknown = next((field for field in _FIELD.findall(template) if field not in labels), None)
    if unknown is not None:
        raise UserError(
            f"'{{{unknown}}}' in a {key} is not a key of 'vary'",
            where=document.where(("matrix", index, key)),
            fix=f"known: {', '.join(labels)}",
        )
    return _FIELD.sub(lambda match: labels[match[1]], template)
