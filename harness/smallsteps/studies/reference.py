"""Every key of the YAML files, from the models that validate them: what `docs/recipes.md` says.

    smallsteps recipes reference > docs/recipes.md

A key's meaning is its entry in the `Attributes:` of the model's docstring, or its field's description.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smallsteps.config import Strict
from smallsteps.corpora.teach import CorpusFile
from smallsteps.problems.benchmark import Benchmark
from smallsteps.problems.readers import READERS
from smallsteps.schemes import SCHEMES
from smallsteps.studies.recipe import Recipe
from smallsteps.studies.study import Study
from smallsteps.teachers.layouts import LAYOUTS
from smallsteps.teachers.spec import FileSpec

Model = type[BaseModel]
PAGES: tuple[tuple[str, str, Model], ...] = (
    (
        "Recipe",
        "One student. `extends: other.yaml` (relative to the file) takes over the keys of another file; "
        "`--set key.sub=value` overrides a key on the command line.",
        Recipe,
    ),
    ("Corpus file", "What `smallsteps teach` takes besides recipes.", CorpusFile),
    (
        "Study",
        "Several recipes and seeds, evaluated on the same items. `extends` and `--set` work as above.",
        Study,
    ),
    (
        "Benchmark",
        "A set of problems. Yours needs `schema`, `name`, `kind`, `reader: jsonl`, `fields`, `files` and "
        "`splits`; see [the tutorial](tutorial.md).",
        Benchmark,
    ),
)
# Keys whose values are names of a registry; others can be added, see docs/extending.md.
NAMES: Mapping[tuple[Model, str], Iterable[str]] = {
    (Recipe, "scheme"): SCHEMES,
    (Benchmark, "reader"): READERS,
    (FileSpec, "format"): sorted(LAYOUTS),
}
HEAD = """\
# Every key of the YAML files

Written by `smallsteps recipes reference` from the models that validate the files; change those instead.
`smallsteps new recipe NAME` and `smallsteps new benchmark NAME` write commented starts, and
`smallsteps recipes show FILE` prints a file with everything filled in. An unknown key is an error that names
the nearest known one.
"""
_ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.+)$")


def reference() -> str:
    """The page, as Markdown."""
    done: set[Model] = set()
    parts = [HEAD]
    for title, text, model in PAGES:
        parts.append(f"## {title}\n\n{text}\n")
        parts += [_section(one, top=one is model) for one in _reached(model, done)]
    return "\n".join(parts)


def meanings(model: Model) -> dict[str, str]:
    """What each key of a model means, by its spelling in the file."""
    listed: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Strict):
            listed |= _attributes(base)
    return {
        _key(name, field): field.description or listed.get(_key(name, field), "")
        for name, field in model.model_fields.items()
    }


def models() -> list[Model]:
    """Every model of the page, in its order."""
    done: set[Model] = set()
    return [model for _, _, top in PAGES for model in _reached(top, done)]


def _reached(model: Model, done: set[Model]) -> Iterator[Model]:
    """A model and those in its fields that were not seen before, outer ones first."""
    if model in done:
        return
    done.add(model)
    yield model
    for field in model.model_fields.values():
        for inner in _models_in(field.annotation):
            yield from _reached(inner, done)


def _section(model: Model, top: bool) -> str:
    described = meanings(model)
    head = "" if top else f"### {_title(model)}\n\n{_first_paragraph(model)}\n\n"
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in model.model_fields.items():
        key = _key(name, field)
        values = _listed(NAMES[model, key]) if (model, key) in NAMES else _value(field)
        cells = (f"`{key}`", values, _default(field), described[key])
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return head + "\n".join(rows) + "\n"


def _key(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _title(model: Model) -> str:
    name = model.__name__.removesuffix("Spec")
    kind = model.model_fields.get("kind")
    if kind is not None and get_origin(kind.annotation) is Literal and len(get_args(kind.annotation)) == 1:
        return f"Teacher: {get_args(kind.annotation)[0]}"
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def _anchor(model: Model) -> str:
    return re.sub(r"[^a-z0-9 -]", "", _title(model).lower()).replace(" ", "-")


def _first_paragraph(model: Model) -> str:
    return " ".join((inspect.getdoc(model) or "").split("\n\n")[0].split())


def _attributes(model: Model) -> dict[str, str]:
    """Entries of the `Attributes:` of a docstring; `a, b: text` describes both."""
    _, _, listed = inspect.cleandoc(model.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in listed.split("\n"):
        entry = _ENTRY.match(line)
        if entry:
            names = entry[1].split(", ")
            found |= dict.fromkeys(names, entry[2].strip())
        elif line.startswith("        ") and names:
            for name in names:
                found[name] += f" {line.strip()}"
        elif line.strip():
            break
    return found


def _value(field: FieldInfo) -> str:
    text = _named(field.annotation)
    bounds = [_bound(constraint) for constraint in field.metadata]
    return ", ".join([text, *(bound for bound in bounds if bound)])


def _named(annotation: Any) -> str:
    """What values a type takes, in words."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        bounds = [_bound(constraint) for constraint in inner[1:]]
        return ", ".join([_named(inner[0]), *(bound for bound in bounds if bound)])
    if origin in (Union, types.UnionType):
        return " or ".join(_named(one) for one in inner if one is not types.NoneType)
    if origin is Literal:
        return _listed(inner)
    if origin is list or (origin is tuple and inner[-1] is Ellipsis):
        return f"list of {_named(inner[0])}"
    if origin is tuple:
        return f"list of {len(inner)}: {_named(inner[0])}"
    if origin is dict and inner[1] in (Any, dict[str, Any]):
        return "any keys and values"
    if origin is dict:
        return f"{_named(inner[1])} by {'name' if inner[0] is str else _named(inner[0])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{_title(annotation).lower()}](#{_anchor(annotation)})"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _listed(one.value for one in annotation)
    known = {str: "text", int: "whole number", float: "number", bool: "`true`, `false`"}
    return known.get(annotation, "any value")


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"`{one}`" for one in values)


def _bound(constraint: Any) -> str:
    if isinstance(constraint, FieldInfo):
        return ", ".join(filter(None, map(_bound, constraint.metadata)))
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most", "min_length": "at least"}
    for name, word in words.items():
        if (limit := getattr(constraint, name, None)) is not None:
            return f"{word} {limit}"
    pattern = getattr(constraint, "pattern", None)
    return f"matching `{pattern}`" if pattern else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        given = value.model_dump(mode="json", exclude_defaults=True)
        kind = getattr(value, "kind", None)
        return f"`{{kind: {kind}}}`" if kind else f"`{given}`" if given else "its defaults"
    if isinstance(value, dict):
        return ", ".join(f"`{key}`" for key in value) or "empty"
    if isinstance(value, str):
        return f"`{value}`" if value else "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, list | tuple):
        return f"`{list(value)}`" if value else "empty"
    return f"`{value}`"


def _models_in(annotation: Any) -> Iterator[Model]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models_in(inner)
